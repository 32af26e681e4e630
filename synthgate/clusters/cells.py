"""Kept vectors in cells, so that a row is compared with those of its nearest cells only.

With one cell every comparison is made. The vectors are laid out cell by cell in the array that they
came in; what is kept of a cell moves to the front of its part. So no second copy is held: beside
the array there are 128 MiB at most and 16 bytes a row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synthgate.clusters import Numbers, Vectors

FOUND = 0.995
"""Share of a row's near neighbours that must lie in the cells that are looked into, on average."""

MOST_LOOKED_INTO = 0.5
"""Share of the cells beyond which comparing with all rows is faster."""

ROWS_A_CELL = 2000
_SAMPLE = 100  # rows a cell from which its centre is learnt
_ASKED = 1000  # rows of the sample whose neighbours are looked for
_ROUNDS = 6
_CELLS = 1 << 24  # similarities held at a time: 64 MiB
_SLAB = 16  # columns moved at a time


def one_cell(vectors: Vectors, order: Numbers) -> Cells:
    """Return the vectors (n, d), which are overwritten, as one cell: all are compared."""
    import numpy as np

    homes = np.zeros(len(order), dtype=np.int32)
    return Cells(vectors, order, homes, np.zeros((1, vectors.shape[1]), dtype=np.float32), 1)


def cells_of(vectors: Vectors, order: Numbers, threshold: float) -> Cells:
    """Return the vectors (n, d), which are overwritten, as cells of about 2,000 rows.

    As many cells are looked into for a row as hold 99.5 % of the neighbours in a sample: few
    where the rows have topics of their own. Where it would be half of them, there is one cell.
    """
    import numpy as np

    wanted = max(1, len(order) // ROWS_A_CELL)
    sample = vectors[order[:: max(1, len(order) // (_SAMPLE * wanted))]]
    centres = centres_of(sample, wanted)
    probes = _probes(sample, centres, threshold)
    if probes > MOST_LOOKED_INTO * wanted:
        return one_cell(vectors, order)
    homes = np.concatenate([nearest(part, centres) for part in _parts(vectors, wanted)])
    return Cells(vectors, order, homes, centres, probes)


def _probes(sample: Vectors, centres: Vectors, threshold: float) -> int:
    """Return how many of a row's nearest cells hold its near neighbours, on average."""
    import numpy as np

    asked = sample[:: max(1, len(sample) // _ASKED)]
    ranks = np.argsort(np.argsort(-(asked @ centres.T), axis=1, kind="stable"), axis=1)
    found = np.zeros((len(asked), len(centres)))
    for part in _parts(sample, len(asked)):
        at, other = np.nonzero(asked @ part.T >= threshold)
        np.add.at(found, (at, ranks[at, nearest(part, centres)[other]]), 1)
    found[:, 0] -= 1  # each row is its own neighbour
    total = found.sum(axis=1)
    shares = np.cumsum(found[total > 0] / total[total > 0, None], axis=1)
    enough = np.flatnonzero(shares.mean(axis=0) >= FOUND) if len(shares) else [0]
    return int(enough[0]) + 1 if len(enough) else len(centres)


def centres_of(sample: Vectors, cells: int) -> Vectors:
    """Return unit centres (cells, d) of a sample: spherical k-means from its first rows."""
    import numpy as np
    from scipy.sparse import csr_matrix

    centres = sample[:: max(1, len(sample) // cells)][:cells].copy()
    ones = np.ones(len(sample), dtype=np.float32)
    for _ in range(_ROUNDS):
        homes = np.concatenate([nearest(part, centres) for part in _parts(sample, cells)])
        member = csr_matrix((ones, (homes, np.arange(len(sample)))), (cells, len(sample)))
        sums = member @ sample
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.where(lengths > 0, lengths, 1), centres)
    return centres.astype(np.float32)


def _parts(vectors: Vectors, columns: int) -> Iterator[Vectors]:
    size = max(1, _CELLS // columns)
    for start in range(0, len(vectors), size):
        yield vectors[start : start + size]


def nearest(vectors: Vectors, centres: Vectors) -> Any:
    """Return the number of the nearest centre of each vector (n,)."""
    import numpy as np

    return (vectors @ centres.T).argmax(axis=1).astype(np.int32)


class Cells:
    """Vectors by cell; rows are taken out in their order, and those that are kept put back."""

    def __init__(
        self, vectors: Vectors, order: Numbers, homes: Any, centres: Vectors, probes: int
    ) -> None:
        import numpy as np

        self.homes, self.probes = homes, probes
        self._centres = centres
        layout = order[np.argsort(homes[order], kind="stable")]
        for start in range(0, vectors.shape[1], _SLAB):
            vectors[:, start : start + _SLAB] = vectors[layout, start : start + _SLAB]
        self._vectors = vectors
        self._at = np.empty(len(order), dtype=np.int64)
        self._at[layout] = np.arange(len(order))
        self._rows = layout  # which row's vector stands where
        sizes = np.bincount(homes, minlength=len(centres))
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        self._filled = np.zeros(len(centres), dtype=np.int64)

    @property
    def exact(self) -> bool:
        """Whether all rows are compared."""
        return len(self._centres) == 1

    def take(self, rows: Numbers) -> Vectors:
        """Return the vectors of rows that come next in the order."""
        return self._vectors[self._at[rows]]

    def keep(self, rows: Numbers, vectors: Vectors) -> None:
        """Put vectors back. Their place was that of rows already taken: cells are in order."""
        import numpy as np

        homes = self.homes[rows]
        by_cell = np.argsort(homes, kind="stable")
        cells, first, counts = np.unique(homes[by_cell], return_index=True, return_counts=True)
        offset = np.arange(len(rows)) - np.repeat(first, counts)
        places = (self._starts + self._filled)[homes[by_cell]] + offset
        self._vectors[places] = vectors[by_cell]
        self._rows[places] = rows[by_cell]
        self._filled[cells] += counts

    def near(self, vectors: Vectors, threshold: float) -> tuple[Numbers, Numbers]:
        """Return pairs (number in `vectors`, kept row) whose cosine reaches the threshold."""
        import numpy as np

        found = [
            (members[at], self._rows[start + other])
            for members, start, kept in self._probed(vectors)
            for at, other in _pairs(vectors[members], kept, threshold)
        ]
        if not found:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate([at for at, _ in found]), np.concatenate([row for _, row in found])

    def _probed(self, vectors: Vectors) -> Iterator[tuple[Numbers, int, Vectors]]:
        """Yield (numbers in `vectors`, start, kept vectors) for each cell that is looked into."""
        import numpy as np

        if self.exact:
            chosen = np.zeros((len(vectors), 1), dtype=np.int64)
        else:
            unlikeness = -(vectors @ self._centres.T)
            chosen = np.argpartition(unlikeness, self.probes - 1, axis=1)[:, : self.probes]
        flat = chosen.ravel()
        by_cell = np.argsort(flat, kind="stable")
        ends = np.cumsum(np.bincount(flat, minlength=len(self._centres)))
        for cell, members in enumerate(np.split(by_cell // chosen.shape[1], ends[:-1])):
            start, filled = int(self._starts[cell]), int(self._filled[cell])
            if len(members) and filled:
                yield members, start, self._vectors[start : start + filled]


def _pairs(some: Vectors, others: Vectors, threshold: float) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield numbers (in `some`, in `others`) of near pairs, 64 MiB of similarities at a time."""
    import numpy as np

    size = max(1, _CELLS // max(1, len(some)))
    for start in range(0, len(others), size):
        close = some @ others[start : start + size].T >= threshold
        at, other = np.divmod(np.flatnonzero(close), close.shape[1])
        yield at, other + start
