"""Over how many clusters of the real rows the others are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table

if TYPE_CHECKING:
    from synthgate.clusters import Numbers, Vectors

MAPS = 12
_A_CELL = 15  # real rows, on average
_FEWEST, _MOST = 4, 200  # cells of a map
_BLOCK = 2048


class Clusters:
    """How many equally full cells would be as uneven as those that the rows fill: less is narrower.

    A map parts the space into cells around real rows that were drawn; a row is in the cell of the
    nearest one. The value is 2 to the entropy of the cells' shares, a mean over maps, because one
    map alone decides much by its draw. A real row that is a centre is left out of its map, and as
    many rows are left out elsewhere.
    """

    name = "clusters"
    title = "Real clusters that are filled"
    sees = "topics of the real data that are missing or rare, others that take over"
    misses = "what is lost within a cluster; a change to other topics that are as many"
    directed = True

    def __init__(self, table: Table, vectors: Vectors) -> None:
        self.cells = max(_FEWEST, min(table.real // _A_CELL, _MOST))
        self._homes = [
            _homes(vectors, table.rows + centres) for centres in table.drawn(MAPS, self.cells)
        ]
        # Twice as many as a part has on average, so that hardly any has fewer rows left.
        self._share = 1 - 2 * self.cells / table.real

    def against(self, reference: Numbers) -> Value:  # noqa: ARG002 - the same for all measures
        return self._value

    def _value(self, rows: Numbers) -> float:
        most = max(1, int(len(rows) * self._share))
        return sum(self._filled(homes[rows], most) for homes in self._homes) / len(self._homes)

    def _filled(self, homes: Any, most: int) -> float:
        import numpy as np

        counts = np.bincount(homes[homes >= 0][:most], minlength=self.cells)
        shares = counts[counts > 0] / counts.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()))


def _homes(vectors: Vectors, centres: Numbers) -> Any:
    """Return the cell of each row (n,), -1 for the centres themselves."""
    import numpy as np

    found = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        found[start : start + _BLOCK] = (block @ vectors[centres].T).argmax(axis=1)
    found[centres] = -1
    return found
