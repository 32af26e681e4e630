"""The tasks of `dedupe` on a cluster, in the order of `ray_dedupe`: each a function of its parts.

A task returns what is told to the process that was started, and what stays where the task ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from synthgate.config import DedupePolicy
from synthgate.engine.parts import Job, Part
from synthgate.jsonl import Leaf
from synthgate.jsonl.pages import Line, LinesPage, Page
from synthgate.jsonl.splits import Split, pages_of, unchanged
from synthgate.near import groups, shuffle
from synthgate.near.judge import Group
from synthgate.near.judge import judge as judged
from synthgate.near.scan import Scanned
from synthgate.near.scan import scan as scanned_of
from synthgate.near.settings import Settings
from synthgate.near.survey import Survey, survey
from synthgate.rejects import bad_line
from synthgate.stages.dedupe import WHY, Verdicts, capped, refuse_unworthy

Array = Any
Pairs = tuple[Array, Array]
_BIN = 20_000  # rows of a bin, about
_BINS = 64
_TASK = 1_000  # rows that are compared at a time


@dataclass(frozen=True)
class Local:
    """What is known of the rows of one part, where they were scanned."""

    known: Survey
    leaves: list[Leaf]
    longest: int  # bytes of a line


@dataclass(frozen=True)
class Standing:
    """What decides which rows of a part go: whether they may stay so far, worth, texts capped."""

    alive: Array
    worth: Array
    prompts: Array
    responses: Array


@dataclass(frozen=True)
class United:
    """Rows that may be alike, group after group, where groups begin, and bins of whole groups."""

    rows: Array
    begins: Array
    bins: list[tuple[int, int]]


@dataclass(frozen=True)
class Picked:
    """Rows of a part that one bin compares: numbers, worth, lines."""

    rows: Array
    worth: Array
    lines: list[bytes]


@dataclass(frozen=True)
class Gone:
    """Rows of a part that go: places in it, numbers of `WHY`, survivors, similarities."""

    rows: Array
    reasons: Array
    survivors: Array
    similarities: Array


Item = tuple[int, Split, Local, int]
"""A part: its number, where it is, what is known of it, the number of its first row."""


def scan(
    item: tuple[Split, dict[int, str]], job: Job, settings: Settings, shares: int
) -> tuple[Any, ...]:
    """Look at the rows of a part: `Local`, `Standing` and shares of its digests stay."""
    split, gone = item
    unchanged(split)
    leaves = _Leaves(split, job)

    def scanned() -> Iterator[Scanned]:
        for page in pages_of(split, job.max_line):
            leaves.page = page
            yield scanned_of(page, settings)

    known = survey(scanned(), leaves.took)
    known.excluded = gone
    alive = Verdicts(known).alive
    standing = Standing(alive, known.worth, known.prompts, known.responses)
    equal = shuffle.equal(known.digests, known.worth, alive, 0, shares)
    known = replace(known, digests=known.digests[:0])
    return leaves.part, Local(known, leaves.leaves, job.max_line), standing, *equal


class _Leaves:
    """What the first pass finds of the pages of a part, as `FilePages` keeps it of all."""

    def __init__(self, split: Split, job: Job) -> None:
        self.part = Part()
        self.leaves: list[Leaf] = []
        self.page: Page = LinesPage([], 0)
        self._split, self._job, self._lines = split, job, split.line

    def took(self, found: Scanned) -> None:
        """Take down what was found of the next page."""
        part, job, name = self.part, self._job, self._split.name
        page: Any = self.page
        before = page.before if isinstance(page, LinesPage) else self._lines
        for bad in found.bad:
            if not job.tolerant:
                raise bad.error().at(name, before + bad.number)
            part.bad += 1
            part.reasons[bad.reason] += 1
            if job.rejects:
                line = bad_line(name, before + bad.number, job.stage, bad.raw, bad.error())
                part.dropped.append(line)
        rows = len(found.numbers)
        held = isinstance(page, LinesPage)
        numbers = None if rows == found.lines and not held else found.numbers
        bad_places = frozenset(bad.place for bad in found.bad)
        kept = LinesPage([], 0) if held else page
        self.leaves.append(
            Leaf(kept, 0, name, before, rows, numbers, None, bad_places, found.check)
        )
        self._lines = before + found.lines
        part.rows += rows
        part.edited += found.edited


def repeats(equal: list[shuffle.Equal], starts: list[int]) -> tuple[None, Pairs]:
    """Find which rows repeat which exactly, in one share of the digests."""
    parts = zip(equal, starts, strict=False)
    return None, shuffle.repeats(replace(part, rows=part.rows + start) for part, start in parts)


def keys(item: Item, repeats: list[Pairs], shares: int, _settings: Settings) -> tuple[Any, ...]:
    """Return shares of the keys of the rows of a part that repeat none exactly."""
    _, _, here, first = item
    known = here.known
    alive = Verdicts(known).alive
    for rows, _ in repeats:
        alive[inside(rows, first, len(alive))] = False
    return None, *shuffle.keyed(known, alive, first, shares)


def inside(rows: Array, first: int, count: int) -> Array:
    """Return which of some ascending rows are in a part, as places there."""
    begin, end = np.searchsorted(rows, (first, first + count))
    return rows[begin:end].astype(np.int64) - first


def link(keyed: list[shuffle.Keyed], threshold: float) -> tuple[None, Pairs]:
    """Find which rows share keys, in one share of the keys."""
    return None, shuffle.linked(keyed, threshold)


def unite(forests: list[Pairs]) -> tuple[int, United]:
    """Find the groups of rows that may be alike, and bins of whole groups."""
    rows, begins = groups.components(forests)
    size = max(_BIN, len(rows) // _BINS)
    bins = list(groups.spans(begins, len(rows), size))
    return len(bins), United(rows, begins, bins)


def pick(item: Item, found: United, shares: int, _settings: Settings) -> tuple[Any, ...]:
    """Return the lines of the rows of a part that are in groups, bin by bin."""
    _, split, here, first = item
    count = len(here.known)
    bins = np.repeat(np.arange(len(found.bins)), [last - begin for begin, last in found.bins])
    mine = np.flatnonzero((found.rows >= first) & (found.rows < first + count))
    mine = mine[np.argsort(found.rows[mine])]
    rows, bins = found.rows[mine], bins[mine]
    lines = list(lines_of(split, here, (rows - first).tolist()))
    worth = here.known.worth[rows - first] if len(here.known.worth) else here.known.worth
    shown = []
    for number in range(shares):
        at = np.flatnonzero(bins == number)
        chosen = worth[at] if len(worth) else worth
        shown.append(Picked(rows[at], chosen, [lines[each] for each in at.tolist()]))
    return (None, *shown) if shown else (None, None)


def lines_of(split: Split, local: Local, wanted: list[int]) -> Iterator[bytes]:
    """Yield the lines of some rows of a part, by their places there, ascending."""
    left = iter(wanted)
    sought, row = next(left, None), -1
    for leaf in opened(split, local):
        if sought is None or row + leaf.rows < sought:
            row += leaf.rows
            continue
        for place, (_, _, raw) in enumerate(leaf.page.lines()):
            if type(raw) is not bytes or place in leaf.bad:
                continue
            row += 1
            if row == sought:
                yield raw
                sought = next(left, None)


def opened(split: Split, local: Local) -> Iterator[Leaf]:
    """Yield the pages of a part again, with what was found there."""
    unchanged(split)
    longest = local.longest
    for leaf, page in zip(local.leaves, pages_of(split, longest), strict=True):
        yield replace(leaf, page=page)


def judge(item: tuple[int, list[Picked]], united: United, settings: Settings) -> tuple[None, Gone]:
    """Compare the rows of each group of one bin."""
    number, parts = item
    begin, end = united.bins[number]
    worth: dict[int, float] = {}
    lines: dict[int, bytes] = {}
    for part in parts:
        rows = part.rows.tolist()
        lines.update(zip(rows, part.lines, strict=True))
        worth.update(zip(rows, part.worth.tolist(), strict=bool(len(part.worth))))
    inside = united.begins[(united.begins >= begin) & (united.begins < end)] - begin
    gone: list[tuple[int, int, int, float]] = []
    for first, last in groups.spans(inside, end - begin, _TASK):
        numbers = np.sort(united.rows[begin + first : begin + last]).tolist()
        held: list[Line] = [(at, 0, lines.pop(row)) for at, row in enumerate(numbers, 1)]
        order = sorted(range(len(numbers)), key=lambda at: (-worth.get(numbers[at], 0.0), at))
        for each in judged(Group(LinesPage(held, len(held)), order), settings):
            row, survivor = numbers[order[each.row]], numbers[order[each.survivor]]
            gone.append((row, WHY.index(each.reason), survivor, each.similarity))
    rows, reasons, survivors, similarities = zip(*gone, strict=True) if gone else ((),) * 4
    return None, Gone(
        np.array(rows, dtype=np.int64),
        np.array(reasons, dtype=np.uint8),
        np.array(survivors, dtype=np.int64),
        np.array(similarities, dtype=np.float32),
    )


def resolve(
    task: tuple[list[Standing], list[Pairs], list[Gone], list[int]], policy: DedupePolicy
) -> tuple[Any, ...]:
    """Decide which rows go: repeats of rows that go themselves, caps; what each part loses."""
    standing, equal, near, starts = task
    known = _whole(standing)
    refuse_unworthy(known.worth, policy)
    verdicts = Verdicts(known)
    for pairs in equal:
        verdicts.drop("exact", *pairs)
    for each in near:
        drop(verdicts, each)
    verdicts.inherit()
    capped(verdicts, known, shuffle.preferred(known.worth, len(known)), policy)
    gone = (Gone(*verdicts.repeats(first, end - first)) for first, end in pairwise(starts))
    return None, *gone, verdicts.named()


def _whole(parts: list[Standing]) -> Survey:
    """Return what is known of all rows that decides which of them go."""
    empty = np.zeros(0, np.uint64)
    alive = np.concatenate([np.zeros(0, bool), *(part.alive for part in parts)])
    worth = np.concatenate([np.zeros(0), *(part.worth for part in parts)])
    prompts = np.concatenate([empty, *(part.prompts for part in parts)])
    responses = np.concatenate([empty, *(part.responses for part in parts)])
    faults = (~alive).astype(np.uint8)
    return Survey(faults, empty, worth, prompts, responses, empty, [], empty, (empty, empty))


def drop(verdicts: Verdicts, gone: Gone) -> None:
    """Take down why some rows go."""
    for number in np.unique(gone.reasons).tolist():
        at = gone.reasons == number
        verdicts.drop(WHY[number], gone.rows[at], gone.survivors[at], gone.similarities[at])
