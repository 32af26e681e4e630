"""The density cap: keep a row while fewer than `cap` kept rows lie within the threshold.

Exact up to 200,000 rows; beyond, each row is compared with the rows of its nearest cells instead of
all. Time: n x kept x d multiplications, or the share of the cells that are looked into of that.
Memory: the vectors that are given, which serve as scratch, and 128 MiB; 40 bytes a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.clusters import Groups
from synthgate.clusters.cells import Cells, cells_of, one_cell

if TYPE_CHECKING:
    from synthgate.clusters import Flags, Numbers, Vectors

EXACT_ROWS = 200_000
BLOCK = 1024  # rows taken at a time
BLOCK_OF_CELLS = 4096  # the same, where each cell sees only some of them
NEVER = 1 << 62  # a cap that no row meets


def density_cap(
    vectors: Vectors, order: Numbers, threshold: float, cap: int, exact_rows: int = EXACT_ROWS
) -> Groups:
    """Return the groups of unit vectors (n, d) when the rows are taken in `order`.

    The first kept row of a region leads it: a row joins the earliest leader that is near, and
    leads a cluster of its own where none is. `vectors` is overwritten.
    """
    small = len(order) <= exact_rows
    cells = one_cell(vectors, order) if small else cells_of(vectors, order, threshold)
    found = _Run(cells, threshold, cap)
    size = BLOCK if cells.exact else BLOCK_OF_CELLS
    for start in range(0, len(order), size):
        found.take(order[start : start + size])
    return Groups(found.leaders, found.before, found.before < cap, cells.exact)


class _Run:
    """The state between two blocks of rows."""

    def __init__(self, cells: Cells, threshold: float, cap: int) -> None:
        import numpy as np

        rows = len(cells.homes)
        self.leaders: Numbers = np.arange(rows, dtype=np.int64)
        self.before: Numbers = np.zeros(rows, dtype=np.int64)
        self._leads: Flags = np.zeros(rows, dtype=bool)
        self._rank: Any = np.zeros(rows, dtype=np.int32)
        self._kept = 0
        self._cells, self._threshold, self._cap = cells, threshold, cap

    def take(self, block: Numbers) -> None:
        """Decide about the rows of a block, in their order."""
        import numpy as np

        vectors = self._cells.take(block)
        at, other = self._cells.near(vectors, self._threshold)
        counts = np.bincount(at, minlength=len(block))
        first = self._first_leaders(len(block), at, other)
        inside = _earlier_near(vectors, self._threshold)
        keep = self._settle(block, counts.tolist(), first.tolist(), inside)
        self._cells.keep(block[keep], vectors[keep])

    def _first_leaders(self, size: int, at: Numbers, other: Numbers) -> Numbers:
        """Return, for each row of the block, the earliest leader near it, else -1.

        A row that is full but has no leader near it joins the cluster of its earliest neighbour.
        """
        import numpy as np

        # Earlier rows have smaller ranks; leaders come before all that only follow.
        rank = self._rank[other] + np.where(self._leads[other], 0, np.int64(NEVER >> 1))
        best = np.full(size, NEVER, dtype=np.int64)
        np.minimum.at(best, at, rank)
        chosen = np.full(size, -1, dtype=np.int64)
        hit = rank == best[at]
        chosen[at[hit]] = other[hit]
        return chosen

    def _settle(
        self, block: Numbers, counts: list[int], first: list[int], inside: list[list[int]]
    ) -> list[int]:
        """Return which rows of the block are kept; note what stood in their way and who leads."""
        kept: list[int] = []
        is_kept = [False] * len(block)
        for at, row in enumerate(block.tolist()):
            near = [other for other in inside[at] if is_kept[other]]
            count = counts[at] + len(near)
            self._join(row, count, first[at], [int(block[other]) for other in near])
            if count < self._cap:
                is_kept[at] = True
                kept.append(at)
        return kept

    def _join(self, row: int, count: int, first: int, near: list[int]) -> None:
        """Give a row its leader: the earliest that is near, before the block or in it."""
        self.before[row] = count
        self._rank[row] = self._kept
        leads = [other for other in near if self._leads[other]]
        if first >= 0 and self._leads[first]:
            self.leaders[row] = first
        elif leads:
            self.leaders[row] = leads[0]
        elif count < self._cap:
            self._leads[row] = True
        else:
            self.leaders[row] = self.leaders[first if first >= 0 else near[0]]
        self._kept += count < self._cap


def _earlier_near(vectors: Vectors, threshold: float) -> list[list[int]]:
    """Return, for each row of a block, the rows of the block before it that are near."""
    import numpy as np

    close = np.tril(vectors @ vectors.T >= threshold, -1)
    at, other = np.nonzero(close)
    ends = np.cumsum(np.bincount(at, minlength=len(vectors)))[:-1]
    return [part.tolist() for part in np.split(other, ends)]
