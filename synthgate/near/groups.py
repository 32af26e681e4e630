"""Rows that share a key, as groups that can be decided apart from each other."""

from __future__ import annotations

from collections.abc import Iterator
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


def edges(keys: Array, rows: Array, reach: int = 1) -> Pairs:
    """Return pairs of the rows of each key, (uint32 rows, uint32 rows): up to `reach` rows apart.

    With a reach of 1 the rows of a key are linked like a chain. A larger one is for pairs that are
    sifted afterwards, so that a row which resembles none of its key breaks no chain. `keys` are
    uint32 and `rows` numbers below 2^32, one key to a row; a row may come again.
    """
    joined = np.sort((keys.astype(np.uint64) << np.uint64(32)) | rows.astype(np.uint64))
    sorted_keys = joined >> np.uint64(32)
    found: list[Pairs] = [(rows[:0].astype(np.uint32), rows[:0].astype(np.uint32))]
    for step in range(1, reach + 1):
        same = sorted_keys[step:] == sorted_keys[:-step]
        if not same.any():
            break
        found.append(_paired(joined, same, step))
    first, second = (np.concatenate([pair[at] for pair in found]) for at in (0, 1))
    return first, second


def _paired(joined: Array, chosen: Array, step: int) -> Pairs:
    first, second = joined[:-step][chosen] & _LOW, joined[step:][chosen] & _LOW
    differ = first != second
    return first[differ].astype(np.uint32), second[differ].astype(np.uint32)


def taken(pairs: Pairs, chosen: Array) -> Pairs:
    """Return some of the pairs."""
    return pairs[0][chosen], pairs[1][chosen]


def components(pairs: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return (rows that have a neighbour, in the order of their groups; where each group begins).

    Both int64; rows of a group ascend.
    """
    first = np.concatenate([np.zeros(0, dtype=np.uint32), *(pair[0] for pair in pairs)])
    second = np.concatenate([np.zeros(0, dtype=np.uint32), *(pair[1] for pair in pairs)])
    rows = distinct(np.concatenate([first, second])).astype(np.int64)
    labels = _labels(len(rows), np.searchsorted(rows, first), np.searchsorted(rows, second))
    order = np.argsort(labels, kind="stable")
    return rows[order], np.flatnonzero(np.diff(labels[order], prepend=-1))


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


def _labels(count: int, first: Array, second: Array) -> Array:
    """Return for each of `count` things the smallest one that it is linked to, by any way."""
    labels = np.arange(count)
    while True:
        one, other = labels[first], labels[second]
        if (one == other).all():
            return labels
        least = np.minimum(one, other)
        np.minimum.at(labels, one, least)
        np.minimum.at(labels, other, least)
        while (labels[labels] != labels).any():
            labels = labels[labels]
