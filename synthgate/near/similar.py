"""Jaccard similarity of many pairs of rows at once: exact, as sets of 32-bit shingles."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
_BLOCK = 1 << 18  # shingles that are looked up at a time
_SPARSE = 16  # entries of a table for each value that is in it
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
            left = np.flatnonzero(found)
            shared = self._shared(one[left], other[left])
            together = sizes[0][left] + sizes[1][left] - shared
            found[left] = np.minimum(
                found[left], np.where(together, shared / np.maximum(together, 1), 1.0)
            )
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
        return np.bincount(pairs[_places(sought, among)], minlength=len(one))


def _places(sought: Array, among: Array) -> Array:
    """Return where in `sought` those values stand that are `among` others, which ascend.

    Where most are not, a table of their last bits tells so in a tenth of the time of a search.
    """
    mask = np.uint64((1 << (_SPARSE * len(among)).bit_length()) - 1)
    seen = np.zeros(int(mask) + 1, dtype=bool)
    seen[(among & mask).view(np.int64)] = True
    left = np.flatnonzero(seen[(sought & mask).view(np.int64)])
    at = np.searchsorted(among, sought[left])
    at[at == len(among)] = 0
    return left[among[at] == sought[left]]
