"""How far a share that was counted can be trusted: exact (Clopper-Pearson) bounds, and tests."""

from __future__ import annotations

from fractions import Fraction
from math import comb, exp, log


def at_least(right: int, of: int, alpha: float) -> float:
    """Return the share that `right` of `of` shows at least, wrong at most `alpha` of the time."""
    if not right:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(right, of - right + 1, alpha))


def at_most(right: int, of: int, alpha: float) -> float:
    """Return the share that `right` of `of` shows at most, wrong at most `alpha` of the time."""
    return 1.0 - at_least(of - right, of, alpha)


def chance_of_so_few(right: int, of: int, share: float) -> float:
    """Return a bound from above on P(at most `right` of `of`) where each is right with `share`.

    Chernoff's: never too small, for any number of rows, and without a library.
    """
    found = right / of
    if not 0.0 < share < 1.0 or found >= share:
        return 1.0
    spread = (1 - found) * log((1 - found) / (1 - share))
    if found:
        spread += found * log(found / share)
    return exp(-of * spread)


def share_within(right: int, labels: int, rows: int, risk: float) -> tuple[float, float]:
    """Return between which shares of `rows` rows are right, `right` of `labels` drawn being so.

    Exact for draws without replacement (hypergeometric), half of the risk on either side.
    """
    most = _most(right, labels, rows, risk / 2)
    least = rows - _most(labels - right, labels, rows, risk / 2)
    return least / rows, most / rows


def _most(found: int, labels: int, rows: int, risk: float) -> int:
    """Return the most rows of a kind of which a draw may show so few with a chance over `risk`."""
    low, high = found, rows - (labels - found)
    while low < high:
        middle = (low + high + 1) // 2
        ways = sum(comb(middle, k) * comb(rows - middle, labels - k) for k in range(found + 1))
        low, high = (
            (middle, high) if Fraction(ways, comb(rows, labels)) > risk else (low, middle - 1)
        )
    return low
