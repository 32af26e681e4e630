"""One line of the journal: what was asked, what came back, and the key that a request is known by.

`key` is SHA-256 over model, messages, sampling parameters and sample number. Limits such as
`max_tokens` are not part of it, because a complete answer stays complete under another limit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import orjson

from synthgate.config import GeneratePolicy
from synthgate.errors import BadLine
from synthgate.generators import Answer, Bench, Message, Request
from synthgate.generators.answers import Unusable, reasoning_in, usable_text
from synthgate.generators.schemas import fits
from synthgate.provenance import attach
from synthgate.rows import parse

_LONGEST_NAME = 200  # characters
Sampling = dict[str, Any] | Literal["unknown"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a journal: what was asked, and what came back.

    `body` is the raw body, as JSON where it is a JSON object and as a string where it is not;
    `error` names what kept an answer from coming at all (`timeout`, `connection`, ...).
    `redacted` says that the API key stood in the body and was cut out; `dialect` spells out what
    the model had to be asked otherwise for.
    """

    key: str
    model: str
    sample: int
    sampling: Sampling
    messages: list[Message]
    max_tokens: int = 0
    status: int = 0
    error: str = ""
    detail: str = ""
    redacted: bool = False
    dialect: str = ""
    body: dict[str, Any] | str = ""

    def computed_key(self) -> str:
        """Return the key that belongs to what was asked."""
        return request_key(self.model, self.messages, self.sampling, self.sample)

    def answer(self) -> Answer:
        """Return what this record means: a text, or the reason why there is none."""
        if self.error:
            return Answer("", self.error, self.detail, self.key)
        body = _parsed(self.body)
        try:
            text = usable_text(self.status, body, self.max_tokens)
            if isinstance(self.sampling, dict) and "schema" in self.sampling:
                fits(text, canonical(self.sampling["schema"]))
        except Unusable as why:
            return Answer("", why.reason, why.detail, self.key)
        if self.redacted:
            return Answer("", "key_in_answer", "the answer held the API key", self.key)
        return Answer(
            text,
            key=self.key,
            served=_named(body, "model"),
            reasoning=reasoning_in(body),
            fingerprint=_named(body, "system_fingerprint"),
        )

    def line(self) -> bytes:
        """Return the record as a line, without line end."""
        asked = msgspec.to_builtins(self)
        asked.pop("body", None)
        encoded = json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()
        return attach(encoded, "body", _embedded(self.body))


def _parsed(body: dict[str, Any] | str) -> dict[str, Any] | str:
    """Return a body as the object that it is, or as the text that it is instead."""
    if isinstance(body, str):
        with contextlib.suppress(BadLine):
            return parse(body.encode())
    return body


def _named(body: dict[str, Any] | str, name: str) -> str:
    """Return a short text of a body, such as what the server says the model is; "" without one."""
    said = body.get(name) if isinstance(body, dict) else None
    return said[:_LONGEST_NAME] if isinstance(said, str) else ""


def canonical(value: Any) -> bytes:
    """Return JSON with sorted keys, no white space and ASCII only: equal values, equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def request_key(model: str, messages: Sequence[Message], sampling: Sampling, sample: int) -> str:
    """Return the journal key of one wanted answer."""
    asked = {"messages": list(messages), "model": model, "sample": sample, "sampling": sampling}
    return hashlib.sha256(canonical(asked)).hexdigest()


def sampling_of(policy: GeneratePolicy, seed: int) -> Sampling:
    """Return the sampling parameters of a run: whatever makes another draw of the same prompt."""
    if policy.unknown_sampling:
        return "unknown"
    known = {"seed": seed, "temperature": float(policy.temperature), "top_p": float(policy.top_p)}
    return known | ({"extra": json.loads(policy.extra_body)} if policy.extra_body else {})


class Keys:
    """The journal keys of the requests of a run."""

    def __init__(self, bench: Bench) -> None:
        self._model, self._schema = bench.policy.model, bench.schema
        self._sampling = sampling_of(bench.policy, bench.seed)

    def sampling(self, request: Request) -> Sampling:
        """Return the sampling parameters of a request, its schema among them."""
        schema = self._schema if request.schema is None else request.schema
        if schema is None or isinstance(self._sampling, str):
            return self._sampling
        return {**self._sampling, "schema": schema}

    def of(self, request: Request) -> str:
        """Return the key of a request."""
        return request_key(self._model, request.messages, self.sampling(request), request.sample)


def raised_limit(policy: GeneratePolicy) -> int:
    """Return the limit for the second try of an answer that was cut off: twice the first one."""
    return max(policy.max_tokens, policy.raised_max_tokens or 2 * policy.max_tokens)


def record(
    model: str,
    prompt: str | Sequence[Message],
    answer: str,
    *,
    sample: int = 0,
    sampling: Sampling = "unknown",
) -> bytes:
    """Return the journal line of an answer that was published elsewhere, without line end.

    It replays with `--offline`, and with `--unknown-sampling` where nobody wrote the sampling
    parameters down. A `prompt` that is a text stands for one user message.
    """
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    message = {"role": "assistant", "content": answer}
    return Record(
        key=request_key(model, messages, sampling, sample),
        model=model,
        sample=sample,
        sampling=sampling,
        messages=messages,
        status=200,
        body={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]},
    ).line()


def _embedded(body: dict[str, Any] | str) -> bytes:
    """Return the body as it lies in a line: as JSON if it reads back, else as a string."""
    if isinstance(body, dict):
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    raw = body.encode()
    try:
        parse(b'{"body":%b}' % raw)
        parse(raw)
    except BadLine:
        return orjson.dumps(body)
    # Line ends in valid JSON stand between its tokens only.
    return raw.replace(b"\r", b" ").replace(b"\n", b" ")
