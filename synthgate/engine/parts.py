"""What every task does around its stage: read a part of a file, collect lines and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from synthgate.errors import BadLine
from synthgate.formats import Shape
from synthgate.jsonl.splits import Split, rows_of
from synthgate.provenance import Stamp, emit
from synthgate.rejects import bad_line, reject_line
from synthgate.rows import Decision, Row


@dataclass(frozen=True)
class Job:
    """What all tasks of a run know: how rows are read, and what is wanted of those that go.

    `tolerant` says that bad lines are rejects, `rejects` that the lines of rejects are wanted.
    """

    stage: str
    stamp: Stamp
    shape: Shape
    max_line: int
    tolerant: bool
    rejects: bool
    seed: int


@dataclass
class Part:
    """What became of the rows of one split, in their order; `more` is what a stage adds."""

    rows: int = 0
    bad: int = 0
    edited: int = 0
    kept: list[bytes] = field(default_factory=list)
    dropped: list[bytes] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    more: Any = None


class Reading:
    """The rows of a split, with what is counted as they pass; `again` counts nothing."""

    def __init__(self, split: Split, job: Job, *, again: bool = False) -> None:
        self.part = Part()
        self._split, self._job, self._again = split, job, again

    def __iter__(self) -> Iterator[Row]:
        part, job = self.part, self._job
        for row in rows_of(self._split, job.stamp.provenance, self._bad_line, job.max_line):
            if not self._again:
                part.rows += 1
                part.edited += row.edited
            yield row

    def _bad_line(self, file: str, line: int, raw: bytes, error: BadLine) -> None:
        if not self._job.tolerant:
            raise error.at(file, line)
        if self._again:
            return
        self.part.bad += 1
        self.part.reasons[error.reason] += 1
        if self._job.rejects:
            self.part.dropped.append(bad_line(file, line, self._job.stage, raw, error))

    def settle(self, decisions: Iterable[Decision]) -> Part:
        """Return the part with the lines of all rows, kept and dropped."""
        part, job = self.part, self._job
        for decision in decisions:
            if not decision.reason:
                part.kept.append(emit(decision.row))
                continue
            part.reasons[decision.reason] += 1
            if job.rejects:
                part.dropped.append(reject_line(decision, job.stage))
        return part
