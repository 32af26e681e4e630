"""The audit plan: its bound holds exactly, it loses nothing against the fixed plan, it is quick."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import combinations, pairwise
from math import comb, sqrt

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synthgate.errors import UsageError
from synthgate.rows import lot
from synthgate.stats.plan import Plan, make_plan, outlook

SHARES = (0.01, 0.02, 0.03, 0.05)
# research/audit-blend.md, confidence .95, at most 100 labels: tau, N, the first pass points, false
# accepts at the limit; for each share of bad rows P(pass), then labels, then P(pass) if fixed.
TABLE = """
.80 5000 26,36,45,53,61,68,75,83 .0496  1 1 1 1              29 32 36 46  -    - -    -
.90 500  40,57,73,87,99,100      .0492  1 .995 .947 .643     48 57 67 76  1    - .942 .618
.90 1000 47,67,83,98,99,100      .0499  1 .990 .932 .624     57 68 77 82  1    - .930 .617
.90 5000 38,56,73,88,100         .0495  .998 .961 .852 .506  46 55 62 67  .997 - .820 .434
.95 500  61,92                   .0489  .792 .465 .243 .057  68 62 52 37  .738 - .163 .025
.95 5000 68,100                  .0496  .757 .435 .223 .050  74 66 55 38  .736 - .192 .036
.97 1000 91                      .0495  .383 .146 .055 .007  59 41 31 19  .347 - .040 .004
"""


def at_most(rows: int, bad: int, labels: int, failures: int) -> Fraction:
    """P(at most so many bad among `labels` rows drawn), from the definition."""
    ways = sum(
        comb(bad, k) * comb(rows - bad, labels - k)
        for k in range(failures + 1)
        if k <= bad and labels - k >= 0
    )
    return Fraction(ways, comb(rows, labels))


def follow(plan: Plan, wrong: set[int]) -> tuple[str, int]:
    """Label a sample one by one; `wrong` are the positions of its bad rows, from 0."""
    failures = 0
    for number in range(1, plan.sample + 1):
        failures += number - 1 in wrong
        if failures < len(plan.pass_points) and number >= plan.pass_points[failures]:
            return "PASS", number
        if failures == plan.stop_at_failures:
            return "STOP", number
    raise AssertionError("the plan ended without a verdict")


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_the_published_table_is_reproduced(line: str) -> None:
    """Pass points, false accepts, P(pass) and labels are those of the research note."""
    tau, rows, points, risk, *cells = line.split()
    plan = make_plan(int(rows), float(tau), 0.95, 100)
    known = tuple(map(int, points.split(",")))
    assert plan.pass_points[: len(known)] == known
    assert outlook(plan, plan.null_bad).passes == pytest.approx(float(risk), abs=6e-5)
    assert outlook(plan, 0).labels == known[0]
    for at, share in enumerate(SHARES):
        bad = round(share * plan.rows)
        found = outlook(plan, bad)
        assert found.passes == pytest.approx(float(cells[at]), abs=6e-4), share
        assert found.labels == pytest.approx(float(cells[4 + at]), abs=0.51), share
        if cells[8 + at] != "-":
            fixed = at_most(plan.rows, bad, 100, plan.stop_at_failures - 1)
            assert float(fixed) == pytest.approx(float(cells[8 + at]), abs=1.1e-3), share


def test_a_good_set_needs_at_most_half_of_the_labels() -> None:
    """At 1 % defects, tau .90 and 5,000 rows the plan is done by label 50 on average."""
    assert outlook(make_plan(5000, 0.9, 0.95, 100), 50).labels <= 50


plans = st.tuples(
    st.integers(1, 11),
    st.sampled_from([0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 0.95]),
    st.sampled_from([0.6, 0.75, 0.8, 0.9, 0.95]),
    st.integers(1, 11),
)


def planned(settings_: tuple[int, float, float, int]) -> Plan:
    """Return the plan, or give the example up where no plan exists."""
    try:
        return make_plan(*settings_)
    except UsageError:
        assume(False)
        raise


@settings(max_examples=150, deadline=None)
@given(plans, st.integers(0, 11))
def test_the_exact_dynamic_program_is_plain_counting(
    settings_: tuple[int, float, float, int], bad: int
) -> None:
    """P(pass), P(stop) and labels are those counted over every order the rows can come in."""
    plan = planned(settings_)
    assume(bad <= plan.rows)
    orders = [follow(plan, set(where)) for where in combinations(range(plan.rows), bad)]
    found = outlook(plan, bad)
    passed = sum(verdict == "PASS" for verdict, _ in orders) / len(orders)
    assert found.passes == pytest.approx(passed, abs=1e-12)
    assert found.stops == pytest.approx(1 - passed, abs=1e-12)
    assert found.labels == pytest.approx(sum(at for _, at in orders) / len(orders), abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(plans)
def test_every_bad_set_passes_at_most_alpha_times(
    settings_: tuple[int, float, float, int],
) -> None:
    """Counted over every order: a set below min-pass passes at most 1 - confidence of the time."""
    plan = planned(settings_)
    alpha = 1 - Fraction(str(plan.confidence))
    for bad in range(plan.rows + 1):
        if Fraction(plan.rows - bad, plan.rows) >= Fraction(str(plan.min_pass)):
            assert bad < plan.null_bad
            continue
        assert bad >= plan.null_bad
        orders = [follow(plan, set(where))[0] for where in combinations(range(plan.rows), bad)]
        assert Fraction(orders.count("PASS"), len(orders)) <= alpha


@settings(max_examples=60, deadline=None)
@given(
    st.integers(50, 3000),
    st.sampled_from([0.7, 0.8, 0.9, 0.925, 0.95]),
    st.sampled_from([0.9, 0.95, 0.975, 0.99]),
    st.integers(30, 150),
)
def test_false_accepts_stay_within_alpha_and_fall_with_every_bad_row(
    rows: int, tau: float, confidence: float, most: int
) -> None:
    """On a grid of sets from the limit on, the risk is at most alpha and never grows."""
    plan = planned((rows, tau, confidence, most))
    grid = sorted({*range(plan.null_bad, min(rows, plan.null_bad + 40) + 1), rows})
    risks = [outlook(plan, bad).passes for bad in grid]
    assert risks[0] <= 1 - confidence + 1e-12
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(risks))


@settings(max_examples=100, deadline=None)
@given(plans)
def test_what_the_fixed_plan_passes_passes_here_too(
    settings_: tuple[int, float, float, int],
) -> None:
    """Every order with at most c failures among all labels ends in PASS, never in STOP."""
    plan = planned(settings_)
    allowed = plan.stop_at_failures - 1
    for bad in range(plan.sample + 1):
        for where in combinations(range(plan.sample), bad):
            if bad <= allowed:
                assert follow(plan, set(where))[0] == "PASS"


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 20_000),
    st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.97]),
    st.sampled_from([0.9, 0.95, 0.99]),
    st.integers(1, 120),
)
def test_the_last_pass_point_is_the_exact_hypergeometric_acceptance_number(
    rows: int, tau: float, confidence: float, most: int
) -> None:
    """c is the most failures whose chance at the limit is at most alpha; none is an error."""
    alpha, bad = 1 - Fraction(str(confidence)), rows - -(-Fraction(str(tau)) * rows // 1) + 1
    labels = min(rows, most)
    allowed = -1
    while at_most(rows, int(bad), labels, allowed + 1) <= alpha:
        allowed += 1
    if allowed < 0:
        with pytest.raises(UsageError):
            make_plan(rows, tau, confidence, most)
        return
    plan = make_plan(rows, tau, confidence, most)
    assert (plan.null_bad, plan.stop_at_failures, plan.sample) == (bad, allowed + 1, labels)
    assert list(plan.pass_points) == sorted(plan.pass_points)


def test_drawing_by_hash_passes_as_often_as_the_plan_says() -> None:
    """2,000 audits of a set right at the limit, drawn by lot, are within three standard errors."""
    plan, audits = make_plan(500, 0.9, 0.95, 100), 2000
    passed = 0
    for seed in range(audits):
        order = sorted(range(plan.rows), key=lambda row: lot(seed, str(row)))
        wrong = {at for at, row in enumerate(order[: plan.sample]) if row < plan.null_bad}
        passed += follow(plan, wrong)[0] == "PASS"
    expected = outlook(plan, plan.null_bad).passes
    assert abs(passed / audits - expected) <= 3 * sqrt(expected * (1 - expected) / audits)


def test_the_threshold_is_an_exact_decimal() -> None:
    """0.9 of 1,000 rows is 900 of them, whatever floating point makes of 1 - 0.9."""
    assert make_plan(1000, 0.9, 0.95, 100).null_bad == 101
    assert make_plan(1000, 0.7, 0.95, 100).null_bad == 301
    assert make_plan(10, 0.7, 0.95, 10).null_bad == 4


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 20_000), st.sampled_from([0.9, 0.95, 0.98, 0.99, 0.999]), st.integers(1, 150))
def test_an_impossible_threshold_names_the_labels_that_would_do(
    rows: int, tau: float, most: int
) -> None:
    """The number in the message makes a plan, one label fewer does not, and what it shows holds."""
    try:
        make_plan(rows, tau, 0.95, most)
    except UsageError as error:
        found = re.search(r"at most ([\d.]+) %.*--max-n (\d+)$", str(error))
        assert found is not None, error
        shown, enough = float(found[1]), int(found[2])
        assert make_plan(rows, tau, 0.95, enough).stop_at_failures == 1
        with pytest.raises(UsageError):
            make_plan(rows, tau, 0.95, enough - 1)
        assert shown / 100 < tau
        if shown:
            make_plan(rows, round(shown / 100, 3), 0.95, most)


def test_the_message_for_an_impossible_threshold_is_one_plain_line() -> None:
    """The words: what so many labels can show at most, and what to plan instead."""
    with pytest.raises(UsageError) as caught:
        make_plan(5000, 0.99, 0.95, 100)
    assert str(caught.value) == (
        "100 labels can show at most 97.0 % (with no failure); "
        "for 99 % of 5,000 rows plan --max-n 284"
    )


def test_a_census_decides_by_counting() -> None:
    """With every row labelled the plan allows just the failures that min-pass allows."""
    plan = make_plan(20, 0.9, 0.95, 100)
    assert (plan.sample, plan.stop_at_failures) == (20, 3)
    assert make_plan(1, 0.9, 0.95, 100).pass_points == (1,)
