"""Rows that share a key, as groups that can be decided apart from each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

Array = Any
_LOW = np.uint64(0xFFFFFFFF)
REACH = 8  # rows that come next of a key, with which a row is paired before pairs are sifted


def repeated(digests: Array, ranks: Array, alive: Array) -> Array:
    """Return for each row the row that it repeats exactly, -1 for none: int32.

    Of equal rows the one with the smallest rank survives. Only rows that are `alive` count.
    """
    survivors = np.full(len(digests), -1, dtype=np.int32)
    rows = np.flatnonzero(alive)
    rows = rows[_shared(digests[rows, 0])]
    rows = rows[np.lexsort((ranks[rows], digests[rows, 1], digests[rows, 0]))]
    if not len(rows):
        return survivors
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (digests[rows[1:]] != digests[rows[:-1]]).any(axis=1)
    heads = rows[np.flatnonzero(fresh)[np.cumsum(fresh) - 1]]
    survivors[rows[~fresh]] = heads[~fresh]
    return survivors


def _shared(values: Array) -> Array:
    """Tell of each value whether it occurs more than once."""
    order = np.argsort(values).astype(np.uint32)
    same = values[order[1:]] == values[order[:-1]]
    found = np.zeros(len(values), dtype=bool)
    found[order[1:]] = same
    found[order[:-1]] |= same
    return found


def beyond(digests: Array, ranks: Array, alive: Array, most: int) -> tuple[Array, Array]:
    """Return (rows past the first `most` of equal digests, the first row of each): int64."""
    rows = np.flatnonzero(alive)
    rows = rows[np.lexsort((ranks[rows], digests[rows]))]
    if not len(rows):
        return rows, rows
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = digests[rows[1:]] != digests[rows[:-1]]
    heads = np.flatnonzero(fresh)[np.cumsum(fresh) - 1]
    over = np.arange(len(rows)) - heads >= most
    return rows[over], rows[heads[over]]


Pairs = tuple[Array, Array]


def edges(keys: Array, rows: Array, reach: int = 1) -> Iterator[Pairs]:
    """Yield pairs of the rows of each key, (uint32 rows, uint32 rows): up to `reach` rows apart.

    With a reach of 1 the rows of a key are linked like a chain. A larger one is for pairs that are
    sifted afterwards, so that a row which resembles none of its key breaks no chain. `keys` are
    uint32 and `rows` numbers below 2^32, one key to a row; a row may come again. Pairs come for one
    distance after the other: at most one of each row at a time.
    """
    joined = keys.astype(np.uint64)
    joined <<= np.uint64(32)
    joined |= rows.astype(np.uint64, copy=False)
    joined.sort()
    for step in range(1, reach + 1):
        same = (joined[step:] ^ joined[:-step]) <= _LOW
        if not same.any():
            return
        yield _paired(joined, same, step)
        if step == 1:
            joined = joined[_beside(same)]


def _beside(same: Array) -> Array:
    """Tell of values whether they are the same as the one before or after."""
    found = np.append(same, False)
    found[1:] |= same
    return found


def _paired(joined: Array, chosen: Array, step: int) -> Pairs:
    first = (joined[:-step][chosen] & _LOW).astype(np.uint32)
    second = (joined[step:][chosen] & _LOW).astype(np.uint32)
    differ = first != second
    return first[differ], second[differ]


def taken(pairs: Pairs, chosen: Array) -> Pairs:
    """Return some of the pairs."""
    return pairs[0][chosen], pairs[1][chosen]


class Forest:
    """Which of `count` rows are linked, by any way: 4 bytes a row, however many links there are.

    Each row points at a smaller one that it is linked to, the smallest of all at itself.
    """

    def __init__(self, count: int) -> None:
        self._up = np.arange(count, dtype=np.uint32)

    def link(self, first: Array, second: Array) -> None:
        """Take down that rows are linked with others."""
        one, other = self._roots(first), self._roots(second)
        while (apart := one != other).any():
            one, other = one[apart], other[apart]
            larger = np.maximum(one, other)
            np.minimum.at(self._up, larger, np.minimum(one, other))
            self._shorten(larger)
            one, other = self._up[one], self._up[other]

    def _roots(self, rows: Array) -> Array:
        found = self._up[rows]
        while ((higher := self._up[found]) != found).any():
            found = higher
        self._up[rows] = found
        return found

    def _shorten(self, rows: Array) -> None:
        up = self._up
        while ((higher := up[up[rows]]) != up[rows]).any():
            up[rows] = higher

    def groups(self) -> tuple[Array, Array]:
        """Return (rows that are linked, in the order of their groups; where each group begins).

        Both int64; rows of a group ascend.
        """
        up = self._up
        while ((higher := up[up]) != up).any():
            up = self._up = higher
        linked = up != np.arange(len(up), dtype=np.uint32)
        linked[up[linked]] = True
        rows = np.flatnonzero(linked)
        labels = up[rows]
        order = np.argsort(labels, kind="stable")
        labels = labels[order]
        fresh = np.ones(len(rows), dtype=bool)
        fresh[1:] = labels[1:] != labels[:-1]
        return rows[order], np.flatnonzero(fresh)


def components(pairs: Iterable[Pairs]) -> tuple[Array, Array]:
    """Return the groups of rows with any numbers, as `Forest.groups` does."""
    held = list(pairs)
    first, second = (
        np.concatenate([np.zeros(0, dtype=np.uint32), *(pair[at] for pair in held)])
        for at in (0, 1)
    )
    rows = distinct(np.concatenate([first, second])).astype(np.int64)
    forest = Forest(len(rows))
    forest.link(np.searchsorted(rows, first), np.searchsorted(rows, second))
    members, begins = forest.groups()
    return rows[members], begins


def spans(begins: Array, end: int, most: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of runs of whole groups, of `most` rows or one larger group each."""
    ends = np.append(begins[1:], end)
    at = 0
    while at < len(begins):
        first = int(begins[at])
        stop = max(at + 1, int(np.searchsorted(ends, first + most, side="right")))
        yield first, int(ends[stop - 1])
        at = stop


def distinct(values: Array) -> Array:
    """Return the values, ascending, each once; `np.unique` takes 40 times as long."""
    found = np.sort(values)
    fresh = np.ones(len(found), dtype=bool)
    fresh[1:] = found[1:] != found[:-1]
    return found[fresh]
