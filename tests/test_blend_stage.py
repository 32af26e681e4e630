"""The pure parts of blend: exact counts, prefixes within half a row, hash order, nothing lost."""

from __future__ import annotations

import tracemalloc
from array import array
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import UsageError
from synthgate.mixing.counts import Shortage, quotas
from synthgate.mixing.table import Table, table
from synthgate.rows import lot
from synthgate.stages.blend import Mixed, Wish, blend, over_caps

HOWS = ("cap", "repeat")
fractions = st.one_of(
    st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1)]),
    st.integers(0, 100).map(lambda percent: Fraction(percent, 100)),
    st.fractions(0, 1, max_denominator=997),
)
sides = st.integers(0, 40)
shortages = st.builds(Shortage, st.sampled_from(HOWS), st.integers(1, 4))


def named(name: str, count: int, **more: Sequence[int] | Sequence[str]) -> Table:
    """A side of `count` rows with the lots of real ids."""
    lots = [lot(0, f"{name} {number}") for number in range(count)]
    return table(lots, lambda number: f"{name} {number}".encode(), **more)  # type: ignore[arg-type]


def mixed(real: int, synthetic: int, fraction: Fraction, shortage: Shortage, **more: int) -> Mixed:
    wish = Wish(fraction, shortage, **more)  # type: ignore[arg-type]
    return blend(named("r", real), named("s", synthetic), wish)


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


# --- how many ---------------------------------------------------------------------------


@settings(max_examples=120, deadline=None)
@given(sides, sides, fractions, shortages)
def test_the_mix_is_the_best_that_keeps_the_fraction(
    real: int, synthetic: int, fraction: Fraction, shortage: Shortage
) -> None:
    """The counts are those found by trying every mix; the real share is never less than asked."""
    mix = mixed(real, synthetic, fraction, shortage)
    wanted = (real, 0) if fraction == 1 else best(real, synthetic, fraction, shortage.most)
    assert mix.counts == wanted
    assert mix.counts[0] >= fraction * sum(mix.counts)


@given(sides, sides, fractions)
def test_error_refuses_just_the_shortages(real: int, synthetic: int, fraction: Fraction) -> None:
    """--on-shortage error ends where cap would drop synthetic rows, and changes nothing else."""
    capped = mixed(real, synthetic, fraction, Shortage("cap"))
    if capped.counts[1] < synthetic and fraction != 1:
        with pytest.raises(UsageError):
            mixed(real, synthetic, fraction, Shortage("error"))
    else:
        assert mixed(real, synthetic, fraction, Shortage("error")).counts == capped.counts


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
        (0, 9, "0.5", (0, 0)),
        (9, 0, "0.5", (0, 0)),
    ],
)
def test_pinned_mixes(real: int, synthetic: int, fraction: str, expected: tuple[int, int]) -> None:
    """Counts that a person can check."""
    assert mixed(real, synthetic, Fraction(fraction), Shortage()).counts == expected


slices = st.dictionaries(
    st.sampled_from("abcdefgh"), st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8
)


@settings(max_examples=200, deadline=None)
@given(slices, fractions, shortages)
def test_each_slice_is_within_a_row_of_its_own_mix(
    counts: dict[str, tuple[int, int]], fraction: Fraction, shortage: Shortage
) -> None:
    """Quotas: all slices together are within a row of the fraction, and each slice by itself."""
    found = quotas(counts, fraction, shortage)
    assert [(q.name, (q.real_in, q.synthetic_in)) for q in found] == sorted(counts.items())
    total_real, total = sum(q.real for q in found), sum(q.real + q.synthetic for q in found)
    assert fraction * total <= total_real
    assert fraction == 1 or total_real - fraction * total < 1
    for quota in found:
        assert quota.real <= quota.real_in * shortage.most
        assert quota.synthetic <= quota.synthetic_in
        own = quota.real - fraction * (quota.real + quota.synthetic)
        assert fraction == 1 or -1 < own < 1
        alone = quotas({quota.name: counts[quota.name]}, fraction, shortage)[0]
        assert abs(alone.real - quota.real) <= 1
        assert abs(alone.synthetic - quota.synthetic) <= 1


def test_slices_have_the_fraction_each() -> None:
    """--by: a slice without real rows gives nothing, whatever the others have in plenty."""
    names = ("a", "b", "c")
    real = named("r", 60, slices=[0] * 50 + [1] * 10, slice_names=names)
    synthetic = named("s", 60, slices=[0] * 20 + [1] * 20 + [2] * 20, slice_names=names)
    mix = blend(real, synthetic, Wish(Fraction(1, 2)))
    assert [(q.name, q.real, q.synthetic) for q in mix.quotas] == [
        ("a", 20, 20), ("b", 10, 10), ("c", 0, 0),
    ]  # fmt: skip
    used = [
        Counter(side.slices[uses > 0].tolist())
        for side, uses in zip(mix.sides, mix.uses, strict=True)
    ]
    assert used == [{0: 20, 1: 10}, {0: 20, 1: 10}]


# --- which ------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(sides, sides, fractions, shortages, st.integers(0, 2))
def test_every_row_is_picked_or_dropped(
    real: int, synthetic: int, fraction: Fraction, shortage: Shortage, epoch: int
) -> None:
    """No row is lost; synthetic rows come out once, the uses of real rows differ by at most one."""
    mix = mixed(real, synthetic, fraction, shortage, epoch=epoch)
    chosen = list(mix.picks())
    gone = [(pick.real, pick.number) for pick, reason in mix.drops() if reason]
    uses = Counter((pick.real, pick.number) for pick in chosen)
    assert {*uses, *gone} == {(True, n) for n in range(real)} | {
        (False, n) for n in range(synthetic)
    }
    assert not {*uses} & {*gone}
    assert len(gone) == len({*gone})
    assert all(count == 1 for (is_real, _), count in uses.items() if not is_real)
    copies = [uses[True, number] for number in range(real)]
    assert not copies or max(copies) - min(copies) <= 1
    seen: Counter[tuple[bool, int]] = Counter()
    for pick in chosen:
        assert pick.copy == seen[pick.real, pick.number]
        seen[pick.real, pick.number] += 1


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=2)), min_size=1), st.randoms())
def test_the_order_does_not_depend_on_the_order_of_arrival(
    rows: list[tuple[int, bytes]], rng: object
) -> None:
    """Rows come by lot; rows with the same lot by their bytes."""
    shuffled = sorted(rows, key=lambda _: rng.random())  # type: ignore[attr-defined]
    for each in (rows, shuffled):
        side = table([lot for lot, _ in each], lambda number, each=each: each[number][1])
        assert [each[number] for number in side.order().tolist()] == sorted(rows)


def test_epochs_have_the_same_rows_in_other_orders() -> None:
    """--epoch: another order each time, never another choice, not even with repeats."""
    shortage = Shortage("repeat", 3)
    orders = [
        [(p.real, p.number) for p in mixed(7, 40, Fraction(1, 3), shortage, epoch=k).picks()]
        for k in range(4)
    ]
    assert len({tuple(order) for order in orders}) == 4
    assert len({tuple(sorted(order)) for order in orders}) == 1


def sourced(name: str, counts: dict[str, int]) -> Table:
    """A side with so many rows of each source."""
    numbers = [at for at, count in enumerate(counts.values()) for _ in range(count)]
    return named(name, len(numbers), sources=numbers, source_names=tuple(counts))


sources = st.dictionaries(st.sampled_from("abc"), st.integers(1, 40), min_size=1)
weights = st.dictionaries(st.sampled_from("abc"), st.integers(1, 5).map(Fraction), min_size=1)


@settings(max_examples=150, deadline=None)
@given(sources, sources, weights, fractions, shortages)
def test_weights_divide_a_side(
    real: dict[str, int],
    synthetic: dict[str, int],
    weights: dict[str, Fraction],
    fraction: Fraction,
    shortage: Shortage,
) -> None:
    """--weight: each source is within a row of its share of its side; the fraction holds."""
    wish = Wish(fraction, shortage, weights=weights)
    mix = blend(sourced("r", real), sourced("s", synthetic), wish)
    assert mix.counts[0] >= fraction * sum(mix.counts)
    most = 1 if fraction == 1 else shortage.most
    assert max([0, *mix.uses[0].tolist()]) <= most
    for at, counts in enumerate((real, synthetic)):
        if not {*counts} & {*weights}:
            continue
        total = sum(weights.get(name, 1) for name in counts)
        for number, name in enumerate(counts):
            used = int(mix.uses[at][mix.sides[at].sources == number].sum())
            share = Fraction(weights.get(name, 1)) / total
            assert abs(used - share * mix.counts[at]) < 1
    kept = {(pick.real, pick.number) for pick in mix.picks()}
    assert len(list(mix.drops())) == sum(map(len, mix.sides)) - len(kept)


def test_a_cap_takes_the_last_lots_of_a_source() -> None:
    """--cap: so many rows of a source are left, those with the smallest lots."""
    side = sourced("r", {"a": 30, "b": 30})
    gone = over_caps(side, {"a": 10, "elsewhere": 1})
    kept = np.setdiff1d(np.arange(30), gone)
    assert len(gone) == 20 and max(gone) < 30
    assert max(side.lots[kept]) < min(side.lots[gone])


# --- in which order ---------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(sides, sides, fractions, shortages)
def test_every_prefix_is_within_half_a_row_of_the_fraction(
    real: int, synthetic: int, fraction: Fraction, shortage: Shortage
) -> None:
    """Half a row, or at the very end the part of a row that rounding the counts has added."""
    mix = mixed(real, synthetic, fraction, shortage)
    rounded = mix.counts[0] - fraction * sum(mix.counts)
    used = 0
    for count, pick in enumerate(mix.picks(), 1):
        used += pick.real
        assert abs(used - fraction * count) <= max(Fraction(1, 2), rounded), count
    assert used == mix.counts[0]


def test_sources_take_turns() -> None:
    """Two sources of a side are spread evenly: every prefix is within a row of their shares."""
    mix = blend(sourced("r", {"a": 30, "b": 10}), sourced("s", {"x": 40}), Wish(Fraction(1, 2)))
    numbers = [pick.number for pick in mix.picks() if pick.real]
    from_b = list(accumulate(number >= 30 for number in numbers))
    assert all(abs(have - count / 4) < 1 for count, have in enumerate(from_b, 1))


lengths = st.lists(st.integers(0, 300), max_size=30)


@settings(max_examples=200, deadline=None)
@given(lengths, lengths, fractions, shortages)
def test_characters_keep_the_fraction(
    real: list[int], synthetic: list[int], fraction: Fraction, shortage: Shortage
) -> None:
    """--unit chars: the real share is kept to within one row, in every prefix to half of one."""
    found = blend(
        named("r", len(real), sizes=real),
        named("s", len(synthetic), sizes=synthetic),
        Wish(fraction, shortage, chars=True),
    )
    chosen = list(found.picks())
    sizes = [(pick.real, (real if pick.real else synthetic)[pick.number]) for pick in chosen]
    total, ours = sum(size for _, size in sizes), sum(size for is_real, size in sizes if is_real)
    assert ours >= fraction * total
    used = Counter(pick.number for pick in chosen if pick.real)
    assert all(count <= shortage.most for count in used.values())
    assert found.counts == (sum(used.values()), len(chosen) - sum(used.values()))
    if fraction < 1 and sum(real) * shortage.most * (1 - fraction) >= fraction * sum(synthetic):
        assert found.counts[1] == len(synthetic)
        assert (ours - fraction * total) <= max([0, *real])
    longest, have, seen = max([0, *real, *synthetic]), 0, 0
    over = ours - fraction * total
    for is_real, size in sizes:
        seen, have = seen + size, have + size * is_real
        assert abs(have - fraction * seen) <= max(Fraction(longest, 2), over)


def test_each_slice_keeps_the_fraction_of_characters() -> None:
    """--unit chars with --by: each slice has its share, to within one of its rows."""
    names, rows = ("a", "b"), [0, 1] * 30
    real = named("r", 60, sizes=[10 + n % 7 for n in range(60)], slices=rows, slice_names=names)
    synthetic = named("s", 60, sizes=[5 + n % 3 for n in range(60)], slices=rows, slice_names=names)
    mix = blend(real, synthetic, Wish(Fraction(1, 3), chars=True))
    assert [quota.name for quota in mix.quotas] == ["a", "b"]
    for number, quota in enumerate(mix.quotas):
        sums = [
            int((side.sizes * uses)[side.slices == number].sum())
            for side, uses in zip(mix.sides, mix.uses, strict=True)
        ]
        assert sums == [quota.real, quota.synthetic]
        assert quota.synthetic == quota.synthetic_in
        assert 0 <= quota.real - Fraction(1, 2) * quota.synthetic < 17


# --- memory -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "most"), [({}, 20), ({"sources": (1, 2)}, 30)], ids=["one source", "two sources"]
)
def test_a_mix_is_small(more: dict[str, Sequence[int]], most: int) -> None:
    """Deciding a mix and giving out its rows holds 20 bytes a row beside its tables at the peak."""
    count = 30_000
    names = ("", "a", "b") if more else ("",)

    def side(first: int) -> Table:
        lots = array("Q", (lot(0, str(number)) for number in range(first, first + count)))
        sources = array("B", [1 + number % 2 for number in range(count)]) if more else ()
        return table(lots, lambda number: b"%d" % number, sources, source_names=names)

    real, synthetic = side(0), side(count)
    mixed(9, 9, Fraction(1, 2), Shortage())  # what is imported late is no cost of a row
    tracemalloc.start()
    mix = blend(real, synthetic, Wish(Fraction(1, 2), Shortage()))
    given = sum(1 for _ in mix.picks()) + sum(1 for _ in mix.drops())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert given == 2 * count
    assert peak < most * 2 * count
