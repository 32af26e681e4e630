"""The pure parts of blend: exact counts, prefixes within half a row, hash order, nothing lost."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.config import BlendPolicy
from synthgate.errors import UsageError
from synthgate.stages.blend import Mix, drops, in_order, picks, plan_mix

SHORTAGES = ("cap", "repeat")
fractions = st.one_of(
    st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)]),
    st.integers(0, 100).map(lambda percent: Fraction(percent, 100)),
    st.fractions(0, 1, max_denominator=997),
)
sides = st.integers(1, 40)


def best(real: int, synthetic: int, fraction: Fraction, uses: int) -> tuple[int, int]:
    """Try every mix: of those at least `fraction` real, the most synthetic rows, fewest real.

    Where the real rows do not reach for all synthetic ones, all of their uses are wanted.
    """
    fitting = [
        (kept, -used)
        for kept in range(synthetic + 1)
        for used in range(real * uses + 1)
        if used >= fraction * (used + kept)
    ]
    kept, used = max(fitting)
    return (real * uses, kept) if kept < synthetic else (-used, kept)


@settings(max_examples=150, deadline=None)
@given(sides, sides, fractions, st.sampled_from(SHORTAGES), st.integers(1, 4))
def test_the_mix_is_the_best_that_keeps_the_fraction(
    real: int, synthetic: int, fraction: Fraction, shortage: str, uses: int
) -> None:
    """The counts are those found by trying every mix; the real share is never less than asked."""
    policy = BlendPolicy(on_shortage=shortage, max_repeats=uses)  # type: ignore[arg-type]
    mix = plan_mix(real, synthetic, fraction, policy)
    if fraction == 1:
        assert (mix.real, mix.synthetic) == (real, 0)
    else:
        most = best(real, synthetic, fraction, 1)
        if most[1] < synthetic and shortage == "repeat":
            most = best(real, synthetic, fraction, uses)
        assert (mix.real, mix.synthetic) == most
    assert mix.real >= fraction * (mix.real + mix.synthetic)
    assert real + synthetic + mix.repeats == (
        mix.real + mix.synthetic + mix.surplus_real + mix.over_fraction
    )


@given(sides, sides, fractions)
def test_error_refuses_just_the_shortages(real: int, synthetic: int, fraction: Fraction) -> None:
    """--on-shortage error ends where cap would drop synthetic rows, and changes nothing else."""
    capped = plan_mix(real, synthetic, fraction, BlendPolicy(on_shortage="cap"))
    strict = BlendPolicy(on_shortage="error")
    if capped.over_fraction and fraction != 1:
        with pytest.raises(UsageError):
            plan_mix(real, synthetic, fraction, strict)
    else:
        assert plan_mix(real, synthetic, fraction, strict) == capped


def mixed(
    real: int, synthetic: int, fraction: Fraction, shortage: str
) -> tuple[Mix, list[int], list[int]]:
    policy = BlendPolicy(on_shortage=shortage)  # type: ignore[arg-type]
    orders = [random.Random(side).sample(range(side), side) for side in (real, synthetic)]
    return plan_mix(real, synthetic, fraction, policy), orders[0], orders[1]


@settings(max_examples=200, deadline=None)
@given(sides, sides, fractions, st.sampled_from(SHORTAGES))
def test_every_prefix_is_within_half_a_row_of_the_fraction(
    real: int, synthetic: int, fraction: Fraction, shortage: str
) -> None:
    """Half a row, or at the very end the part of a row that rounding the counts has added."""
    mix, first, second = mixed(real, synthetic, fraction, shortage)
    rounded = mix.real - fraction * (mix.real + mix.synthetic)
    if fraction in (0, 1):
        rounded = Fraction(0)
    used = 0
    for count, pick in enumerate(picks(mix, first, second), 1):
        used += pick.real
        assert abs(used - fraction * count) <= max(Fraction(1, 2), rounded), count
    assert used == mix.real


@settings(max_examples=200, deadline=None)
@given(sides, sides, fractions, st.sampled_from(SHORTAGES))
def test_every_row_is_picked_or_dropped(
    real: int, synthetic: int, fraction: Fraction, shortage: str
) -> None:
    """No row is lost; synthetic rows come out once, the uses of real rows differ by at most one."""
    mix, first, second = mixed(real, synthetic, fraction, shortage)
    chosen = list(picks(mix, first, second))
    gone = [(pick.real, pick.number) for pick, _ in drops(mix, first, second)]
    uses = Counter((pick.real, pick.number) for pick in chosen)
    assert {*uses, *gone} == {(True, n) for n in range(real)} | {
        (False, n) for n in range(synthetic)
    }
    assert not {*uses} & {*gone}
    assert len(gone) == len({*gone})
    assert all(count == 1 for (is_real, _), count in uses.items() if not is_real)
    copies = [count for (is_real, _), count in uses.items() if is_real]
    assert not copies or max(copies) - min(copies) <= 1
    seen: Counter[tuple[bool, int]] = Counter()
    for pick in chosen:
        assert pick.copy == seen[pick.real, pick.number]
        seen[pick.real, pick.number] += 1


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=2))), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_arrival(
    rows: list[tuple[int, bytes]], rng: random.Random
) -> None:
    """Rows come by lot; rows with the same lot by their bytes."""
    shuffled = sorted(rows, key=lambda _: rng.random())
    for each in (rows, shuffled):
        numbers = list(
            in_order([lot for lot, _ in each], lambda number, each=each: each[number][1])
        )
        assert [each[number] for number in numbers] == sorted(rows)


@pytest.mark.parametrize(
    ("real", "synthetic", "fraction", "expected"),
    [
        (1000, 1000, "0.5", (1000, 1000)),
        (300, 1000, "0.5", (300, 300)),
        (300, 1000, "0.3", (300, 700)),
        (1000, 300, "0.5", (300, 300)),
        (10, 1, "0.9", (9, 1)),
        (1, 10, "0.9", (1, 0)),
        (1000, 7, "0.1", (1, 7)),
        (5, 9, "1", (5, 0)),
        (5, 9, "0", (0, 9)),
    ],
)
def test_pinned_mixes(real: int, synthetic: int, fraction: str, expected: tuple[int, int]) -> None:
    """Counts that a person can check."""
    mix = plan_mix(real, synthetic, Fraction(fraction), BlendPolicy())
    assert (mix.real, mix.synthetic) == expected
