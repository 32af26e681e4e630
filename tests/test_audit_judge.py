"""The pure parts of the audit: judging labels with holes, releasing rows, digests of sets."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import combinations, product

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from synthgate.errors import UsageError
from synthgate.provenance import Stamp, read
from synthgate.rows import Row
from synthgate.sample import AuditPlan, freeze, frozen_ids, set_digest
from synthgate.stages.audit import judge, release, without, words
from tests import auditing

WORDS = ("pass", "fail", "edit", "unsure", "")


def ids(count: int) -> list[bytes]:
    """Sorted ids of a set of rows."""
    return sorted(hashlib.sha256(str(number).encode()).digest() for number in range(count))


def frozen(rows: int, tau: float, confidence: float, most: int) -> AuditPlan:
    """Return a small plan, or give the example up where there is none."""
    try:
        return freeze(ids(rows), tau, confidence, most, 0)
    except UsageError:
        assume(False)
        raise


plans = st.builds(
    frozen,
    st.integers(1, 12),
    st.sampled_from([0.3, 0.5, 0.6, 0.75]),
    st.sampled_from([0.6, 0.75, 0.9]),
    st.integers(1, 7),
)


def read_aloud(plan: AuditPlan, said: tuple[str, ...]) -> str:
    """The rule for a sample that is labelled to its end: the first label that decides."""
    for number in range(1, len(said) + 1):
        failures = sum(word != "pass" for word in said[:number])
        if failures < len(plan.pass_points) and plan.pass_points[failures] <= number:
            return "PASS"
        if failures >= plan.stop_at_failures:
            return "STOP"
    raise AssertionError("undecided")


@settings(max_examples=400, deadline=None)
@given(plans, st.data())
def test_holes_are_judged_by_every_way_to_fill_them(plan: AuditPlan, data: st.DataObject) -> None:
    """STOP: no filling passes. INCOMPLETE: some do, and `missing` is the fewest labels for one."""
    said = tuple(data.draw(st.sampled_from(WORDS)) for _ in plan.sample)
    found = judge(plan, {row: word for row, word in zip(plan.sample, said, strict=True) if word})
    holes = [at for at, word in enumerate(said) if not word]
    first = holes[0] if holes else len(said)
    settled = {read_aloud(plan, filled(said, fill)) for fill in fillings(holes)}
    passed = any(
        plan.pass_points[failures] <= at
        for at in range(1, first + 1)
        if (failures := sum(word != "pass" for word in said[:at])) < plan.stop_at_failures
    )
    assert found.labels == len(said) - len(holes)
    assert found.failures == sum(word not in ("", "pass") for word in said)
    if found.verdict == "PASS":
        assert passed
        assert settled == {"PASS"}
        assert said[: found.at].count("pass") == found.at - found.at_failures
    elif found.verdict == "STOP":
        assert settled == {"STOP"}
    else:
        assert not passed
        assert "PASS" in settled
        assert found.missing == fewest(plan, said, holes)
        assert said[found.next - 1] == "" and "" not in said[: found.next - 1]
    assert words(plan, found)


def fillings(holes: list[int]) -> list[tuple[tuple[int, str], ...]]:
    """Every way to label the holes."""
    return [
        tuple(zip(holes, choice, strict=True))
        for choice in product(("pass", "fail"), repeat=len(holes))
    ]


def filled(said: tuple[str, ...], fill: tuple[tuple[int, str], ...]) -> tuple[str, ...]:
    """The labels with the holes filled."""
    return tuple(dict(fill).get(at, word) for at, word in enumerate(said))


def fewest(plan: AuditPlan, said: tuple[str, ...], holes: list[int]) -> int:
    """The fewest more labels with which the gate can say PASS, by trying them all."""
    for size in range(len(holes) + 1):
        for chosen in combinations(holes, size):
            more = tuple("pass" if at in chosen else word for at, word in enumerate(said))
            known = {row: word for row, word in zip(plan.sample, more, strict=True) if word}
            if judge(plan, known).verdict == "PASS":
                return size
    raise AssertionError("no PASS can be reached")


def rows_of(spec: list[tuple[int, str]]) -> list[Row]:
    """Rows from (number, needs)."""
    stamp = Stamp().provenance
    return [
        read(auditing.line(number, needs=needs), "rows.jsonl", at, stamp)
        for at, (number, needs) in enumerate(spec, 1)
    ]


specs = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["", "human"])), max_size=12)


@given(specs, st.dictionaries(st.integers(0, 6), st.sampled_from(WORDS[:4])))
def test_release_decides_every_row_once(spec: list[tuple[int, str]], said: dict[int, str]) -> None:
    """Rows in = released + rejected; no row flows with a doubt, or without the person it needs."""
    rows = rows_of(spec)
    by_number = dict(zip((number for number, _ in spec), (row.id for row in rows), strict=True))
    verdicts = {by_number[number]: word for number, word in said.items() if number in by_number}
    decisions = list(release(rows, verdicts))
    assert [decision.row for decision in decisions] == rows
    for decision in decisions:
        word = verdicts.get(decision.row.id)
        flows = word == "pass" or (word is None and decision.row.provenance.needs == "")
        assert bool(decision.reason) != flows


@given(specs, st.randoms())
def test_the_released_digest_is_that_of_the_rows_that_flow(
    spec: list[tuple[int, str]], rng: object
) -> None:
    """Taking the removed ids out of the set gives the digest of the rest, repeats counted."""
    rows = rows_of(spec)
    decisions = list(release(rows, {rows[0].id: "fail"} if rows else {}))
    removed = Counter(bytes.fromhex(each.row.id) for each in decisions if each.reason)
    kept = [each.row.id for each in decisions if not each.reason]
    assert set_digest(without(frozen_ids(rows), removed)) == auditing.digest_of(kept)


@given(st.lists(st.integers(0, 8)), st.randoms(use_true_random=False))
def test_the_set_digest_is_of_the_multiset(numbers: list[int], rng: object) -> None:
    """Order does not matter, a row more or less does."""
    rows = rows_of([(number, "") for number in numbers])
    shuffled = sorted(rows, key=lambda row: rng.random())  # type: ignore[attr-defined]
    digest = set_digest(frozen_ids(rows))
    assert digest == set_digest(frozen_ids(shuffled)) == auditing.digest_of(r.id for r in rows)
    more = rows_of([(number, "") for number in [*numbers, 3]])
    assert set_digest(frozen_ids(more)) != digest
