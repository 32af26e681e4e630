"""Which of some vectors have a near one among others. Memory: 64 MiB beside the vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthgate.clusters import Flags, Vectors

_CELLS = 1 << 24  # similarities held at a time
_PART = 4096


def covered(vectors: Vectors, others: Iterable[Vectors], threshold: float) -> Flags:
    """Tell for each of the vectors (n, d) whether one of the others lies within the threshold.

    What has been found near is not looked at again.
    """
    import numpy as np

    open_ = np.arange(len(vectors))
    for block in others:
        for start in range(0, len(block), _PART):
            part = block[start : start + _PART].T
            size = max(1, _CELLS // _PART)
            hits = [
                (vectors[open_[at : at + size]] @ part >= threshold).any(axis=1)
                for at in range(0, len(open_), size)
            ]
            if hits:
                open_ = open_[~np.concatenate(hits)]
    found = np.ones(len(vectors), dtype=bool)
    found[open_] = False
    return found
