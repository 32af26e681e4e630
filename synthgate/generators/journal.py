"""The journal: every raw answer that was ever bought, the one mechanism for resume, cache, replay.

One JSON line for each settled request, on disk before the answer is used. A request is known by
`key`: SHA-256 over model, messages, sampling parameters and sample number. Limits such as
`max_tokens` are not part of it, because a complete answer stays complete under another limit.
Texts stay in the file; memory is about 250 bytes for each recorded request.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
import orjson

from synthgate.config import GeneratePolicy
from synthgate.errors import BadLine
from synthgate.generators import Answer, Message
from synthgate.generators.answers import Unusable, usable_text
from synthgate.jsonl import Log, open_log
from synthgate.provenance import attach
from synthgate.rows import parse

_LONGEST_NAME = 200  # characters
Sampling = dict[str, Any] | Literal["unknown"]


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a journal: what was asked, and what came back.

    `body` is the raw body, as JSON where it is a JSON object and as a string where it is not;
    `error` names what kept an answer from coming at all (`timeout`, `connection`, ...).
    `redacted` says that the API key stood in the body and was cut out.
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
    body: dict[str, Any] | str = ""

    def computed_key(self) -> str:
        """Return the key that belongs to what was asked."""
        return request_key(self.model, self.messages, self.sampling, self.sample)

    def answer(self) -> Answer:
        """Return what this record means: a text, or the reason why there is none."""
        if self.error:
            return Answer("", self.error, self.detail, self.key)
        try:
            text = usable_text(self.status, self.body, self.max_tokens)
        except Unusable as why:
            return Answer("", why.reason, why.detail, self.key)
        if self.redacted:
            return Answer("", "key_in_answer", "the answer held the API key", self.key)
        return Answer(text, key=self.key, served=_served(self.body))

    def line(self) -> bytes:
        """Return the record as a line, without line end."""
        asked = msgspec.to_builtins(self)
        asked.pop("body", None)
        encoded = json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()
        return attach(encoded, "body", _embedded(self.body))


def _served(body: dict[str, Any] | str) -> str:
    """Return what the server says the model is, "" where it says nothing."""
    said = (body if isinstance(body, dict) else parse(body.encode())).get("model")
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
    return {"seed": seed, "temperature": float(policy.temperature), "top_p": float(policy.top_p)}


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


class Journal:
    """An open journal. Keeps where each answer lies, not the answers."""

    def __init__(self, log: Log | None) -> None:
        self._log = log
        self._usable: dict[bytes, int] = {}
        self._failed: dict[bytes, int] = {}
        self.damaged = 0
        self._adding = threading.Lock()  # several models may be recorded in one file
        for offset, line in log.lines() if log else ():
            found = _read(line)
            if found is None:
                self.damaged += 1
            else:
                self._remember(found, offset)

    def recorded(self, key: str) -> Answer | None:
        """Return what is on record for a request, the last usable answer before any failure."""
        name = bytes.fromhex(key)
        offset = self._usable.get(name, self._failed.get(name))
        if offset is None or self._log is None:
            return None
        found = _read(self._log.at(offset))
        return found.answer() if found else None

    def settled(self, key: str, max_tokens: int) -> Answer | None:
        """Return an answer that need not be bought again, None if the request must be made.

        An answer that was cut off is not asked for again under the same limit or a lower one: the
        same call would be paid for twice and cut off twice.
        """
        answer = self.recorded(key)
        if answer is None or not answer.reason:
            return answer
        if answer.reason == "truncated" and self._limit(key) >= max_tokens:
            return answer
        return None

    def _limit(self, key: str) -> int:
        offset = self._failed[bytes.fromhex(key)]
        found = _read(self._log.at(offset)) if self._log else None
        return found.max_tokens if found else 0

    def add(self, new: Record) -> None:
        """Put a record on disk; when this returns, no crash can lose it."""
        if self._log is not None:
            line = new.line()
            with self._adding:
                self._remember(new, self._log.append(line))

    def _remember(self, found: Record, offset: int) -> None:
        where = self._failed if found.answer().reason else self._usable
        where[bytes.fromhex(found.key)] = offset


def _read(line: bytes) -> Record | None:
    """Return the record on a line, None where the line is damaged or its key is not its own."""
    try:
        found = msgspec.convert(parse(line), Record)
    except (BadLine, msgspec.ValidationError):
        return None
    return found if found.key == found.computed_key() else None


@contextlib.contextmanager
def open_journal(path: str, *, write: bool) -> Iterator[Journal]:
    """Open a journal and index it; without `write` it is only read, and others may read it too."""
    with open_log(path, write=write) as log:
        yield Journal(log)
