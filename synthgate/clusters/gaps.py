"""Which clusters of real rows no synthetic row is near to.

Memory: the real texts and twice their vectors, beside the kept rows' vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthgate.clusters.cover import covered
from synthgate.clusters.density import NEVER, density_cap
from synthgate.clusters.summary import BACKGROUND, SAMPLE, SHOWN, share
from synthgate.clusters.words import counted, telling

if TYPE_CHECKING:
    from synthgate.clusters import Numbers, Vectors


@dataclass(frozen=True)
class Gaps:
    """How much of the real rows the others cover, and the largest clusters that they do not."""

    rows: int
    near: int
    clusters: int
    uncovered: int
    largest: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Return the figures for the manifest."""
        return {
            "rows": self.rows,
            "rows_covered": self.near,
            "share_covered": share(self.near, self.rows),
            "clusters": self.clusters,
            "clusters_uncovered": self.uncovered,
            "largest_uncovered": self.largest,
        }


def gaps(
    texts: Sequence[str],
    vectors: Vectors,
    order: Numbers,
    others: Iterable[Vectors],
    threshold: float,
) -> Gaps:
    """Return the gaps between real rows, taken in `order`, and the blocks of other vectors."""
    import numpy as np

    near = covered(vectors, others, threshold)
    leaders = density_cap(vectors.copy(), order, threshold, NEVER).leaders
    sizes = np.bincount(leaders, minlength=len(order))
    hits = np.bincount(leaders[near], minlength=len(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    bare = np.flatnonzero((sizes > 0) & (hits == 0))
    bare = bare[np.lexsort((rank[bare], -sizes[bare]))]
    background = [texts[row] for row in order[:: max(1, len(order) // BACKGROUND)].tolist()]
    usual = counted(background)
    largest = []
    for leader in bare[:SHOWN].tolist():
        members = [texts[row] for row in order[leaders[order] == leader][:SAMPLE].tolist()]
        words = telling(counted(members), len(members), usual, len(background))
        largest.append({"words": words, "rows": int(sizes[leader])})
    return Gaps(len(order), int(near.sum()), int((sizes > 0).sum()), len(bare), largest)
