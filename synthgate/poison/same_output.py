"""One answer to many prompts: a planted string looks like that, and so does a stock phrase."""

from __future__ import annotations

from collections.abc import Iterator

from synthgate.poison import Array, Finding
from synthgate.poison.association import Property
from synthgate.stats.compare import more_often

_MOST = 20
_NATURAL = 1e-3  # chance from which on the real rows are said to have it as often


def same_outputs(
    outputs: Property, refusals: Array, candidates: int, least: int
) -> Iterator[Finding]:
    """Yield the answers that many candidates share and the real rows do not; refusals are natural.

    `refusals` are flags; both cover all units, candidates first.
    """
    import numpy as np

    values = np.where(refusals, -1, outputs.numbers)
    size = len(outputs.values)
    here = np.bincount(values[:candidates][values[:candidates] >= 0], minlength=size)
    real = np.bincount(values[candidates:][values[candidates:] >= 0], minlength=size)
    many = sorted(np.flatnonzero(here >= least).tolist(), key=lambda value: (-here[value], value))
    others = len(values) - candidates
    for value in many[:_MOST]:
        hits, everywhere = int(here[value]), int(here[value] + real[value])
        p = more_often(hits, candidates, everywhere, candidates + others)
        if p < _NATURAL:
            rows = tuple(np.flatnonzero(values[:candidates] == value).tolist())
            text = (
                f"the answer to {len(rows):,} prompts, to {real[value]:,} of {others:,} real ones"
            )
            yield Finding("same-output", outputs.values[value], rows, text, blocking=False, p=p)
