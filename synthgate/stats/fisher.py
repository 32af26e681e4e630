"""Whether a part has more hits than chance gives it: Fisher's exact test, Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Any


def at_least_by_chance(hits: int, part: int, all_hits: int, whole: int) -> float:
    """Return P(`hits` or more in a part) where `all_hits` of `whole` rows are spread by chance.

    The upper tail of the hypergeometric distribution: Fisher's exact test (R. A. Fisher, 1935),
    "greater".
    """
    most = min(part, all_hits)
    if hits <= max(0, part + all_hits - whole):
        return 1.0
    if hits > most:
        return 0.0
    import numpy as np
    from scipy.special import gammaln

    def ways(of: int, chosen: Any) -> Any:
        return gammaln(of + 1) - gammaln(chosen + 1) - gammaln(of - chosen + 1)

    found = np.arange(hits, most + 1)
    logs = ways(all_hits, found) + ways(whole - all_hits, part - found) - ways(whole, part)
    top = float(logs.max())
    return min(1.0, exp(top) * float(np.exp(logs - top).sum()))


def holm(chances: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (S. Holm, 1979), in the order that they came in.

    The chance that any of those below 0.05 is there by chance alone is then below 0.05.
    """
    order = sorted(range(len(chances)), key=chances.__getitem__)
    found, worst = [1.0] * len(chances), 0.0
    for rank, at in enumerate(order):
        worst = max(worst, min(1.0, chances[at] * (len(chances) - rank)))
        found[at] = worst
    return found
