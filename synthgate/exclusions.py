"""What must not be trained on: ids, sources and runs that were traced, and all made from them.

The file is JSONL. Its first line may be a seal, `{"exclusions": N, "digest": "…"}`: the number of
lines that follow and the SHA-256 of their bytes, each with its line end. Each other line is
`{"kind": "id" | "source" | "run", "value": "…", "reason": "…"}`. A sealed file that was cut or
changed is refused; a list written by hand needs no seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from synthgate.errors import BadLine, InputError, Stale
from synthgate.rows import Provenance, parse

KINDS = ("id", "source", "run")


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


def write(exclusions: Iterable[Exclusion]) -> bytes:
    """Return the sealed file of some exclusions, sorted: the same ones give the same bytes."""
    found = sorted(set(exclusions), key=lambda each: (each.kind, each.value, each.reason))
    lines = [each.line() + b"\n" for each in found]
    seal = {"exclusions": len(lines), "digest": hashlib.sha256(b"".join(lines)).hexdigest()}
    return json.dumps(seal, separators=(",", ":")).encode() + b"\n" + b"".join(lines)


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
    if (count, hashlib.sha256(body).hexdigest()) != (seal["exclusions"], seal.get("digest")):
        raise Stale(f"{path}: the list of exclusions was cut or changed: its seal does not match")


def _exclusion(path: str, number: int, value: dict[str, object]) -> Exclusion:
    kind, what, reason = value.get("kind"), value.get("value"), value.get("reason", "")
    if kind not in KINDS or type(what) is not str or not what or type(reason) is not str:
        raise InputError(
            f'{path}:{number}: an exclusion is {{"kind": "id" | "source" | "run", "value": "…", '
            '"reason": "…"}'
        )
    return Exclusion(str(kind), what, reason)


class Excluded:
    """Which rows are excluded, once all are known: a row made from an excluded one is, too.

    Held are the excluded ids, and the rows with parents by these.
    """

    def __init__(self, exclusions: Iterable[Exclusion]) -> None:
        self._named: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        for each in exclusions:
            self._named[each.kind].setdefault(each.value, each.reason)
        self._gone = dict(self._named["id"])
        self._children: dict[str, list[tuple[int, str]]] = {}
        self.rows: dict[int, str] = {}
        """The reason for each excluded row, by its number."""

    def look(self, number: int, row: Provenance) -> None:
        """Look at a row."""
        named = self._named
        for kind, value in (("id", row.id), ("source", row.source), ("run", row.run)):
            if value in named[kind]:
                self._drop(number, row.id, f"{kind} {value}: {named[kind][value]}")
                return
        for parent in row.parents.split():
            self._children.setdefault(parent, []).append((number, row.id))

    def _drop(self, number: int, row_id: str, why: str) -> None:
        self.rows.setdefault(number, why)
        self._gone.setdefault(row_id, why)

    def close(self) -> None:
        """Exclude what was made from excluded rows, however many steps away."""
        waiting = list(self._gone)
        while waiting:
            parent = waiting.pop()
            for number, row_id in self._children.pop(parent, ()):
                if row_id not in self._gone:
                    waiting.append(row_id)
                self._drop(number, row_id, f"made from {parent}")
