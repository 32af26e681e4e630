"""The clusters of real rows that the others leave empty or thin, by their telling words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from synthgate.clusters.cells import centres_of, nearest
from synthgate.clusters.words import counted, telling

if TYPE_CHECKING:
    from synthgate.clusters import Vectors

_A_CLUSTER = 25  # real rows, on average
_MOST = 200
_SURE = 0.01  # of naming any cluster by chance
_THIN = 0.5  # of the rows that were to be expected
_SHOWN = 20
_EXAMPLES = 3
_LONGEST = 300  # characters of an example
_BACKGROUND = 5000


def holes(texts: Sequence[str], vectors: Vectors, rows: int) -> tuple[list[dict[str, Any]], int]:
    """Return the empty and thin clusters, the most rows missing first, and how many there are.

    The first `rows` texts are those that are measured, the others are real. A cluster is named
    where it has less than half of what real data lets expect, and a test of its two counts
    (Fisher's, one-sided, corrected for the number of clusters) says at 1 % that this is no chance.
    """
    import numpy as np

    theirs = vectors[rows:]
    centres = centres_of(theirs, max(2, min(len(theirs) // _A_CLUSTER, _MOST)))
    homes = nearest(theirs, centres)
    ours = np.bincount(nearest(vectors[:rows], centres), minlength=len(centres))
    real = np.bincount(homes, minlength=len(centres))
    expected = real * rows / len(theirs)
    lacking = np.flatnonzero((ours < _THIN * expected) & (_chance(ours, real) < _SURE / len(real)))
    lacking = lacking[np.argsort(ours[lacking] - expected[lacking], kind="stable")]
    usual = counted(texts[rows:][:_BACKGROUND])
    found = []
    for cluster in lacking[:_SHOWN].tolist():
        members = np.flatnonzero(homes == cluster)
        members = members[np.argsort(-(theirs[members] @ centres[cluster]), kind="stable")]
        said = [texts[rows + row] for row in members.tolist()]
        words = telling(counted(said), len(said), usual, min(_BACKGROUND, len(theirs)))
        found.append(
            {
                "words": words,
                "real": int(real[cluster]),
                "expected": round(float(expected[cluster]), 1),
                "rows": int(ours[cluster]),
                "state": "thin" if ours[cluster] else "empty",
                "examples": [text[:_LONGEST] for text in said[:_EXAMPLES]],
            }
        )
    return found, len(centres)


def _chance(ours: Any, real: Any) -> Any:
    """Return for each cluster how likely so few of its rows are ours (hypergeometric tail)."""
    from scipy.stats import hypergeom

    return hypergeom.cdf(ours, int(ours.sum() + real.sum()), int(ours.sum()), ours + real)
