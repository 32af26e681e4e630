"""How many rows of each slice make an exact mix, in fractions: no rounding but the last one.

With S synthetic rows and a real share f of the output, f S / (1 - f) real rows are wanted. Over all
slices together the real rows are rounded up and the synthetic ones down; each slice is within a
row of its own share (largest remainders).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from synthgate.errors import UsageError


@dataclass(frozen=True)
class Quota:
    """What one slice puts in and takes out: rows, or characters where the mix is one of these."""

    name: str
    real_in: int
    synthetic_in: int
    real: int
    synthetic: int


@dataclass(frozen=True)
class Shortage:
    """What happens where real rows are too few: how, and how often one may be used."""

    how: str = "cap"
    uses: int = 4

    @property
    def most(self) -> int:
        """How many uses of one real row there are."""
        return self.uses if self.how == "repeat" else 1


CAP = Shortage()


def quotas(
    counts: Mapping[str, tuple[int, int]], fraction: Fraction, shortage: Shortage
) -> list[Quota]:
    """Return the quota of each slice, given (real, synthetic) rows of each, by name.

    A fraction of 1 keeps every real row and no synthetic one. Raises `UsageError` when real rows
    are too few and that is an error.
    """
    names = sorted(counts)
    if fraction == 1:
        return [Quota(name, *counts[name], counts[name][0], 0) for name in names]
    ratio = fraction / (1 - fraction)
    if shortage.how == "error":
        refuse_shortage(counts, ratio, "rows")
    ideals = [_ideal(*counts[name], ratio, shortage.most) for name in names]
    real = rounded([each[0] for each in ideals], up=True)
    synthetic = rounded([each[1] for each in ideals], up=False)
    return [Quota(name, *counts[name], real[at], synthetic[at]) for at, name in enumerate(names)]


def refuse_shortage(counts: Mapping[str, tuple[int, int]], ratio: Fraction, unit: str) -> None:
    """Raise `UsageError` where a slice has too few real rows, naming how many it would need."""
    for name in sorted(counts):
        real, synthetic = counts[name]
        if ratio * synthetic > real:
            where = f"slice {name!r}: " if name else ""
            raise UsageError(
                f"{where}{synthetic:,} synthetic {unit} at a real fraction of "
                f"{float(ratio / (1 + ratio)):g} need {ceil(ratio * synthetic):,} real {unit}, "
                f"there are {real:,}: --on-shortage cap drops synthetic rows"
            )


def _ideal(real: int, synthetic: int, ratio: Fraction, uses: int) -> tuple[Fraction, Fraction]:
    """Return the exact (real, synthetic) amounts of a slice, before anything is rounded."""
    wanted, have = ratio * synthetic, real * uses
    if wanted <= have:
        return wanted, Fraction(synthetic)
    return Fraction(have), have / ratio


def rounded(amounts: Sequence[Fraction], *, up: bool) -> list[int]:
    """Round amounts so that their sum is the exact sum, rounded; each is within one of its own.

    The largest remainders are rounded up, of equal ones the first.
    """
    found = [floor(amount) for amount in amounts]
    whole = sum(amounts, Fraction(0))
    extra = (ceil(whole) if up else floor(whole)) - sum(found)
    remainders = [amount - floor(amount) for amount in amounts]
    for at in sorted(range(len(found)), key=lambda at: (-remainders[at], at))[:extra]:
        found[at] += 1
    return found


def shared(total: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Divide a number of rows among sources by their shares, which sum to 1."""
    names = sorted(shares)
    return dict(zip(names, rounded([total * shares[name] for name in names], up=True), strict=True))


def holding(limits: Mapping[str, int], shares: Mapping[str, Fraction]) -> int:
    """Return the largest total that sources can hold when each gives its share of it."""
    return min((floor(limits[name] / share) for name, share in shares.items() if share), default=0)
