"""Verdicts that took long or cost money, kept as they are given: a killed run goes on from them.

A verdict is used again for the same row id, check name and fingerprint, and never when it is an
`error`. Only what was there at the start is looked up: rows with the same bytes are judged each,
so that a run says the same with any number of workers. Memory: about 200 bytes a kept verdict.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

import msgspec

from synthgate.errors import BadLine
from synthgate.jsonl import Log
from synthgate.rows import parse
from synthgate.verifiers import Kind, Outcome, Verdict

HEAD = ("check", "kind", "config", "verdict", "reason", "override")
_OUTCOMES = frozenset(get_args(Outcome)) - {"error"}
_KINDS = frozenset(get_args(Kind))
_encode = msgspec.json.Encoder(enc_hook=str).encode
Check = tuple[str, str]  # name, fingerprint
Said = tuple[str, dict[str, Any]]  # row id, what one check said of it


def encode(value: Any) -> bytes:
    """Return a value as one line of JSON, whatever text a check may have put into it."""
    try:
        return _encode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace")


class Memory:
    """The kept verdicts of one run and of the one that was killed before it."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._adding = threading.Lock()
        self._offsets: dict[bytes, int] = {}
        for offset, line in log.lines():
            found = _read(line)
            if found is not None:
                self._offsets[_key(*found)] = offset

    def __len__(self) -> int:
        return len(self._offsets)

    def known(self, row_id: str, check: Check) -> Verdict | None:
        """Return what a check said of a row before, None if nothing."""
        offset = self._offsets.get(_digest(row_id, *check))
        found = None if offset is None else _read(self._log.at(offset))
        return None if found is None else _verdict(found[1])

    def keep(self, row_id: str, check: Check, verdict: Verdict) -> None:
        """Keep a verdict; when this returns, the death of the process cannot lose it."""
        if verdict.outcome == "error":
            return
        line = encode({"id": row_id, "said": shown(check, verdict.kind, verdict)})
        with self._adding:
            self._log.append(line, durable=False)

    def add(self, lines: Iterable[Mapping[str, Any]], checks: Iterable[Check]) -> None:
        """Take these checks' verdicts over from finished evidence, where none are kept yet."""
        wanted = set(checks)
        for row_id, said in _of_evidence(lines):
            name = _key(row_id, said)
            if (said["check"], said["config"]) in wanted and name not in self._offsets:
                line = encode({"id": row_id, "said": said})
                self._offsets[name] = self._log.append(line, durable=False)


def shown(check: Check, kind: str, verdict: Verdict) -> dict[str, Any]:
    """Return one check's verdict and its evidence, which cannot overwrite the verdict."""
    name, config = check
    head = {"check": name, "kind": kind, "config": config}
    head |= {"verdict": verdict.outcome, "reason": verdict.reason}
    if verdict.override:
        head["override"] = verdict.override
    return {**head, **verdict.evidence, **head}


def _of_evidence(lines: Iterable[Mapping[str, Any]]) -> Iterator[Said]:
    """Yield the usable verdicts in lines of evidence."""
    for line in lines:
        said = line.get("checks")
        for each in said if isinstance(said, list) else ():
            if found := _usable(line.get("id"), each):
                yield found


def _read(line: bytes) -> Said | None:
    """Return a kept verdict, None for a line that is damaged or not one of ours."""
    try:
        found = parse(line)
    except BadLine:
        return None
    return _usable(found.get("id"), found.get("said"))


def _usable(row_id: Any, said: Any) -> Said | None:
    """Return what a check said of a row, None unless it is a verdict that can be used again."""
    if type(row_id) is not str or type(said) is not dict:
        return None
    texts = all(type(said.get(name, "")) is str for name in HEAD)
    if not texts or said.get("verdict") not in _OUTCOMES:
        return None
    if said.get("kind", "") not in ("", *_KINDS) or not said.keys() >= {"check", "config"}:
        return None
    return row_id, said


def _verdict(said: dict[str, Any]) -> Verdict:
    evidence = {key: value for key, value in said.items() if key not in HEAD}
    reason, override, kind = (said.get(name, "") for name in ("reason", "override", "kind"))
    return Verdict(said["verdict"], reason, evidence, override, kind)


def _key(row_id: str, said: dict[str, Any]) -> bytes:
    return _digest(row_id, said["check"], said["config"])


def _digest(*names: str) -> bytes:
    return hashlib.blake2b(json.dumps(names).encode(), digest_size=16).digest()
