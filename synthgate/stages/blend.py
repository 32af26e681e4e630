"""Mix real and synthetic rows at an exact fraction.

Shape: whole. Memory: an 8-byte lot and an 8-byte place in the order for each row; the rows
themselves stay with the caller, who asks for them by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import ceil, floor
from typing import NamedTuple

from synthgate.config import BlendPolicy
from synthgate.errors import InputError, Stale, UsageError
from synthgate.rows import Row

OVER_FRACTION = "over_fraction"
SURPLUS_REAL = "surplus_real"


class Pick(NamedTuple):
    """One row of the mix: its side, its number there, and which use of it this is (from 0)."""

    real: bool
    number: int
    copy: int


@dataclass(frozen=True)
class Mix:
    """How many rows of each side go in and come out; real rows may come out more than once."""

    fraction: Fraction
    real_in: int
    synthetic_in: int
    real: int
    synthetic: int

    @property
    def repeats(self) -> int:
        """How many output rows are a second or later use of a real row."""
        return max(0, self.real - self.real_in)

    @property
    def surplus_real(self) -> int:
        """How many real rows are not needed."""
        return max(0, self.real_in - self.real)

    @property
    def over_fraction(self) -> int:
        """How many synthetic rows have no real rows to stand beside them."""
        return self.synthetic_in - self.synthetic

    @property
    def achieved(self) -> float:
        """The real share of the output; 0 if there is none."""
        return self.real / max(1, self.real + self.synthetic)


def plan_mix(real: int, synthetic: int, fraction: Fraction, policy: BlendPolicy) -> Mix:
    """Return how much of each side makes the wanted real fraction, never less of it.

    Real rows are rounded up and synthetic rows down. With too few real rows `on_shortage` decides;
    `error` raises `UsageError`. A fraction of 1 keeps every real row and no synthetic one.
    """
    if fraction == 1:
        return Mix(fraction, real, synthetic, real, 0)
    wanted = ceil(fraction * synthetic / (1 - fraction))
    if wanted <= real:
        return Mix(fraction, real, synthetic, wanted, synthetic)
    if policy.on_shortage == "error":
        raise UsageError(
            f"{synthetic:,} synthetic rows at a real fraction of {float(fraction):g} need "
            f"{wanted:,} real rows, there are {real:,}: --on-shortage cap drops synthetic rows"
        )
    have = real if policy.on_shortage == "cap" else min(wanted, real * policy.max_repeats)
    fitting = floor(have * (1 - fraction) / fraction)
    return Mix(fraction, real, synthetic, have, min(synthetic, fitting))


def in_order(lots: Sequence[int], line: Callable[[int], bytes]) -> Iterator[int]:
    """Yield the numbers of one side's rows by lot; rows with one lot by the bytes of their lines.

    So the order is the same whatever order the rows came in.
    """
    by_lot = sorted(range(len(lots)), key=lots.__getitem__)
    for _, tied in groupby(by_lot, key=lots.__getitem__):
        numbers = list(tied)
        yield from numbers if len(numbers) == 1 else sorted(numbers, key=line)


def picks(mix: Mix, real: Sequence[int], synthetic: Sequence[int]) -> Iterator[Pick]:
    """Yield the rows of the mix: each time from the side that is further behind its share.

    So every prefix is within half a row of the fraction, except where the last rows carry what
    rounding up has added. Real rows are used in turn, so that their uses differ by at most one.
    """
    share, whole = mix.fraction.numerator, mix.fraction.denominator
    used = 0
    for count in range(mix.real + mix.synthetic):
        behind = 2 * (share * (count + 1) - used * whole) >= whole
        if used < mix.real and (behind or count - used == mix.synthetic):
            yield Pick(True, real[used % mix.real_in], used // mix.real_in)
            used += 1
        else:
            yield Pick(False, synthetic[count - used], 0)


def drops(mix: Mix, real: Sequence[int], synthetic: Sequence[int]) -> Iterator[tuple[Pick, str]]:
    """Yield the rows that do not fit, last lots first to go, each with its reason."""
    for number in synthetic[mix.synthetic :]:
        yield Pick(False, number, 0), OVER_FRACTION
    for number in real[mix.real :]:
        yield Pick(True, number, 0), SURPLUS_REAL


def guard_synthetic(row: Row) -> None:
    """Refuse a row that is not a verified synthetic one: `InputError` or `Stale`."""
    where = f"{row.file}:{row.line}"
    if not row.provenance.synthetic:
        raise InputError(f"{where}: is a real row among the synthetic ones: name it with --real")
    if row.edited:
        raise Stale(f"{where}: was edited after it was stamped: verify it again")
    if not row.provenance.verified_by:
        raise Stale(f"{where}: nothing has verified this row: run synthgate verify first")


def guard_real(row: Row) -> None:
    """Refuse a row whose provenance does not say that people made it: `InputError`."""
    said = row.provenance
    if said.synthetic or said.generator or said.generation != 0:
        made_by = said.generator or "an unknown generator"
        raise InputError(
            f"{row.file}:{row.line}: stands among the real rows, and its provenance says synthetic "
            f"(generation {said.generation}, made by {made_by})"
        )
