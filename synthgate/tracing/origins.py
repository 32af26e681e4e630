"""Which sources the rows that match were made from, however many steps away."""

from __future__ import annotations

from typing import Any

import numpy as np

from synthgate.descent import Steps
from synthgate.tracing.ranking import Ranked, ranked

Array = Any
KIND = "made from source"
MOST = 100  # sources that are followed


def origins(
    keys: Array, sources: Array, names: list[str], hits: Array, above: Array, below: Array
) -> tuple[list[Ranked], int]:
    """Return the sources whose heirs match, by lift, and how many sources were compared.

    `keys` uint64, `sources` numbers of `names` and `hits` have one entry a row: 1 where it matches,
    0 where it does not, -1 where it is in no count. Rows with equal keys are one. `above` and
    `below` are the steps of descent. Of more than `MOST` sources the first by name are followed.
    """
    counted = np.unique(keys[hits >= 0])
    matched = np.unique(keys[hits > 0])
    if not len(matched) or not len(above):
        return [], 0
    lines = np.isin(keys, Steps(below, above).reached(matched))  # what something matching is from
    found = sorted({names[number] for number in np.unique(sources[lines]).tolist()})
    numbers = {name: number for number, name in enumerate(names)}
    # A source whose heirs do not match is compared, too: it counts for the correction.
    counts: dict[str, tuple[int, int]] = dict.fromkeys(names, (1, 0))
    down = Steps(above, below)
    for name in found[:MOST]:
        children = below[np.isin(above, keys[sources == numbers[name]])]
        heirs = down.reached(children)
        rows = int(np.isin(counted, heirs, assume_unique=True).sum())
        counts[name] = rows, int(np.isin(matched, heirs, assume_unique=True).sum())
    kept = {name: count for name, count in counts.items() if count[0]}
    return list(ranked(KIND, kept, len(matched), len(counted))), len(kept)
