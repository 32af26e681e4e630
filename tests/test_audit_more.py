"""Slices, planted rows, a second reviewer, attempts, rejected rows: what an audit shows besides."""

from __future__ import annotations

import json
from math import comb
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import GateStop, Stale, UsageError
from synthgate.sample import Frozen, Terms, draw, freeze_rows
from synthgate.sample.attempts import Attempt, number_of
from synthgate.stats.interval import share_within
from synthgate.stats.plan import make_plan
from tests import auditing
from tests.auditing import Case
from tests.conftest import read_rows, write_rows


def topical(folder: Path, name: str, topics: dict[str, int]) -> Path:
    """Rows with a topic; as many of each as are named."""
    lines = []
    for topic, count in topics.items():
        for number in range(count):
            row = json.loads(auditing.line(f"{topic} {number}"))
            payload = {"topic": topic, "input": row["input"], "output": row["output"]}
            lines.append(auditing.stamped(payload))
    return write_rows(folder / name, lines)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path, topical(tmp_path, "rows.jsonl", {"sums": 900, "rare": 40, "odd": 12}))


def topic_of(case: Case) -> dict[str, str]:
    return {row["_synthgate"]["id"]: row["topic"] for row in read_rows(case.rows)}


# --- slices -----------------------------------------------------------------------------

SLICED = ("--by", "topic", "--slice-min-pass", "0.8")


def test_a_slice_is_topped_up_to_what_its_floor_needs(case: Case) -> None:
    """Each slice has its 30 smallest lots in the sample, a small one all of its rows."""
    assert case.draw(*SLICED) == 0
    topics, plan = topic_of(case), case.plan
    sampled = [topics[each] for each in plan["sample"]]
    assert (sampled.count("rare"), sampled.count("odd")) == (30, 12)
    assert sampled[:100].count("sums") == sampled.count("sums") > 80
    for each in plan["slices"]:
        numbers = make_plan(each["rows"], 0.8, 0.95, 30)
        assert tuple(each["pass_points"]) == numbers.pass_points


def test_the_sample_without_slices_is_the_beginning_of_the_one_with_them(case: Case) -> None:
    """Top-ups come behind the sample that decides about the set, which stays the same."""
    assert case.draw() == 0
    plain = case.plan["sample"]
    assert case.draw(*SLICED, "--force", "--max-n", "100") == 0
    assert case.plan["sample"][:100] == plain
    assert case.plan["attempt"] == 2  # another question to the same set is another attempt


def test_a_bad_slice_stops_a_good_set(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """All of a rare topic wrong: the set passes its own bound, the slice does not: 3."""
    assert case.draw(*SLICED) == 0
    topics, sample = topic_of(case), case.plan["sample"]
    rare = {at for at, each in enumerate(sample, 1) if topics[each] == "rare" and at > 100}
    case.log(lambda at: "fail" if at in rare else "pass")
    assert case.gate() == 3
    said = capfd.readouterr().err
    assert "topic=rare" in said
    assert "80 % of this slice is not shown. Nothing was written." in said
    assert "topic=odd: 12 of 12 right (100 %): PASS" in said
    assert case.nothing_written


def test_a_slice_without_its_labels_is_incomplete(case: Case) -> None:
    """The set has passed; a slice with a floor still waits for its labels: 5."""
    assert case.draw(*SLICED) == 0
    case.log(lambda at: "pass" if at <= 100 else None)
    assert case.gate() == 5
    assert case.nothing_written


def test_every_verdict_says_k_of_n_for_each_slice(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    """Counted over exactly the labelled rows of the slice, with the rate."""
    assert case.draw(*SLICED) == 0
    topics, sample = topic_of(case), case.plan["sample"]
    bad = [at for at, each in enumerate(sample, 1) if topics[each] == "odd"][:1]
    case.log(lambda at: "fail" if at in bad else "pass")
    assert case.gate() == 0
    said = capfd.readouterr().err
    assert "topic=odd: 11 of 12 right (92 %): PASS" in said
    assert "topic=rare: 30 of 30 right (100 %): PASS" in said
    counted = {each["name"]: (each["right"], each["labels"]) for each in case.certificate["slices"]}
    assert counted["topic=odd"] == (11, 12)
    assert counted["topic=sums"][0] == sum(topics[each] == "sums" for each in sample)


def test_slices_without_a_floor_are_counted_and_decide_nothing(case: Case) -> None:
    """--by alone draws nothing more, and a slice that is all wrong does not stop the set."""
    assert case.draw("--by", "topic") == 0
    topics, sample = topic_of(case), case.plan["sample"]
    assert len(sample) == 100
    assert case.plan["slices"] == []
    case.log(lambda at: "fail" if topics[sample[at - 1]] == "odd" else "pass")
    assert case.gate() == 0


def test_focus_tops_up_the_slices_that_a_report_found(case: Case) -> None:
    """Only the slices named in the file get more labels; a field and value or `slice` names one."""
    findings = [{"kind": "funnel"}, {"field": "topic", "value": "rare"}, {"slice": "topic=gone"}]
    focus = write_rows(case.at("weak.jsonl"), findings)
    assert case.draw("--focus", focus, "--slice-max-n", "35") == 0
    topics, sample = topic_of(case), case.plan["sample"]
    assert [topics[each] for each in sample].count("rare") == 35
    assert {topics[each] for each in sample[100:]} == {"rare"}
    case.log(lambda at: "pass" if at <= 100 else None)
    assert case.gate() == 0  # without a floor they are measured, and decide nothing
    empty = write_rows(case.at("none.jsonl"), [{"kind": "funnel"}])
    assert case.draw("--focus", empty, "--force") == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--by", "topic", "--slice-min-pass", "0.95"), "slice topic=sums: 30 labels can show"),
        (("--by", "topc"), "--by topc: no row has this field"),
        (("--by", "input", "--slice-min-pass", "0.8"), "slices with a floor each, at most 100"),
        (("--slice-min-pass", "0.8"), "--slice-min-pass: of which slices?"),
        (("--overlap", "101"), "--overlap 101"),
        (("--require", "luck"), "--require luck"),
        (("--nonce", "a", "--nonce-env", "B"), "contradict"),
        (("--nonce-env", "NOT_SET_ANYWHERE"), "not set, or empty"),
        (("--nonce", "a", "--seed", "3"), "--seed is a nonce of your own"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_the_first_label(
    case: Case, capfd: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    """Exit 2, one line that names what would do, and no plan."""
    assert case.draw(*options) == 2
    assert words in capfd.readouterr().err
    assert not case.at("plan.json").exists()


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(0, 9), st.integers(1, 20))
def test_a_slice_sample_is_a_random_sample_of_the_slice(rows: int, seed: int, size: int) -> None:
    """The rows of a slice in the sample are those of the slice with the smallest lots."""
    from array import array

    ids = sorted(bytes([number]) * 32 for number in range(rows))
    groups = array("I", [number % 3 for number in range(rows)])
    frozen = Frozen(ids, ("f",), groups, [("a",), ("b",), ("c",)])
    focus = (("f", "a"), ("f", "b"))
    terms = Terms(min_pass=0.1, max_n=5, seed=seed, focus=focus, slice_n=size)
    try:
        drawn = draw(frozen, terms)
        census = draw(frozen, Terms(min_pass=0.1, max_n=rows, seed=seed))
    except UsageError:
        return
    group = {each.hex(): "abc"[at % 3] for at, each in enumerate(ids)}
    for name in "ab":
        order = [each for each in census.main if group[each] == name]
        if order:
            assert list(drawn.slices["f", name]) == order[:size]
            assert {*order[:size]} <= {*drawn.plan.sample}


# --- planted rows -----------------------------------------------------------------------


def plant(case: Case, count: int) -> Path:
    return auditing.rows(case.folder, "gold.jsonl", [f"wrong {number}" for number in range(count)])


def missing(case: Case, noticed: int) -> tuple[set[str], Path]:
    """Return the planted ids, and a log in which some of them were noticed."""
    gold = sorted(auditing.ids_of(case.at("gold.jsonl")))
    plan = case.plan["sample"]
    seen = {plan.index(each) + 1 for each in gold[:noticed]}
    return {*gold}, case.log(lambda at: "fail" if at in seen else "pass")


def test_planted_rows_are_blind_and_never_released(case: Case) -> None:
    """They stand among the first rows, look like others, and are in no output."""
    gold = plant(case, 20)
    assert case.draw("--gold", gold) == 0
    ids, sample = {*auditing.ids_of(gold)}, read_rows(case.at("sample.jsonl"))
    places = [at for at, row in enumerate(sample, 1) if row["_synthgate"]["id"] in ids]
    assert len(places) == 20
    assert max(places) <= 20 + case.plan["pass_points"][0]
    assert {frozenset(row["_synthgate"]) for row in sample} == {
        frozenset(["id", "plan", "position"])
    }
    assert not ids & {*json.dumps({k: v for k, v in case.plan.items() if k != "sample"}).split('"')}
    missing(case, 20)
    assert case.gate("--gold", gold) == 0
    assert len(read_rows(case.at("out.jsonl"))) == 952
    assert not ids & {*auditing.ids_of(case.at("out.jsonl"))}


def test_what_reviewers_overlook_corrects_the_claim(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    """18 of 20 noticed show 71.7 %; then the claim is 1 - .1/.717."""
    gold = plant(case, 20)
    assert case.draw("--gold", gold) == 0
    missing(case, 18)
    assert case.gate("--gold", gold) == 0
    low = 0.5  # Clopper-Pearson by its definition: P(at least 18 of 20) = 5 %
    for step in (2**-n for n in range(2, 40)):
        tail = sum(comb(20, k) * low**k * (1 - low) ** (20 - k) for k in (18, 19, 20))
        low += step if tail < 0.05 else -step
    found = case.certificate["gold"]
    assert found["sensitivity"] == pytest.approx(low, abs=1e-6)
    assert found["min_pass"] == pytest.approx(1 - 0.1 / low, abs=1e-6)
    said = capfd.readouterr().err
    assert "noticed 18 of 20 planted wrong rows" in said
    assert f"what is shown is {100 - 10 / low:.1f} %, wrong at most 10 times in 100" in said


def test_a_rubber_stamp_stops_the_audit(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever passes the planted rows proves nothing about the others: 3."""
    gold = plant(case, 20)
    assert case.draw("--gold", gold) == 0
    missing(case, 3)
    assert case.gate("--gold", gold) == 3
    assert "noticed 3 of 20 planted wrong rows" in capfd.readouterr().err
    assert case.nothing_written


def test_planted_rows_must_be_the_same_and_labelled(case: Case) -> None:
    """Another gold file or none is 6; a planted row without a label 5; too few to show it 2."""
    gold = plant(case, 20)
    assert case.draw("--gold", gold) == 0
    first = case.plan["sample"].index(sorted(auditing.ids_of(gold))[0]) + 1
    case.log(lambda at: None if at == first else "pass")
    assert case.gate("--gold", gold) == 5
    assert case.gate() == 6
    other = auditing.rows(case.folder, "other.jsonl", ["x"])
    assert case.gate("--gold", other) == 6
    assert case.nothing_written
    assert case.draw("--gold", other, "--force") == 2
    assert case.draw("--gold", case.rows, "--force") == 2  # they would be released


# --- people -----------------------------------------------------------------------------


def test_the_overlap_needs_two_people(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """Rows of the overlap that one person labelled are missing a label: 5; agreement is counted."""
    assert case.draw("--overlap", "20") == 0
    case.log()
    assert case.gate() == 5
    assert "needs at least 20 more labels" in capfd.readouterr().err
    case.log(lambda at: {3: "fail"}.get(at, "pass") if at <= 20 else None, "bob")
    assert case.gate() == 0
    said = capfd.readouterr().err
    assert "two reviewers: the same of 19 of 20 pairs (19 pass, 0 not), AC1 0.95" in said
    found = case.certificate["agreement"]
    assert {k: found[k] for k in ("rows", "pairs", "both_pass", "neither", "differ")} == {
        "rows": 20, "pairs": 20, "both_pass": 19, "neither": 0, "differ": 1
    }  # fmt: skip
    passes = 39 / 40
    chance = 2 * passes * (1 - passes)
    assert found["ac1"] == pytest.approx((0.95 - chance) / (1 - chance), abs=1e-4)
    assert case.certificate["labels_failed"] == 1


def test_logs_of_two_people_are_joined(case: Case) -> None:
    """Each has a chain of its own; import checks both and makes one log."""
    from synthgate.cli.app import invoke

    assert case.draw("--overlap", "5") == 0
    case.log().rename(case.at("ann.jsonl"))
    case.log(lambda at: "pass" if at <= 5 else None, "bob").rename(case.at("bob.jsonl"))
    words = ["audit", "import", "ann.jsonl", "bob.jsonl", "--plan", "plan.json", "-o", "log.jsonl"]
    assert invoke([str(case.at(w)) if "." in w else w for w in words]) == 0
    assert case.gate() == 0
    assert case.certificate["reviewers"] == ["ann", "bob"]


def test_a_later_line_counts_and_is_counted(case: Case) -> None:
    """A reviewer who goes back has the last word; the certificate says how often."""
    assert case.draw() == 0
    case.log(lambda at: "fail" if at == 3 else "pass")
    case.log(lambda at: "pass" if at == 3 else None)
    assert case.gate() == 0
    assert case.certificate["verdicts_changed"] == 1
    assert case.certificate["labels_failed"] == 0


def test_rows_that_need_a_person_each_join_the_sample(tmp_path: Path) -> None:
    """--all: every such row is in the sample, and flows only with its own passing label."""
    rows = auditing.rows(tmp_path, "rows.jsonl", range(400))
    lines = rows.read_bytes().splitlines()
    people = [auditing.line(f"person {number}", needs="human") for number in range(50)]
    case = Case(tmp_path, write_rows(rows, [*lines, *people]))
    assert case.draw("--all") == 0
    wanted = {json.loads(line)["_synthgate"]["id"] for line in people}
    assert wanted <= {*case.plan["sample"]}
    behind = [at for at, each in enumerate(case.plan["sample"], 1) if at > 100 and each in wanted]
    assert len(behind) == len(case.plan["sample"]) - 100 > 20
    case.log(lambda at: None if at == behind[0] else "fail" if at == behind[1] else "pass")
    assert case.gate() == 0
    reasons = sorted(row["_reject"]["reason"] for row in read_rows(case.at("rejects.jsonl")))
    assert reasons == ["audit:fail", "audit:needs_human"]
    assert len(read_rows(case.at("out.jsonl"))) == 448


# --- attempts ---------------------------------------------------------------------------


def test_attempts_are_counted_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each new set on a lineage is an attempt more; at most `max_attempts` are drawn: 3."""
    ledger = ("--ledger", tmp_path / "ledger.jsonl", "--force", "--max-attempts", "2")
    for number in (0, 1):
        case = Case(tmp_path, auditing.rows(tmp_path, f"{number}.jsonl", range(number, 300)))
        assert case.draw(*ledger) == 0
        assert case.draw(*ledger) == 0  # the same draw again is the same attempt
        assert case.plan["attempt"] == number + 1
    assert "attempt 2, 2 x 5 %" in capfd.readouterr().err
    case.log()
    assert case.gate("--ledger", tmp_path / "ledger.jsonl") == 0
    assert "attempt 2 on its lineage: so many audits pass a bad set at most 10 times in 100" in (
        capfd.readouterr().err
    )
    case.log(lambda at: "fail")
    assert case.gate("--ledger", tmp_path / "ledger.jsonl", "--force") == 3
    assert "audit-gate: attempt 2 on this lineage" in capfd.readouterr().err
    third = auditing.rows(tmp_path, "2.jsonl", range(2, 300))
    assert case.draw(*ledger, rows=third) == 3
    assert case.plan["attempt"] == 2
    assert case.draw(*ledger, "--lineage", "another", rows=third) == 0
    assert case.plan["attempt"] == 1


def test_a_replaced_plan_counts_without_a_ledger(tmp_path: Path) -> None:
    """The plan that --force replaces was an attempt, too."""
    for number in range(3):
        case = Case(tmp_path, auditing.rows(tmp_path, f"{number}.jsonl", range(number, 300)))
        assert case.draw("--force") == 0
        assert case.plan["attempt"] == number + 1


def test_a_lineage_can_share_one_risk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """spend = lineage: attempt k has alpha / 2^k, so that all of them together have alpha."""
    for number in range(3):
        case = Case(tmp_path, auditing.rows(tmp_path, f"{number}.jsonl", range(number, 5000)))
        assert case.draw("--force", "--spend", "lineage") == 0
        assert case.plan["risk"] == pytest.approx(0.05 / 2 ** (number + 1))
    assert case.plan["pass_points"] == list(make_plan(4998, 0.9, 0.99375, 100).pass_points)
    case.log()
    assert case.gate() == 0
    said = capfd.readouterr().err
    assert "at most 0.625 times in 100" in said
    assert "all attempts on it together pass a bad set at most 5 times in 100" in said


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), max_size=8))
def test_numbers_never_fall_and_a_nonce_never_changes(draws: list[tuple[str, str]]) -> None:
    """A set keeps its nonce and its number; a new set has the next one."""
    known: list[Attempt] = []
    nonces: dict[str, str] = {}
    for name, nonce in draws:
        asked = Attempt(name, nonce, "t", 0)
        if nonces.setdefault(name, nonce) != nonce:
            with pytest.raises(Stale):
                number_of(known, asked, 0)
            continue
        number = number_of(known, asked, 0)
        before = {each.set_digest: each.attempt for each in known}
        assert number == before.get(name, len(before) + 1)
        known.append(Attempt(name, nonce, "t", number))
        with pytest.raises(GateStop):
            number_of(known, Attempt("new", "n", "t", 0), len({*before, name}))


# --- the nonce --------------------------------------------------------------------------


def test_a_draw_with_a_nonce_can_be_repeated(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same nonce gives the same bytes; a secret itself is not written down."""
    monkeypatch.setenv("NONCE", "the secret of this lab")
    assert case.draw("--nonce-env", "NONCE") == 0
    first = [case.at(name).read_bytes() for name in ("plan.json", "sample.jsonl")]
    assert case.draw("--nonce-env", "NONCE", "--force") == 0
    assert [case.at(name).read_bytes() for name in ("plan.json", "sample.jsonl")] == first
    assert b"the secret of this lab" not in first[0]
    assert case.plan["nonce_from"] == "env"
    monkeypatch.setenv("NONCE", "another one")
    other = Case(case.folder / "other", case.rows)
    other.folder.mkdir()
    assert other.draw("--nonce-env", "NONCE") == 0
    assert len({*other.plan["sample"]} & {*case.plan["sample"]}) < 40


def test_a_draw_of_ones_own_is_called_so(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a nonce the plan and the command say self-drawn."""
    assert case.draw() == 0
    assert "(self-drawn)" in capfd.readouterr().err
    assert case.plan["nonce_from"] == "self"
    case.log()
    assert case.gate() == 0
    assert case.certificate["nonce_from"] == "self"


# --- rejected rows ----------------------------------------------------------------------


def test_rejected_rows_are_measured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--of rejects: k of n were right, with exact bounds; nothing flows; holes are INCOMPLETE."""
    case = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(400), verified_by=""))
    assert case.draw("--of", "rejects") == 0
    assert "passes at label" not in capfd.readouterr().err
    case.log(lambda at: "pass" if at % 10 == 1 else "fail" if at < 100 else None)
    assert case.gate() == 5
    case.log(lambda at: "fail" if at == 100 else None)
    capfd.readouterr()
    assert case.gate() == 0
    low, high = share_within(10, 100, 400, 0.05)
    assert capfd.readouterr().err.startswith(
        "audit-gate: MEASURED: 10 of 100 reviewed rows that were rejected are right: of all 400 "
        f"rejected rows between {100 * low:.1f} and {100 * high:.1f} % are (confidence 95 %)."
    )
    assert case.nothing_written


@settings(max_examples=30)
@given(st.integers(1, 14), st.data())
def test_the_bounds_of_a_share_hold_exactly(rows: int, data: st.DataObject) -> None:
    """Counted over all draws: the true share lies outside at most `risk` of the time."""
    labels = data.draw(st.integers(1, rows))
    right, risk = data.draw(st.integers(0, rows)), data.draw(st.sampled_from([0.05, 0.2]))
    outside = 0.0
    for found in range(max(0, labels - rows + right), min(right, labels) + 1):
        low, high = share_within(found, labels, rows, risk)
        chance = comb(right, found) * comb(rows - right, labels - found) / comb(rows, labels)
        outside += chance * (not low <= right / rows <= high)
    assert outside <= risk + 1e-12


def test_slices_are_values_of_fields_or_of_provenance() -> None:
    """A field of the row comes before one of its provenance; a row without it is (none)."""
    from synthgate.provenance import Stamp, read

    lines = [b'{"a":1}', b'{"a":{"b":2}}', b'{"source":"x"}']
    rows = [read(line, "f", 1, Stamp(source="y").provenance) for line in lines]
    assert {*freeze_rows(rows, ("a.b", "source")).values} == {
        ("(none)", "y"), ("2", "y"), ("(none)", "x")
    }  # fmt: skip


@pytest.mark.parametrize(("rows", "wrong"), [(60, 2), (61, 2), (1, 0)])
def test_an_audit_of_every_row_counts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], rows: int, wrong: int
) -> None:
    """Where each row has its label the verdict says how many are right, beside the bound."""
    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(rows)))
    assert found.draw("--max-n", "60") == 0
    found.log(lambda at: "fail" if at > 60 - wrong else "pass")
    assert found.gate() == 0
    said = capfd.readouterr().err
    exact = f"Every row was labelled: {rows - wrong} of {rows} are right, exactly."
    assert (exact in said) == (rows <= 60)
