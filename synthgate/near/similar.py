"""Jaccard similarity of many pairs of rows at once: exact, as sets of 32-bit shingles."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
_BLOCK = 1 << 18  # shingles that are looked up at a time
_SHINGLE = np.uint64(32)


class Similar:
    """The sets of shingles of some sides, sorted: 8 bytes a shingle.

    `shingles` are those of all sides, one after the other, and `counts` says how many each has.
    """

    def __init__(self, shingles: Array, counts: Array, sides: int) -> None:
        self._sides = sides
        owners = np.repeat(np.arange(len(counts), dtype=np.uint64) << _SHINGLE, counts)
        owners |= shingles
        owners.sort()  # where they are: a large group is what takes most memory
        self._sets = owners[np.append(True, owners[1:] != owners[:-1])] if len(owners) else owners
        self._sizes = np.bincount((self._sets >> _SHINGLE).astype(np.intp), minlength=len(counts))
        self._ends = np.cumsum(self._sizes)

    def of(self, rows: Array, others: Array, least: float) -> Array:
        """Return the similarity of pairs of rows, of the side where it is less.

        Two empty sides are equal. Pairs whose sizes alone keep them below `least` get 0.
        """
        found = np.ones(len(rows))
        for side in range(self._sides):
            one, other = rows * self._sides + side, others * self._sides + side
            sizes = self._sizes[one], self._sizes[other]
            possible = np.minimum(*sizes) >= least * np.maximum(*sizes)
            found[~possible] = 0.0
            together = sizes[0] + sizes[1]
            left = np.flatnonzero((found > 0) & (together > 0))
            if len(left):
                shared = self._shared(one[left], other[left])
                found[left] = np.minimum(found[left], shared / (together[left] - shared))
        return found

    def _shared(self, one: Array, other: Array) -> Array:
        """Return how many shingles pairs of sides have in common."""
        sizes = self._sizes[other]
        parts = [np.zeros(0, dtype=np.int64)]
        at, ends = 0, np.cumsum(sizes)
        while at < len(one):
            done = ends[at - 1] if at else 0
            stop = max(at + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
            parts.append(self._counted(one[at:stop], other[at:stop], sizes[at:stop]))
            at = stop
        return np.concatenate(parts)

    def _counted(self, one: Array, other: Array, sizes: Array) -> Array:
        """Look the shingles of `other` up in those of `one`, which is mostly the same for many."""
        pairs = np.repeat(np.arange(len(one)), sizes)
        inside = np.arange(len(pairs)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        sought = self._sets[(self._ends[other] - sizes)[pairs] + inside] & np.uint64(0xFFFFFFFF)
        sought |= one[pairs].astype(np.uint64) << _SHINGLE
        first, last = one.min(), one.max()
        among = self._sets[self._ends[first] - self._sizes[first] : self._ends[last]]
        at = np.searchsorted(among, sought)
        at[at == len(among)] = 0
        return np.bincount(pairs[among[at] == sought], minlength=len(one))
