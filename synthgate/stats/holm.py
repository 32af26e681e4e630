"""What is left of p-values where many tests were made."""

from __future__ import annotations

from collections.abc import Sequence


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
