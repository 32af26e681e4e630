"""Tests, intervals and corrections against independent oracles."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.stats.compare import (
    benjamini_hochberg,
    design_effect,
    holm,
    more_often,
    wilson,
)

CHANCES = st.lists(st.floats(0, 1), max_size=20)


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """A part and its whole: (hits, rows, all hits, all rows)."""
    hits, of = sorted((draw(st.integers(0, 60)), draw(st.integers(1, 60))))
    rest_hits, rest = sorted((draw(st.integers(0, 300)), draw(st.integers(1, 300))))
    return hits, of, hits + rest_hits, of + rest


@given(tables())
def test_a_part_against_its_rest(table: tuple[int, int, int, int]) -> None:
    """The chance is the tail of the hypergeometric distribution wherever the part has more."""
    from scipy.stats import hypergeom

    hits, of, all_hits, all_of = table
    if hits * all_of > all_hits * of:
        wanted = hypergeom.sf(hits - 1, all_of, all_hits, of)
        assert more_often(*table) == pytest.approx(wanted, rel=1e-8)
    else:
        assert more_often(*table) == 1.0


@pytest.mark.parametrize(
    ("hits", "of", "all_hits", "all_of"),
    [(900, 1_000, 1_000, 1_000_000), (60, 50_000, 1_000, 1_000_000), (3, 3, 40_000, 200_000)],
)
def test_large_sets(hits: int, of: int, all_hits: int, all_of: int) -> None:
    """A million rows are no matter, and tiny chances stay apart from 0."""
    from scipy.stats import hypergeom

    wanted = float(hypergeom.logsf(hits - 1, all_of, all_hits, of))
    assert more_often(hits, of, all_hits, all_of) == pytest.approx(math.exp(wanted), rel=1e-6)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_holds_the_shares_that_the_score_test_accepts(one: int, other: int) -> None:
    """At an inner bound p the found share lies exactly 1.96 standard errors away from p."""
    hits, of = sorted((one, other))
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1
    for p in (low, high):
        if 1e-9 < p < 1 - 1e-9:
            distance = abs(hits / of - p) / (p * (1 - p) / of) ** 0.5
            assert distance == pytest.approx(1.959964, rel=1e-6)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 100) == pytest.approx((0.02154, 0.11175), abs=1e-4)  # as published


@given(CHANCES)
def test_corrections_are_those_of_the_books(chances: list[float]) -> None:
    """Holm: a finding at each level just where the step-down procedure finds it; BH as in scipy."""
    from scipy.stats import false_discovery_control

    corrected = holm(chances)
    for level in (0.01, 0.05, 0.5):
        found, left = set(), sorted(range(len(chances)), key=chances.__getitem__)
        while left and chances[left[0]] * len(left) <= level:
            found.add(left.pop(0))
        assert {at for at, p in enumerate(corrected) if p <= level} == found
    if chances:
        assert benjamini_hochberg(chances) == pytest.approx(list(false_discovery_control(chances)))


def test_groups_that_fail_together_weigh_as_one() -> None:
    """Rows that are always alike in groups of m count m times; independent ones count once."""
    rng = random.Random(1)
    alike = [(5, 5) if rng.random() < 0.3 else (0, 5) for _ in range(400)]
    assert design_effect(alike) == pytest.approx(5, rel=0.02)
    free = [(sum(rng.random() < 0.3 for _ in range(5)), 5) for _ in range(400)]
    assert design_effect(free) < 1.25
    assert design_effect([(1, 1), (0, 1)] * 10) == design_effect([(3, 9)]) == 1.0
