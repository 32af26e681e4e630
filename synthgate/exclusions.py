"""What must not be trained on: ids, sources, generators, prompts and runs, and all made from them.

The file is JSONL. Its first line may be a seal, `{"exclusions": N, "digest": "…"}`: the number of
lines that follow and the SHA-256 of their bytes, each with its line end. What `trace` writes says
there, too, what was asked (`query`), why (`reason`), how many rows it is about (`ids`) and which
(`ids_digest`); `head` is the SHA-256 of that line without `head`. Each other line is
`{"kind": "id" | "source" | "generator" | "prompt" | "run", "value": "…", "reason": "…"}`. A sealed
file that was cut or changed is refused; a list written by hand needs no seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from synthgate.errors import BadLine, InputError, Stale
from synthgate.rows import parse

KINDS = ("id", "source", "generator", "prompt", "run")
_KINDS = " | ".join(f'"{kind}"' for kind in KINDS)


@dataclass(frozen=True)
class Exclusion:
    """One thing that must not be trained on, and why."""

    kind: str
    value: str
    reason: str = ""

    def line(self) -> bytes:
        """Return its line, without line end."""
        fields = {"kind": self.kind, "value": self.value, "reason": self.reason}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def write(exclusions: Iterable[Exclusion], about: Mapping[str, Any] | None = None) -> bytes:
    """Return the sealed file of some exclusions, sorted: the same ones give the same bytes.

    `about` is what the seal says besides.
    """
    found = sorted(set(exclusions), key=lambda each: (each.kind, each.value, each.reason))
    lines = [each.line() + b"\n" for each in found]
    seal: dict[str, Any] = {"exclusions": len(lines)}
    seal["digest"] = hashlib.sha256(b"".join(lines)).hexdigest()
    if about:
        seal |= about
        seal["head"] = _head(seal)
    return json.dumps(seal, separators=(",", ":")).encode() + b"\n" + b"".join(lines)


def _head(seal: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a seal says, its own digest apart."""
    said = {key: value for key, value in seal.items() if key != "head"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read(path: str, text: str) -> tuple[list[Exclusion], bool]:
    """Return (the exclusions of a file, whether it is sealed).

    Raises `InputError` with the line that is none, and `Stale` where the seal does not match.
    """
    lines = text.encode().split(b"\n")
    head = _value(path, 1, lines[0]) if lines[0].strip() else {}
    sealed = "exclusions" in head
    if sealed:
        _check_seal(path, head, lines[1:])
    found = [
        _exclusion(path, number, _value(path, number, line))
        for number, line in enumerate(lines, 1)
        if line.strip() and not (sealed and number == 1)
    ]
    return found, sealed


def _value(path: str, number: int, line: bytes) -> dict[str, object]:
    try:
        return parse(line)
    except BadLine as error:
        raise error.at(path, number) from None


def _check_seal(path: str, seal: dict[str, object], lines: list[bytes]) -> None:
    body = b"\n".join(lines)
    count = sum(bool(line.strip()) for line in lines)
    shown = (seal["exclusions"], seal.get("digest"), seal.get("head", ""))
    head = _head(seal) if "head" in seal else ""
    if (count, hashlib.sha256(body).hexdigest(), head) != shown:
        raise Stale(f"{path}: the list of exclusions was cut or changed: its seal does not match")


def _exclusion(path: str, number: int, value: dict[str, object]) -> Exclusion:
    kind, what, reason = value.get("kind"), value.get("value"), value.get("reason", "")
    if kind not in KINDS or type(what) is not str or not what or type(reason) is not str:
        raise InputError(
            f'{path}:{number}: an exclusion is {{"kind": {_KINDS}, "value": "…", "reason": "…"}}'
        )
    return Exclusion(str(kind), what, reason)
