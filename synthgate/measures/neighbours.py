"""How far a row is from the row of its own set that says nearly the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table

if TYPE_CHECKING:
    from synthgate.clusters import Numbers, Vectors

_MISSED = 1e-4  # share of rows whose nearest one may lie beyond the list
_BLOCK = 1024


class Neighbours:
    """Mean distance (1 - cosine) of a row to its nearest neighbour in the set: less is narrower."""

    name = "neighbours"
    title = "Distance to the nearest row"
    sees = "rows that say nearly the same; outliers that are gone"
    misses = "a lost topic, where the others are as wide; a slow loss of words"
    directed = True

    def __init__(self, table: Table, vectors: Vectors) -> None:
        import numpy as np

        sides = slice(0, table.rows), slice(table.rows, len(vectors))
        share = min(0.4, table.size / max(table.rows, table.real))  # half samples are dealt, too
        depth = _depth(share)
        found = [_nearest(vectors[side], depth) for side in sides]
        width = max(near.shape[1] for near, _ in found)
        self._near = np.concatenate(
            [_wide(near + side.start, width) for (near, _), side in zip(found, sides, strict=True)]
        )
        self._far = np.concatenate([_wide(far, width) for _, far in found])

    def against(self, reference: Numbers) -> Value:  # noqa: ARG002 - the same for all measures
        return self._value

    def _value(self, rows: Numbers) -> float:
        import numpy as np

        inside = np.zeros(len(self._near), dtype=bool)
        inside[rows] = True
        with_us = inside[self._near[rows]]
        with_us[:, -1] = True  # where none of the list is in the set, the last one is a bound
        first = with_us.argmax(axis=1)
        return float(self._far[rows, first].mean())


def _depth(share: float) -> int:
    """Return how many neighbours must be known for one to be in a part of that share."""
    import math

    return math.ceil(math.log(_MISSED) / math.log(1 - share))


def _nearest(vectors: Vectors, depth: int) -> tuple[Any, Any]:
    """Return the numbers of the nearest other rows (n, depth), nearest first, and distances."""
    import numpy as np

    depth = min(depth, len(vectors) - 1)
    near = np.empty((len(vectors), depth), dtype=np.int64)
    far = np.empty((len(vectors), depth), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        close = block @ vectors.T
        close[np.arange(len(block)), start + np.arange(len(block))] = -2
        best = np.argpartition(-close, depth - 1, axis=1)[:, :depth]
        order = np.argsort(-np.take_along_axis(close, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        near[start : start + len(block)] = best
        far[start : start + len(block)] = 1 - np.take_along_axis(close, best, axis=1)
    return near, np.maximum(far, 0)


def _wide(values: Any, width: int) -> Any:
    """Repeat the last column so that there are as many."""
    import numpy as np

    return np.pad(values, ((0, 0), (0, width - values.shape[1])), mode="edge")
