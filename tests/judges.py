"""Judges on loopback: one that is honest, and those that want a bad answer to pass.

Each is a behaviour of `ChatServer`, chosen with `server.always`. They read the prompt as any model
would: the code and the candidates stand in it.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from tests.chat_server import BEHAVIOURS, Behaviour, Handler, _reset, completion

_CODE = re.compile(r'"code"(?:: | is )"([0-9a-f]{16})"')
_FENCE = r"<<<{} ([0-9a-f]{{16}})>>>\n(.*)\n<<<END {} \1>>>"
RIGHT = "RIGHT: "  # how an answer begins that the honest judge finds good
KNOWN = {"17 + 25": "17 + 25 = 42, because", "river flows": "The river Seine flows"}


@dataclass(frozen=True)
class Asked:
    """What a judge was asked."""

    prompt: str
    code: str
    candidates: tuple[str, ...]
    repaired: bool

    @property
    def pair(self) -> bool:
        """Whether two candidates are to be compared."""
        return len(self.candidates) == 2


def asked(body: dict[str, Any]) -> Asked:
    """Return what stands in a request to a judge."""
    messages = body["messages"]
    opening = messages[0]["content"]
    names = ("CANDIDATE 1", "CANDIDATE 2") if "<<<CANDIDATE 1 " in opening else ("CANDIDATE",)
    found = [re.search(_FENCE.format(name, name), opening, re.DOTALL) for name in names]
    candidates = tuple(each[2] for each in found if each)
    code = _CODE.findall(messages[-1]["content"])[-1]
    prompt = re.search(_FENCE.format("PROMPT", "PROMPT"), opening, re.DOTALL)
    return Asked(prompt[2] if prompt else "", code, candidates, len(messages) > 1)


def canary(it: Asked) -> bool:
    """Tell whether a question is about an answer that is known."""
    return any(about in it.prompt for about in KNOWN)


def good(it: Asked, candidate: str) -> bool:
    """Tell whether the honest judge finds an answer right."""
    known = [right for about, right in KNOWN.items() if about in it.prompt]
    return candidate.startswith((RIGHT, *known))


def answer(code: str, quote: str, choice: str, key: str = "answer") -> str:
    """Return an answer in the form that is asked for."""
    return json.dumps({"code": code, "reason": "so it seems", "quote": quote, key: choice})


def honestly(body: dict[str, Any]) -> str:
    """Return what an honest judge says."""
    it = asked(body)
    if not it.pair:
        return answer(it.code, it.candidates[0][:80], "yes" if good(it, it.candidates[0]) else "no")
    better = [number for number, each in enumerate(it.candidates) if good(it, each)]
    if len(better) != 1:
        return answer(it.code, "", "neither", "better")
    return answer(it.code, it.candidates[better[0]][:80], str(better[0] + 1), "better")


def says(text: str) -> dict[str, Any]:
    """Return a completion of a server that has a name of its own for its model."""
    return {**completion(text), "model": "judge-as-served"}


def _judge(speak: Any) -> Behaviour:
    return lambda handler, body: handler.reply(200, says(speak(body)))


def _always(choice: str, better: str) -> Any:
    def speak(body: dict[str, Any]) -> str:
        it = asked(body)
        if it.pair:
            return answer(it.code, it.candidates[int(better) - 1][:80], better, "better")
        return answer(it.code, it.candidates[0][:80], choice)

    return speak


def _injected(body: dict[str, Any]) -> str:
    """Honest, except where the candidate tells it what to say."""
    it = asked(body)
    if it.pair or not re.search(r"(?i)ignore|instructions|answer every", it.candidates[0]):
        return honestly(body)
    return answer(it.code, it.candidates[0][:80], "yes")


def _with(**changes: Any) -> Any:
    """Say yes to all in the form that is asked for, but for some keys."""

    def speak(body: dict[str, Any]) -> str:
        said = {**json.loads(_always("yes", "1")(body)), **changes}
        return json.dumps({key: value for key, value in said.items() if value is not ...})

    return speak


def _half_proven(body: dict[str, Any]) -> str:
    """Quote properly for the first criterion, and nothing for the second one."""
    it = asked(body)
    if it.pair or "do all of what" in body["messages"][0]["content"]:
        return _with(quote="")(body)
    return _always("yes", "1")(body)


def _only_on_rows(speak: Any) -> Any:
    """Be honest about the canaries, which all ask about a sum or a river, and then speak."""

    def judge(body: dict[str, Any]) -> str:
        it = asked(body)
        return honestly(body) if canary(it) else speak(body)

    return judge


def _slow(handler: Handler, body: dict[str, Any]) -> None:
    time.sleep(1.5)
    handler.reply(200, says(_always("yes", "1")(body)))


def _dies(handler: Handler, body: dict[str, Any]) -> None:
    """Answer the canaries, then cut every connection."""
    it = asked(body)
    if canary(it):
        handler.reply(200, says(honestly(body)))
    else:
        _reset(handler, body)


def _hesitant(body: dict[str, Any]) -> str:
    """Honest, but only when it is asked the second time."""
    return honestly(body) if asked(body).repaired else "Well, let me think."


def _moody(body: dict[str, Any]) -> str:
    """Say something else to every other sample of a row."""
    return _always("yes" if body["seed"] % 2 else "no", "1")(body)


HOSTILE: dict[str, Any] = {
    "always_yes": _always("yes", "1"),
    "always_second": _always("yes", "2"),
    "injected": _injected,
    "quoting_nothing": _with(quote=""),
    "quoting_a_crumb": _with(quote="a"),
    "quoting_blanks": _with(quote=" " * 20),
    "quoting_elsewhere": _with(quote="as everybody knows it is entirely right"),
    "half_proven": _half_proven,
    "no_quote": _with(quote=...),
    "no_code": _with(code=...),
    "another_code": _with(code="0123456789abcdef"),
    "true_for_yes": _with(answer=True, better=True),
    "more_keys": _with(score=10),
    "broken_json": lambda body: _always("yes", "1")(body)[:-1],
    "twice_the_key": lambda body: _always("yes", "1")(body)[:-1] + ',"answer":"yes","better":"1"}',
    "in_prose": lambda body: "I think: " + _always("yes", "1")(body),
    "bare_yes": lambda _: "yes",
    "huge": lambda body: _always("yes", "1")(body)[:-1] + " " * 3_000_000 + "}",
    "huge_nesting": lambda body: "[" * 100_000,
    "echo_candidate": lambda body: asked(body).candidates[0],
    "echo_all": lambda body: body["messages"][-1]["content"],
    "echo_form": lambda body: body["messages"][-1]["content"].split("nothing else:\n")[-1],
}
ROWS_ONLY = {f"{name}_on_rows": _only_on_rows(speak) for name, speak in HOSTILE.items()}
JUDGES: dict[str, Behaviour] = {
    **{name: _judge(speak) for name, speak in {**HOSTILE, **ROWS_ONLY}.items()},
    "honest": _judge(honestly),
    "always_no": _judge(_always("no", "1")),
    "hesitant": _judge(_hesitant),
    "moody_on_rows": _judge(_only_on_rows(_moody)),
    "too_slow": _slow,
    "dies": _dies,
}
BEHAVIOURS |= JUDGES
