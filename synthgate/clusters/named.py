"""A cap for each of k clusters, for those who want k clusters: k-means or agglomerative.

Both come from scikit-learn, over the rows in their order, so that the order in which rows were read
changes nothing. Memory: k-means the vectors once more; agglomerative 8 bytes for each pair of rows.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from synthgate.clusters import Groups
from synthgate.errors import UsageError

if TYPE_CHECKING:
    from synthgate.clusters import Numbers, Vectors

MOST_PAIRED = 15_000
"""Rows that agglomerative clustering takes: 1.8 GiB."""


def kmeans_cap(vectors: Vectors, order: Numbers, clusters: int, cap: int, seed: int) -> Groups:
    """Return the groups of `clusters` k-means clusters, of each the first `cap` rows kept."""
    import numpy as np
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    if not clusters:
        raise UsageError("--method kmeans needs the number of clusters: --clusters K")
    known = order[_known(vectors[order])]
    labels = np.full(len(order), -1, dtype=np.int64)
    if len(known):
        model = MiniBatchKMeans(
            min(clusters, len(known)), random_state=seed % (1 << 32), batch_size=4096, n_init=3
        )
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ConvergenceWarning
            )  # equal rows: fewer clusters, no harm
            labels[known] = model.fit_predict(vectors[known])
    return capped(labels, order, cap)


def agglomerative_cap(
    vectors: Vectors, order: Numbers, clusters: int, threshold: float, cap: int
) -> Groups:
    """Return the groups of average-linkage clusters: `clusters` of them, or as the threshold cuts.

    Raises `UsageError` above 15,000 rows: every pair of rows is held.
    """
    import numpy as np
    from sklearn.cluster import AgglomerativeClustering

    if len(order) > MOST_PAIRED:
        raise UsageError(
            f"--method agglomerative holds every pair of rows: {MOST_PAIRED:,} at most "
            f"(got {len(order):,}); use density or kmeans"
        )
    known = order[_known(vectors[order])]
    labels = np.full(len(order), -1, dtype=np.int64)
    if len(known) == 1:
        labels[known] = 0
    elif len(known):
        cut: dict[str, Any] = {"n_clusters": min(clusters, len(known))}
        if not clusters:
            cut = {"n_clusters": None, "distance_threshold": 1 - threshold}
        model = AgglomerativeClustering(metric="cosine", linkage="average", **cut)
        labels[known] = model.fit_predict(vectors[known])
    return capped(labels, order, cap)


def _known(vectors: Vectors) -> Any:
    return vectors.any(axis=1)


def capped(labels: Numbers, order: Numbers, cap: int) -> Groups:
    """Return the groups of labels (n,), a label of -1 being a cluster of its own."""
    import numpy as np

    leaders = np.arange(len(order), dtype=np.int64)
    before = np.zeros(len(order), dtype=np.int64)
    led: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for row, label in zip(order.tolist(), labels[order].tolist(), strict=True):
        if label >= 0:
            leaders[row] = led.setdefault(label, row)
            before[row] = sizes.get(label, 0)
            sizes[label] = min(cap, sizes.get(label, 0) + 1)
    return Groups(leaders, before, before < cap)
