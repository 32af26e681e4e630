"""One measure of rows and of real rows at equal size: ratio, interval, and what chance does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from synthgate.measures.deals import Table

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

Value = Callable[["Numbers"], float]

LIMIT = 0.10
"""How far off a measure must be, as a share of what it is for real rows, to be called narrower."""

_Z_INTERVAL = 1.96  # 95 %
_Z_BAND = 3.14  # 99 % of all six together: 1 - 0.01 / 6 each, two-sided


class Measure(Protocol):
    """A figure of a set of rows that falls when they narrow, or that only tells them apart."""

    name: str
    title: str
    sees: str
    misses: str
    directed: bool

    def against(self, reference: Numbers) -> Value:
        """Return what measures rows by their numbers, given the numbers of real reference rows."""
        ...


@dataclass(frozen=True)
class Compared:
    """Mean value of rows and of real rows, their ratio, 95 % interval, and the band of chance."""

    value: float
    real: float
    ratio: float
    low: float
    high: float
    band: tuple[float, float]

    @property
    def outside(self) -> bool:
        """Whether chance does not explain the ratio."""
        return not self.band[0] <= self.ratio <= self.band[1]

    @property
    def effect(self) -> float:
        """How much less there is than in real rows, as a share; negative for more."""
        return 1 - self.ratio

    def narrower(self, limit: float) -> bool:
        """Tell whether there is less than chance explains, and less by more than the limit."""
        return self.ratio < self.band[0] and self.effect > limit


def compared(table: Table, measure: Measure) -> Compared:
    """Compare the rows of a table with its real ones.

    The band is that of equal-size real-versus-real splits, brought to the number of rows that the
    ratio is a mean over. The interval adds the variance of half samples of the rows (for a mean
    that of a bootstrap; no row is repeated, which would look like narrowing) to that of real rows.
    """
    import numpy as np

    rows, one, other = _values(table, measure)
    value, real = float(rows.mean()), float((one.mean() + other.mean()) / 2)
    scale = real or 1.0
    chance = float(np.mean((one - other) ** 2)) / scale**2
    ratio = value / scale if real else 1.0
    off = _Z_BAND * float(np.sqrt(chance * table.spread))
    ours = chance / 2 * table.size / table.real
    theirs = _variance(table, measure)
    wide = _Z_INTERVAL * ratio * float(np.sqrt(ours + theirs))
    return Compared(
        value, real, ratio, max(0.0, ratio - wide), ratio + wide, (max(0.0, 1 - off), 1 + off)
    )


def _values(table: Table, measure: Measure) -> Any:
    """Return the values (3, deals): of the rows, of one real part and of the other."""
    import numpy as np

    found = []
    for deal in table.deals:
        value = measure.against(deal.reference)
        found.append([value(deal.rows), value(deal.one), value(deal.other)])
    return np.array(found).T


def _variance(table: Table, measure: Measure) -> float:
    """Return the variance of the rows' value as a share of its square, by half samples."""
    import numpy as np

    value = measure.against(table.deals[0].reference)
    halves = np.array([value(half) for half in table.halves])
    mean = float(halves.mean())
    return float(halves.var(ddof=1)) / mean**2 if mean else 0.0
