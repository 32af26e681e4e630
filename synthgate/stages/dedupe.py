"""Drop invalid rows, rows that repeat others, and rows that were copied from a reference.

Shape: by key. Two passes over rows that can be read again; candidates are read once more between
them. Memory: 25 bytes a row, 52 more for near duplicates at the default threshold and 4 a word of
short texts; beside them the survivors that are named (0.3 KB each), the rows that are compared at
a time (20,000; all that share keys directly or through others are compared together) and 12 bytes
a word of the references.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from synthgate.config import DedupePolicy
from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.near import groups
from synthgate.near.against import References
from synthgate.near.held import Again, Held
from synthgate.near.pool import Pool, Serial
from synthgate.near.quality import REASONS
from synthgate.near.scan import NOTHING, Texts
from synthgate.near.settings import Settings
from synthgate.near.survey import Survey, batches, survey
from synthgate.rows import Decision, Row
from synthgate.verifiers.documents import cut_off

Engine = Callable[[Settings], AbstractContextManager[Pool]]
Array = Any
WHY = ("", "exact", "near", "fuzzy", "same_output", "same_prompt")
_DETAILS = (
    "", "repeats {place}", "Jaccard {similarity:.3f} with {place}",
    "ratio {similarity:.3f} with {place}", "the response of {place} again",
    "the prompt of {place} again",
)  # fmt: skip
_TASK = 1_000  # rows that one process compares at a time
_ROUND = 20_000  # rows that are compared at a time
_ROUND_UNSEEKABLE = 400_000
_TRUNCATED = REASONS.index("invalid:truncated")


def dedupe(
    rows: Iterable[Row],
    shape: Shape,
    policy: DedupePolicy,
    references: Iterable[Row] = (),
    engine: Engine = Serial,
) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; rows that are not `Again` are held in memory.

    Invalid rows go first, then those that share text with `references`. Of rows that are equal
    (after NFC, case folding and white space runs becoming one blank: words are never joined) the
    preferred one is a candidate, which is near (Jaccard similarity of word 3-grams, on each
    compared side) or alike (short texts, one word spelt differently) a kept row of higher
    preference or is kept itself. The caps come last. Each reject names a kept row: one that
    repeats a row which is dropped later shares the fate of that row.
    """
    again = rows if isinstance(rows, Again) else Held(list(rows))
    settings = Settings(
        on=policy.on,
        near=policy.near_threshold,
        fuzzy=policy.fuzzy_threshold,
        refusals=policy.drop_refusals,
        promptless=shape.name in ("text", "fields"),
        caps=bool(policy.max_same_output or policy.max_same_prompt),
        references=References(references) if policy.against else None,
    )
    glance = _Glance(shape, policy.keep)
    with engine(settings) as pool:
        known = survey(pool.map("scan", batches(map(glance, again))))
        known.faults[[row for row in glance.cut if not known.faults[row]]] = _TRUNCATED
        ranks = glance.ranks(known.sizes)
        alive = known.faults == 0
        alive[list(known.overlaps)] = False
        verdicts = _Verdicts(alive)
        verdicts.drop("exact", *_pairs(groups.repeated(known.digests, ranks, alive)))
        compared = _Compared(again, shape, ranks)
        for reason, row, survivor, similarity in compared.repeats(known, alive, pool):
            verdicts.drop(reason, row, survivor, similarity)
    verdicts.inherit()
    for reason, most, digests in (
        ("same_output", policy.max_same_output, known.responses),
        ("same_prompt", policy.max_same_prompt, known.prompts),
    ):
        if most:
            written = alive & (digests != NOTHING)  # many rows have no prompt: it is not one prompt
            verdicts.drop(reason, *groups.beyond(digests, ranks, written, most))
            verdicts.inherit()
    yield from _decided(again, known, verdicts)


class _Glance:
    """What the first pass reads off a row itself: its texts, its worth, whether it was cut off."""

    def __init__(self, shape: Shape, keep: str) -> None:
        kind, _, self._field = keep.partition(":")
        if kind not in ("first", "longest", "best") or (kind == "best") != bool(self._field):
            raise UsageError(f"--keep must be first, longest or best:FIELD (got {keep!r})")
        self._shape, self._kind = shape, kind
        self._worth = array("d")
        self._count = 0
        self.cut: list[int] = []

    def __call__(self, row: Row) -> Texts:
        if b"eason" in row.payload and cut_off(row.value):  # finish_reason, doneReason, ...
            self.cut.append(self._count)
        if self._field:
            found = dig(row.value, self._field)
            self._worth.append(float(found) if type(found) in (int, float) else -math.inf)
        self._count += 1
        return self._shape.prompt(row.value), self._shape.response(row.value)

    def ranks(self, sizes: Array) -> Array:
        """Return the place of each row in the order of preference, equals in input order."""
        if self._kind == "first":
            return np.arange(self._count, dtype=np.uint32)
        worth = np.array(self._worth) if self._field else sizes.astype(np.float64)
        ranks = np.empty(self._count, dtype=np.uint32)
        ranks[np.argsort(-worth, kind="stable")] = np.arange(self._count, dtype=np.uint32)
        return ranks


class _Verdicts:
    """Why rows go: reason, survivor and similarity of each; `alive` is kept up to date."""

    def __init__(self, alive: Array) -> None:
        self._alive = alive
        self.reasons = np.zeros(len(alive), dtype=np.uint8)
        self.survivors = np.full(len(alive), -1, dtype=np.int32)
        self.similarities = np.zeros(len(alive), dtype=np.float32)

    def drop(self, reason: str, rows: Any, survivors: Any, similarity: float = 0.0) -> None:
        """Drop rows, one number or an array, for the survivors of the same form."""
        self.reasons[rows] = WHY.index(reason)
        self.survivors[rows] = survivors
        self.similarities[rows] = similarity
        self._alive[rows] = False

    def inherit(self) -> None:
        """Let the rows that repeat a row dropped since share its fate: survivors are kept rows."""
        rows = np.flatnonzero(self.survivors >= 0)
        rows = rows[self.reasons[self.survivors[rows]] > 0]
        lost = self.survivors[rows]
        self.reasons[rows] = self.reasons[lost]
        self.similarities[rows] = self.similarities[lost]
        self.survivors[rows] = self.survivors[lost]


def _pairs(survivors: Array) -> tuple[Array, Array]:
    rows = np.flatnonzero(survivors >= 0)
    return rows, survivors[rows]


class _Compared:
    """The rows that share keys, read again and compared exactly, group by group."""

    def __init__(self, rows: Again, shape: Shape, ranks: Array) -> None:
        self._rows, self._shape, self._ranks = rows, shape, ranks
        self._tasks: deque[Array] = deque()

    def repeats(
        self, known: Survey, alive: Array, pool: Pool
    ) -> Iterator[tuple[str, int, int, float]]:
        """Yield (reason, row, survivor, similarity) of rows that are near or alike others."""
        pairs = known.neighbours(alive)
        known.bands.clear()
        known.short.clear()
        candidates, begins = groups.components(pairs)
        del pairs
        for found in pool.map("judge", self._groups(candidates, begins)):
            numbers = self._tasks.popleft()
            for repeat in found:
                row, survivor = int(numbers[repeat.row]), int(numbers[repeat.survivor])
                yield repeat.reason, row, survivor, repeat.similarity

    def _groups(self, candidates: Array, begins: Array) -> Iterator[list[Texts]]:
        """Yield the texts of whole groups, in the order of preference, some 1,000 at a time."""
        most = _ROUND if self._rows.seekable else _ROUND_UNSEEKABLE
        for first, last in _spans(begins, len(candidates), most):
            wanted = np.sort(candidates[first:last])
            texts = dict(zip(wanted.tolist(), self._read(wanted), strict=True))
            inside = begins[(begins >= first) & (begins < last)] - first
            for start, end in _spans(inside, last - first, _TASK):
                numbers = candidates[first + start : first + end]
                numbers = numbers[np.argsort(self._ranks[numbers])]
                self._tasks.append(numbers)
                yield [texts.pop(number) for number in numbers.tolist()]

    def _read(self, numbers: Array) -> Iterator[Texts]:
        for row in self._rows.only(numbers.tolist()):
            yield self._shape.prompt(row.value), self._shape.response(row.value)


def _spans(begins: Array, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of runs of whole groups, of `most` rows or one larger group each."""
    ends = np.append(begins[1:], end)
    at = 0
    while at < len(begins):
        first = int(begins[at])
        stop = max(at + 1, int(np.searchsorted(ends, first + most, side="right")))
        yield first, int(ends[stop - 1])
        at = stop


def _decided(rows: Again, known: Survey, verdicts: _Verdicts) -> Iterator[Decision]:
    """Read all rows again and yield what was decided about each."""
    named = np.zeros(len(known), dtype=bool)
    named[verdicts.survivors[verdicts.survivors >= 0]] = True
    places: dict[int, tuple[str, str]] = {}
    if (verdicts.survivors > np.arange(len(known))).any():  # some survivor comes after its repeats
        for number, row in enumerate(rows):
            if named[number]:
                places[number] = row.id, f"{row.file}:{row.line}"
    for number, row in enumerate(rows):
        if named[number]:
            places[number] = row.id, f"{row.file}:{row.line}"
        if fault := REASONS[known.faults[number]]:
            yield Decision(row, fault)
        elif number in known.overlaps:
            found = known.overlaps[number]
            yield Decision(row, "contaminated", found.words(), found.id)
        elif reason := WHY[verdicts.reasons[number]]:
            survivor, place = places[int(verdicts.survivors[number])]
            similarity = float(verdicts.similarities[number])
            detail = _DETAILS[verdicts.reasons[number]].format(place=place, similarity=similarity)
            yield Decision(row, reason, detail, survivor)
        else:
            yield Decision(row)
