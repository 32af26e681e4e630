"""Which clusters of real rows the others fill, and which they leave empty or thin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.clusters.cells import centres_of, nearest
from synthgate.measures.compared import Value

if TYPE_CHECKING:
    from synthgate.clusters import Numbers, Vectors

ENOUGH = 2.0
"""A cluster with one row in this many of what it has in real data counts as kept."""

_A_CLUSTER = 12  # real rows of a cluster, on average
_MOST = 128


class Clusters:
    """Share of the real rows whose clusters the others fill at least half: less is narrower.

    Clusters are spherical k-means of the reference. Rows beyond what a cluster has in real data do
    not make good for those that are missing elsewhere.
    """

    name = "clusters"
    title = "Real clusters that are filled"
    sees = "topics of the real data that are missing or rare"
    misses = "what is lost within a cluster; a topic much smaller than a cluster"
    directed = True

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def against(self, reference: Numbers) -> Value:
        import numpy as np

        vectors = self._vectors[reference]
        centres = centres_of(vectors, count(len(reference)))
        usual = shares(vectors, centres)

        def value(rows: Numbers) -> float:
            filled = ENOUGH * shares(self._vectors[rows], centres)
            return float(np.minimum(usual, filled).sum())

        return value


def count(rows: int) -> int:
    """Return into how many clusters so many real rows are put."""
    return max(2, min(rows // _A_CLUSTER, _MOST))


def shares(vectors: Vectors, centres: Vectors) -> Any:
    """Return the share of the vectors that is nearest to each centre (clusters,)."""
    import numpy as np

    return np.bincount(nearest(vectors, centres), minlength=len(centres)) / max(1, len(vectors))
