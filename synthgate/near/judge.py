"""Which rows of a group repeat which: exact comparison, in the order of preference.

Rows are taken in their order. A row that is near, or alike, a row that was kept before it is
dropped and names that row; any other is kept. So every survivor is a kept row, every dropped row
was compared with its survivor, and no chain of small steps drops what resembles nothing kept.

A row is compared with kept rows that share a key with it, those that share most keys first. Where
more than 64 rows share a key, the first 64 kept ones count, so that the time grows with the number
of rows even where all rows share a key.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from synthgate.jsonl.leaves import sliced
from synthgate.jsonl.pages import Page, looked
from synthgate.near import alike
from synthgate.near.scan import sides, sought
from synthgate.near.settings import Settings
from synthgate.near.shingles import shingled
from synthgate.near.similar import Similar

Array = Any
_KEPT = 64  # rows of one key that later ones are compared with
_COMPARED = 64  # kept rows that one row is compared with
_ROWS = 1_000  # that are read at a time
_EVEN = 1e-9  # a similarity is a quotient: what is equal in numbers may differ in the last bit


@dataclass(frozen=True)
class Repeat:
    """A row of a group that repeats another: positions by preference, why, how much."""

    row: int
    survivor: int
    reason: str
    similarity: float


class Group(NamedTuple):
    """Rows that are compared with each other: a page without bad lines, its rows by preference."""

    page: Page
    order: list[int]


def judge(group: Group, settings: Settings) -> list[Repeat]:
    """Return the rows of a group that repeat kept ones, as positions in the order of preference."""
    bench = _Bench(group, settings)
    rows, keys = _keyed(bench.bands, *bench.short)
    if _crowded(keys):
        return list(_one_by_one(bench, rows, keys, len(group.order)))
    return list(_all_pairs(bench, *_pairs(rows, keys)))


def _keyed(bands: Array | None, owners: Array, short: Array) -> tuple[Array, Array]:
    """Return (row, key) pairs, int64 and uint64, each once; keys of bands and short texts apart."""
    rows, keys = [owners.astype(np.uint64)], [short.astype(np.uint64) | np.uint64(1 << 48)]
    if bands is not None:
        count, width = bands.shape
        rows.append(np.repeat(np.arange(count, dtype=np.uint64), width))
        keys.append((bands + (np.arange(width, dtype=np.uint64) << np.uint64(40))).ravel())
    row, key = np.concatenate(rows), np.concatenate(keys)
    order = np.lexsort((row, key))
    row, key = row[order].astype(np.int64), key[order]
    fresh = np.ones(len(key), dtype=bool)
    fresh[1:] = (key[1:] != key[:-1]) | (row[1:] != row[:-1])
    return row[fresh], key[fresh]


def _crowded(keys: Array) -> bool:
    """Tell whether more rows share a key than one row is compared with; `keys` are sorted."""
    return bool((keys[_KEPT:] == keys[:-_KEPT]).any())


def _pairs(rows: Array, keys: Array) -> tuple[Array, Array, Array]:
    """Return (row, earlier row, how many keys they share) of all pairs that share one."""
    first, second = [rows[:0]], [rows[:0]]
    for step in range(1, _KEPT):
        same = keys[step:] == keys[:-step]
        if not same.any():
            break
        first.append(rows[:-step][same])
        second.append(rows[step:][same])
    joined, shared = np.unique(
        (np.concatenate(second) << 32) | np.concatenate(first), return_counts=True
    )
    return joined >> 32, joined & 0xFFFFFFFF, shared


def _all_pairs(bench: _Bench, rows: Array, others: Array, shared: Array) -> Iterator[Repeat]:
    """Yield the rows that repeat kept ones, all pairs compared at once."""
    near = bench.similar(rows, others)
    order = np.lexsort((others, -shared, rows))
    columns = (rows[order].tolist(), others[order].tolist(), near[order].tolist())
    dropped: set[int] = set()
    compared: Counter[int] = Counter()
    for row, other, similarity in zip(*columns, strict=True):
        if row in dropped or other in dropped or compared[row] == _COMPARED:
            continue
        compared[row] += 1
        repeat = bench.repeat(row, other, similarity)
        if repeat is not None:
            dropped.add(row)
            yield repeat


def _one_by_one(bench: _Bench, rows: Array, keys: Array, count: int) -> Iterator[Repeat]:
    """Yield the rows that repeat kept ones, each compared with a few of those kept before it."""
    shared = np.zeros(len(keys), dtype=bool)
    shared[1:] = keys[1:] == keys[:-1]
    shared[:-1] |= shared[1:]  # nobody asks for the others
    own: dict[int, list[int]] = defaultdict(list)
    for row, key in zip(rows[shared].tolist(), keys[shared].tolist(), strict=True):
        own[row].append(key)
    kept: dict[int, list[int]] = {}
    for row in range(count):
        repeat = bench.first(row, Counter(r for key in own[row] for r in kept.get(key, ())))
        if repeat is not None:
            yield repeat
            continue
        for key in own[row]:
            holders = kept.setdefault(key, [])
            if len(holders) < _KEPT:
                holders.append(row)


class _Bench:
    """The rows of a group, known by their places in the order of preference, to be compared.

    `bands` (rows, bands) and `short` (rows, keys) are their keys. Rows are read some at a time, and
    texts are kept only of those that have a key as short ones: shingles do for the others.
    """

    def __init__(self, group: Group, settings: Settings) -> None:
        self._settings = settings
        self._order: Array = np.array(group.order, dtype=np.int64)  # the place in the page of each
        self._texts: dict[int, list[bytes]] = {}
        self._words: dict[int, list[alike.Side]] = {}
        parts = zip(*self._read(group.page), strict=True)
        shingles, sizes, bands, rows, keys = map(np.concatenate, parts)
        del parts
        self.bands = bands[self._order] if settings.near else None
        self.short = rows, keys
        self._similar = Similar(shingles, sizes, settings.sides)

    def _read(self, page: Page) -> Iterator[tuple[Array, ...]]:
        """Yield shingles, how many a side has, band keys, short rows and their keys."""
        settings, shape, step = self._settings, self._settings.shape, self._settings.sides
        ranks = np.empty_like(self._order)
        ranks[self._order] = np.arange(len(ranks))
        for part in sliced(page, _ROWS):
            values = looked(part).values
            texts = sides(((shape.prompt(v), shape.response(v)) for v in values), settings.on)
            found = shingled(texts, step, marked=settings.marked)
            bands, (owners, keys) = sought(found, settings)
            own, ranks = ranks[: len(texts) // step], ranks[len(texts) // step :]
            for row in set(owners.tolist()):
                self._texts[int(own[row])] = texts[row * step : (row + 1) * step]
            kept = bands[0] if bands else np.zeros((len(own), 0), np.uint32)
            yield found.shingles, np.diff(found.ends, prepend=0), kept, own[owners], keys

    def similar(self, rows: Array, others: Array) -> Array:
        """Return the Jaccard similarity of pairs of rows, of the side where it is less."""
        if not self._settings.near:
            return np.zeros(len(rows))
        places = self._order[rows], self._order[others]
        return self._similar.of(*places, self._settings.near - _EVEN)

    def first(self, row: int, candidates: Counter[int]) -> Repeat | None:
        """Return which of these kept rows a row repeats, None if it repeats none."""
        ranked = sorted(candidates, key=lambda other: (-candidates[other], other))[:_COMPARED]
        if not ranked:
            return None
        near = self.similar(np.full(len(ranked), row), np.array(ranked)).tolist()
        found = (self.repeat(row, *pair) for pair in zip(ranked, near, strict=True))
        return next(filter(None, found), None)

    def repeat(self, row: int, other: int, near: float) -> Repeat | None:
        """Return that a row repeats another, None if it does not."""
        if near and near >= self._settings.near - _EVEN:
            return Repeat(row, other, "near", near)
        if row not in self._texts or other not in self._texts:
            return None
        fuzzy = alike.ratio(self._of(row), self._of(other))
        if fuzzy and fuzzy >= self._settings.fuzzy - _EVEN:
            return Repeat(row, other, "fuzzy", fuzzy)
        return None

    def _of(self, row: int) -> list[alike.Side]:
        found = self._words.get(row)
        if found is None:
            found = self._words[row] = [alike.sided(text) for text in self._texts[row]]
        return found
