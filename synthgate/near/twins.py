"""Rows of one kind that nearly repeat rows of another: real ones that a generator wrote.

Candidates share a band key or all of their normalised text, and their sketches leave it possible
that they are near; each is then compared exactly, on prompt and response apart, with at most 64 of
those that share most keys with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from synthgate.near.kin import Kin
from synthgate.near.scan import Texts, sides
from synthgate.near.shingles import shingled
from synthgate.near.similar import Similar

Array = Any
Reader = Callable[[Sequence[int]], Iterator[Texts]]
_COMPARED = 64  # of one row
_OF_A_KEY = 64
_ROWS = 2_048  # whose candidates are sought at a time
_PAIRS = 2_000  # read and compared at a time
_VALUES = 1 << 16  # looked up at a time
_EVEN = 1e-9


def candidates(known: Kin, first: Array, second: Array) -> Iterator[tuple[Array, Array]]:
    """Yield (rows of `first`, rows of `second`) of pairs that may be near, int64, some at a time.

    Of the rows that share a key with one, those with the smallest digests count: the order in
    which rows came decides nothing.
    """
    ordered = first[np.argsort(known.digests[first], kind="stable")]
    indices = [_Index(keys, ordered, second) for keys in (known.digests, *known.keys())]
    sketch = known.sketch()
    for start in range(0, len(second), _ROWS):
        found = np.concatenate([index.sharing(start, second) for index in indices])
        pairs, times = np.unique(found, axis=0, return_counts=True)
        likely = known.likely(pairs[:, 1], pairs[:, 0], sketch)
        pairs, times = pairs[likely], times[likely]
        pairs = pairs[np.lexsort((known.digests[pairs[:, 1]], -times, pairs[:, 0]))]
        ranks = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0])
        pairs = pairs[ranks < _COMPARED]
        yield pairs[:, 1], pairs[:, 0]


class _Index:
    """The rows of both kinds by one key, those alone that share it with a row of the other kind.

    Memory: 12 bytes for each of these, 20 a row while it is made.
    """

    def __init__(self, keys: Array, first: Array, second: Array) -> None:
        order = np.argsort(keys[first], kind="stable").astype(np.uint32)
        theirs = keys[first[order]]
        hit = _among(keys[second], theirs)
        self._places = np.flatnonzero(hit).astype(np.uint32)  # in `second`
        self._wanted = keys[second[self._places]]
        kept = _among(theirs, np.sort(self._wanted))
        self._rows, self._theirs = first[order[kept]].astype(np.uint32), theirs[kept]

    def sharing(self, start: int, second: Array) -> Array:
        """Return the (row of second, row of first) pairs that share the key: int64, (pairs, 2)."""
        part = slice(*np.searchsorted(self._places, (start, start + _ROWS)))
        wanted, rows = self._wanted[part], second[self._places[part]]
        starts = np.searchsorted(self._theirs, wanted)
        counts = np.searchsorted(self._theirs, wanted, side="right") - starts
        counts = np.minimum(counts, _OF_A_KEY)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        theirs = self._rows[np.repeat(starts, counts) + within]
        return np.stack([np.repeat(rows, counts), theirs], 1)


def _among(values: Array, known: Array) -> Array:
    """Tell of each value whether it is among those that are known, which ascend."""
    found = np.zeros(len(values), bool)
    for start in range(0, len(values) if len(known) else 0, _VALUES):
        part = values[start : start + _VALUES]
        at = np.minimum(np.searchsorted(known, part), len(known) - 1)
        found[start : start + _VALUES] = known[at] == part
    return found


def twins(
    pairs: tuple[Array, Array], read: Reader, threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Yield (row of first, row of second, similarity) of the pairs that are near.

    `read` gives the texts of rows by their numbers, ascending. The similarity is the Jaccard
    similarity of word 3-grams of the side where it is less.
    """
    first, second = pairs
    for start in range(0, len(first), _PAIRS):
        ones, others = first[start : start + _PAIRS], second[start : start + _PAIRS]
        rows = np.unique(np.concatenate([ones, others]))
        known = shingled(sides(read(rows.tolist()), "both"), 2, marked=False)
        similar = Similar(known.shingles, np.diff(known.ends, prepend=0), 2)
        places = np.searchsorted(rows, ones), np.searchsorted(rows, others)
        found = similar.of(*places, threshold - _EVEN)
        for at in np.flatnonzero(found >= threshold - _EVEN).tolist():
            yield int(ones[at]), int(others[at]), float(found[at])
