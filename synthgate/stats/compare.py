"""Whether a part differs from the rest: exact tests, intervals, corrections for many tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp, lgamma, sqrt

_Z = 1.959964  # 95 %, two-sided
_TINY = 1e-18


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927), (0, 1) of nothing."""
    if not of:
        return 0.0, 1.0
    share, spread = hits / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def more_often(hits: int, of: int, all_hits: int, all_of: int) -> float:
    """Return how likely a part of `of` would hold `hits` or more by chance (Fisher's exact test).

    `all_hits` of `all_of` is the whole, the part included. The test of a part against its rest
    that conditions on both sums, so that it is exact for large parts, too. 1.0 where the part has
    no more than its share: which of the large chances it is does not matter.
    """
    if hits * all_of <= all_hits * of:
        return 1.0
    term = exp(_ways(all_hits, hits) + _ways(all_of - all_hits, of - hits) - _ways(all_of, of))
    total = 0.0
    for k in range(hits, min(of, all_hits) + 1):
        total += term
        if term < total * _TINY:
            break
        term *= (of - k) * (all_hits - k) / ((k + 1) * (all_of - all_hits - of + k + 1))
    return min(1.0, total)


def _ways(of: int, taken: int) -> float:
    return lgamma(of + 1) - lgamma(taken + 1) - lgamma(of - taken + 1)


def design_effect(groups: Iterable[tuple[int, int]]) -> float:
    """Return how many times too sure a test is that takes grouped rows for independent ones.

    `groups` are (hits, rows) of each group. One plus the intraclass correlation (analysis of
    variance) times the mean size less one: to divide counts by it makes tests of independent rows
    hold again (Rao and Scott 1992).
    """
    known = [(hits, of) for hits, of in groups if of]
    rows, hits = sum(of for _, of in known), sum(hit for hit, _ in known)
    count = len(known)
    if count < 2 or rows == count:
        return 1.0
    share = hits / rows
    between = sum(of * (hit / of - share) ** 2 for hit, of in known) / (count - 1)
    within = sum(hit * (1 - hit / of) for hit, of in known) / (rows - count)
    squares = sum(of * of for _, of in known) / rows
    usual = (rows - squares) / (count - 1)
    total = between + (usual - 1) * within
    correlation = (between - within) / total if total else 0.0
    return max(1.0, 1 + (squares - 1) * max(0.0, correlation))


def holm(chances: Sequence[float]) -> list[float]:
    """Return chances corrected for their number: any error is as rare as said (Holm 1979)."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    found, largest = [1.0] * len(chances), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, chances[at] * (len(chances) - rank)))
        found[at] = largest
    return found


def benjamini_hochberg(chances: Sequence[float]) -> list[float]:
    """Return chances corrected so that the share of false findings is as said (1995)."""
    order = sorted(range(len(chances)), key=chances.__getitem__, reverse=True)
    found, least = [1.0] * len(chances), 1.0
    for back, at in enumerate(order):
        least = min(least, chances[at] * len(chances) / (len(chances) - back))
        found[at] = least
    return found
