"""Drop invalid rows, rows that repeat others, and rows that were copied from a reference.

Shape: by key. Two passes over pages of rows, each page by any process; candidates are read once
more between them. Memory: 36 bytes a row, 65 more for near duplicates at the default threshold, 8 a
word of short texts and 36 for each survivor that is named; a page (1 MiB) and the rows that are
compared at a time in each process; 12 bytes a word of the references; with exclusions 30 bytes a
row and 150 where it has parents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from synthgate.config import DedupePolicy
from synthgate.descent import Barred
from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.jsonl import FilePages, HeldPages, Pages
from synthgate.near import groups
from synthgate.near.against import References
from synthgate.near.compared import Compared
from synthgate.near.emit import Drop, Ids, Sheet, Written
from synthgate.near.pool import Pool, Serial
from synthgate.near.quality import REASONS
from synthgate.near.scan import NOTHING
from synthgate.near.settings import Settings
from synthgate.near.survey import Survey, survey
from synthgate.provenance import Stamp
from synthgate.rows import Decision, Row

Engine = Callable[[Settings], AbstractContextManager[Pool]]
Array = Any
WHY = ("", "exact", "near", "fuzzy", "same_output", "same_prompt")
_DETAILS = (
    "", "repeats {place}", "Jaccard {similarity:.3f} with {place}",
    "ratio {similarity:.3f} with {place}", "the response of {place} again",
    "the prompt of {place} again",
)  # fmt: skip
_NAMED = 1_000  # rows that one process reads at a time for their ids


def dedupe(
    rows: Iterable[Row],
    shape: Shape,
    policy: DedupePolicy,
    references: Iterable[Row] = (),
    engine: Engine = Serial,
    barred: Barred | None = None,
) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; the rows are held in memory.

    Excluded rows go first, with all made from them, then invalid ones, then those that share text
    with `references`. Of rows that are equal (after NFC, case folding and white space runs becoming
    one blank: words are never joined) the preferred one is a candidate, which is near (Jaccard
    similarity of word 3-grams, on each compared side) or alike (short texts, one word spelt
    differently) a kept row of higher preference or is kept itself. The caps come last. Each reject
    names a kept row: one that repeats a row which is dropped later shares the fate of that row.
    """
    held = list(rows)
    with engine(settings(policy, shape, references, barred=barred)) as pool:
        verdicts = decide(HeldPages(held), policy, pool, barred)
    for number, row in enumerate(held):
        if drop := verdicts.drop_of(number, lambda at: (held[at].id, _place(held[at]))):
            yield Decision(row, drop.reason, drop.detail, drop.survivor)
        else:
            yield Decision(row)


def _place(row: Row) -> str:
    return f"{row.file}:{row.line}"


def settings(
    policy: DedupePolicy,
    shape: Shape,
    references: Iterable[Row] = (),
    *,
    stamp: Stamp | None = None,
    handles: tuple[int, ...] = (),
    barred: Barred | None = None,
) -> Settings:
    """Return what every process must know."""
    return Settings(
        shape=shape,
        on=policy.on,
        near=policy.near_threshold,
        fuzzy=policy.fuzzy_threshold,
        refusals=policy.drop_refusals,
        caps=bool(policy.max_same_output or policy.max_same_prompt),
        longest=_kept_by(policy.keep)[0] == "longest",
        best=_kept_by(policy.keep)[1],
        references=References(references) if policy.against else None,
        stamp=stamp or Stamp(),
        handles=handles,
        barred=barred,
    )


def _kept_by(keep: str) -> tuple[str, str]:
    """Return (kind, field) of the order of preference."""
    kind, _, field = keep.partition(":")
    if kind not in ("first", "longest", "best") or (kind == "best") != bool(field):
        raise UsageError(f"--keep must be first, longest or best:FIELD (got {keep!r})")
    return kind, field


def refuse_unworthy(worth: Array, policy: DedupePolicy) -> None:
    """Raise `UsageError` where no row has the number by which rows are to be preferred."""
    if _kept_by(policy.keep)[0] == "best" and len(worth) and np.isneginf(worth).all():
        raise UsageError(f"--keep {policy.keep}: no row has a number there")


def decide(
    pages: Pages, policy: DedupePolicy, pool: Pool, barred: Barred | None = None
) -> Verdicts:
    """Return why which rows go; the pages are read once, and rows that share keys once more."""
    known = survey(pool.map("scan", pages.first()), pages.took, barred)
    refuse_unworthy(known.worth, policy)
    ranks = _ranks(known, _kept_by(policy.keep)[0])
    verdicts = Verdicts(known)
    alive = verdicts.alive
    verdicts.drop("exact", *_pairs(groups.repeated(known.digests, ranks, alive)))
    compared = Compared(pages, ranks)
    for reason, row, survivor, similarity in compared.repeats(
        known, alive, policy.near_threshold, pool
    ):
        verdicts.drop(reason, row, survivor, similarity)
    verdicts.inherit()
    capped(verdicts, known, ranks, policy)
    return verdicts


def capped(verdicts: Verdicts, known: Survey, ranks: Array, policy: DedupePolicy) -> None:
    """Drop what is beyond the caps on rows with one response, then with one prompt."""
    for reason, most, digests in (
        ("same_output", policy.max_same_output, known.responses),
        ("same_prompt", policy.max_same_prompt, known.prompts),
    ):
        if most:
            # many rows have no prompt: it is not one prompt
            written = verdicts.alive & (digests != NOTHING)
            verdicts.drop(reason, *groups.beyond(digests, ranks, written, most))
            verdicts.inherit()


def write(pages: FilePages, verdicts: Verdicts, pool: Pool, *, rejects: bool) -> Iterator[Written]:
    """Read the pages again and yield what is written of each, in order."""
    ids = _ids(pages, verdicts, pool) if rejects else None

    def named(row: int) -> tuple[str, str]:
        return (ids.of(row), pages.place(row)) if ids else ("", "")

    def sheets() -> Iterator[Sheet]:
        first = 0
        for leaf in pages.again():
            forms = verdicts.forms[first : first + leaf.rows].tobytes()
            yield Sheet(leaf, forms, verdicts.drops(first, leaf.rows, named), rejects)
            first += leaf.rows

    return pool.map("write", sheets())


def _ids(pages: FilePages, verdicts: Verdicts, pool: Pool) -> Ids:
    """Return the ids of the rows that rejects name."""
    named = verdicts.named()
    size = _NAMED if pages.seekable else max(1, len(named))
    parts = (named[at : at + size].tolist() for at in range(0, len(named), size))
    found = bytearray()
    for part in pool.map("name", map(pages.pick, parts)):
        found += bytes.fromhex("".join(part))
    return Ids(named, bytes(found))


def _ranks(known: Survey, kind: str) -> Array:
    """Return the place of each row in the order of preference, equals in input order."""
    count = len(known)
    if kind == "first":
        return np.arange(count, dtype=np.uint32)
    ranks = np.empty(count, dtype=np.uint32)
    ranks[np.argsort(-known.worth, kind="stable")] = np.arange(count, dtype=np.uint32)
    return ranks


class Verdicts:
    """Why rows go: faults, overlaps, and for repeats reason, survivor and similarity.

    `alive` is kept up to date.
    """

    def __init__(self, known: Survey) -> None:
        count = len(known)
        self.forms, self._faults, self._overlaps = known.forms, known.faults, known.overlaps
        self._excluded = known.excluded
        self.alive = known.faults == 0
        self.alive[list(known.excluded)] = False
        self.alive[list(known.overlaps)] = False
        self._reasons = np.zeros(count, dtype=np.uint8)
        self._survivors = np.full(count, -1, dtype=np.int32)
        self._similarities = np.zeros(count, dtype=np.float32)

    def drop(self, reason: str, rows: Any, survivors: Any, similarity: Any = 0.0) -> None:
        """Drop rows, one number or an array, for the survivors of the same form."""
        self._reasons[rows] = WHY.index(reason)
        self._survivors[rows] = survivors
        self._similarities[rows] = similarity
        self.alive[rows] = False

    def inherit(self) -> None:
        """Let the rows that repeat a row dropped since share its fate: survivors are kept rows."""
        rows = np.flatnonzero(self._survivors >= 0)
        rows = rows[self._reasons[self._survivors[rows]] > 0]
        lost = self._survivors[rows]
        self._reasons[rows] = self._reasons[lost]
        self._similarities[rows] = self._similarities[lost]
        self._survivors[rows] = self._survivors[lost]

    def repeats(self, first: int, count: int) -> tuple[Array, Array, Array, Array]:
        """Return (places, numbers of `WHY`, survivors, similarities) of some rows that repeat."""
        part = slice(first, first + count)
        rows = np.flatnonzero(self._reasons[part])
        at = rows + first
        return rows, self._reasons[at], self._survivors[at], self._similarities[at]

    def named(self) -> Array:
        """Return the rows that others repeat, ascending."""
        return groups.distinct(self._survivors[self._survivors >= 0])

    def drops(self, first: int, count: int, named: Named) -> list[Drop]:
        """Return which rows of a page go, numbered from its first row."""
        gone = np.flatnonzero(~self.alive[first : first + count]).tolist()
        return [Drop(row, *self._why(first + row, named)) for row in gone]

    def drop_of(self, row: int, named: Named) -> Drop | None:
        """Return why a row goes, None if it stays; `named` gives id and place of a survivor."""
        return None if self.alive[row] else Drop(row, *self._why(row, named))

    def _why(self, row: int, named: Named) -> tuple[str, str, str]:
        """Return (reason, detail, id of the survivor) of a row that goes."""
        if row in self._excluded:
            return "excluded", self._excluded[row], ""
        if fault := REASONS[self._faults[row]]:
            return fault, "", ""
        if row in self._overlaps:
            found = self._overlaps[row]
            return "contaminated", found.words(), found.id
        survivor, place = named(int(self._survivors[row]))
        reason, similarity = self._reasons[row], float(self._similarities[row])
        return WHY[reason], _DETAILS[reason].format(place=place, similarity=similarity), survivor


Named = Callable[[int], tuple[str, str]]


def _pairs(survivors: Array) -> tuple[Array, Array]:
    rows = np.flatnonzero(survivors >= 0)
    return rows, survivors[rows]
