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
            left = np.flatnonzero(found)
            shared = self._shared(one[left], other[left])
            together = sizes[0][left] + sizes[1][left] - shared
            found[left] = np.minimum(
                found[left], np.where(together, shared / np.maximum(together, 1), 1.0)
            )
        return found

    def _shared(self, one: Array, other: Array) -> Array:
        """Return how many shingles pairs of sides have in common, the smaller looked up."""
        swap = self._sizes[one] > self._sizes[other]
        small, large = np.where(swap, other, one), np.where(swap, one, other)
        sizes = self._sizes[small]
        parts = [np.zeros(0, dtype=np.int64)]
        at, ends = 0, np.cumsum(sizes)
        while at < len(small):
            done = ends[at - 1] if at else 0
            stop = max(at + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
            parts.append(self._counted(small[at:stop], large[at:stop], sizes[at:stop]))
            at = stop
        return np.concatenate(parts)

    def _counted(self, small: Array, large: Array, sizes: Array) -> Array:
        pairs = np.repeat(np.arange(len(small)), sizes)
        inside = np.arange(len(pairs)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        starts = (self._ends - self._sizes)[small]
        sought = self._sets[starts[pairs] + inside] & np.uint64(0xFFFFFFFF)
        sought |= large[pairs].astype(np.uint64) << _SHINGLE
        at = np.searchsorted(self._sets, sought)
        at[at == len(self._sets)] = 0
        return np.bincount(pairs[self._sets[at] == sought], minlength=len(small))
