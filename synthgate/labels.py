"""What people said about rows: one label a line, `{"id", "verdict", "reviewer", ...}`.

A label log is a file of such lines that only grows. Each line also holds its number `seq`, from
1, and `prev`: the SHA-256 of the bytes of the line before it, without line end; that of the first
line is the digest of the plan. So no line can be changed, taken out or put in between without a
break; what a reviewer says later about a row counts instead of what was said before, and both
stay on record.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from synthgate.errors import BadLine, InputError, Stale
from synthgate.jsonl import Log, open_log
from synthgate.rows import Row, parse

WORST_FIRST = ("fail", "edit", "unsure", "skip", "pass")
_FIELDS = ("id", "verdict", "reviewer", "plan", "seq", "prev")


# --- the chain --------------------------------------------------------------------------


class Chain:
    """Where a log stands: `head` is the `prev` of its next line, `seq` the lines so far.

    Of a label log it begins with the digest of the plan.
    """

    def __init__(self, begin: str) -> None:
        self.head, self.seq = begin, 0

    def seal(self, said: Mapping[str, Any]) -> bytes:
        """Return the next line of the log, and move on to it."""
        sealed = {**said, "seq": self.seq + 1, "prev": self.head}
        line = json.dumps(sealed, ensure_ascii=False, separators=(",", ":")).encode()
        self._move(line)
        return line

    def follow(self, line: bytes, value: Mapping[str, Any], where: str) -> None:
        """Move on to a line that is there already, or raise `Stale` where the chain is broken."""
        if value.get("prev") != self.head or value.get("seq") != self.seq + 1:
            raise Stale(
                f"{where}: the chain of the log is broken: line {self.seq + 1} must follow the "
                f"one that its prev names"
            )
        self._move(line)

    def _move(self, line: bytes) -> None:
        self.head, self.seq = hashlib.sha256(line).hexdigest(), self.seq + 1


class LabelLog:
    """A label log that is open for appending."""

    def __init__(self, log: Log, plan: str) -> None:
        self._log, self._plan, self._chain = log, plan, Chain(plan)
        self.labels: list[dict[str, Any]] = []
        """What the log holds, in the order in which it was said."""
        for number, (_, line) in enumerate(log.lines(), 1):
            where = f"{log.path}:{number}"
            try:
                value = parse(line)
            except BadLine as error:
                raise error.at(log.path, number) from None
            self._chain.follow(line, value, where)
            self.labels.append(value)

    def append(self, row_id: str, verdict: str, reviewer: str, **more: Any) -> None:
        """Add one label; it is on disk when this returns."""
        said = {"id": row_id, "verdict": verdict, "reviewer": reviewer, "plan": self._plan, **more}
        self._log.append(self._chain.seal(said))
        self.labels.append(said)


@contextlib.contextmanager
def open_labels(path: str, plan: str) -> Iterator[LabelLog]:
    """Open the label log of a plan for the time of a `with` block; made if it is not there.

    A last line without an end, left by a killed process, is cut off: that label was never given.
    Raises `Stale` where the chain is broken or another plan's, `Locked` while another process has
    the log open.
    """
    with open_log(path, write=True, cut=True) as log:
        yield LabelLog(log, plan)


# --- labels -----------------------------------------------------------------------------


class Label(msgspec.Struct, frozen=True):
    """What one reviewer said about one row; `more` is whatever else the line held."""

    id: str
    verdict: str
    reviewer: str
    more: dict[str, Any] = {}


class Said:
    """What each reviewer said about each row id, as it is added line by line.

    `changed` counts the verdicts of a log that a reviewer took back with a later line, `to_pass`
    those of them that became a pass; `looked` has the longest look of a reviewer at a row, in
    milliseconds, by (row id, reviewer).
    """

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Label]] = {}
        self.changed = self.to_pass = 0
        self.looked: dict[tuple[str, str], int] = {}

    def add(self, row: Row, label: Label, *, chained: bool = False) -> bool:
        """Add one label; return False where it says again what is known.

        In a log the later line counts. In a plain file there is no later: `InputError` is raised
        where a line contradicts another one of its reviewer.
        """
        if type(ms := label.more.get("ms")) is int and ms >= 0:
            at = label.id, label.reviewer
            self.looked[at] = max(ms, self.looked.get(at, 0))
        if chained:
            before = self.by_id.setdefault(label.id, {}).get(label.reviewer)
            self.by_id[label.id][label.reviewer] = label
            taken_back = before is not None and before.verdict not in (label.verdict, "skip")
            self.changed += taken_back
            self.to_pass += taken_back and label.verdict == "pass"
            return True
        known = self.by_id.setdefault(label.id, {}).setdefault(label.reviewer, label)
        if known.verdict != label.verdict:
            raise InputError(
                f"{row.file}:{row.line}: {label.reviewer} says {label.verdict} and said "
                f"{known.verdict} about {label.id}"
            )
        return known is label


def read_label(row: Row) -> Label:
    """Return the label on a line, or raise `InputError` naming the line."""
    where, value = f"{row.file}:{row.line}", row.value
    for name in ("id", "verdict", "reviewer"):
        if not isinstance(value.get(name), str) or not value[name].strip():
            raise InputError(f"{where}: a label needs a text in {name!r}")
    if value["verdict"] not in WORST_FIRST:
        raise InputError(
            f"{where}: verdict {value['verdict'][:40]!r} is not pass, fail, edit, unsure or skip"
        )
    more = {key: each for key, each in value.items() if key not in _FIELDS}
    return Label(value["id"], value["verdict"], value["reviewer"], more)
