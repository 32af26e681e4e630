"""What a run of `verify` is worth: figures against the truth, slices, `--check auto`."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from fractions import Fraction
from math import comb
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate import registry
from synthgate.cli.app import invoke
from synthgate.rows import Decision, Row
from synthgate.stats.interval import at_least, at_most, chance_of_so_few
from synthgate.verifiers import Verdict
from synthgate.verifiers.slices import MOST, Slices
from synthgate.verifiers.tally import Tally, truth_of
from tests.conftest import write_rows
from tests.verifying import Probe, probes, row_of

__all__ = ["probes"]
NOTHING = "it verifies nothing"
Says = dict[str, Callable[[Row], Verdict]]


def tail(least: int, of: int, share: Fraction) -> Fraction:
    """P(at least so many right), in whole numbers."""
    return sum(
        (comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(least, of + 1)),
        Fraction(0),
    )


@given(st.integers(1, 40), st.data(), st.sampled_from([0.05, 0.01, 0.001]))
def test_bounds_are_exact(of: int, data: st.DataObject, alpha: float) -> None:
    """At the lower bound so many right ones have just a chance of alpha; the upper mirrors it."""
    right = data.draw(st.integers(0, of))
    low = at_least(right, of, alpha)
    if right:
        assert math.isclose(float(tail(right, of, Fraction(low))), alpha, rel_tol=1e-6)
    else:
        assert low == 0.0
    assert math.isclose(at_most(right, of, alpha), 1 - at_least(of - right, of, alpha))
    assert low <= right / of <= at_most(right, of, alpha)


@given(st.integers(1, 40), st.data())
def test_the_chance_of_so_few_is_never_too_small(of: int, data: st.DataObject) -> None:
    """The bound that names starved slices is above the exact chance, so none is named wrongly."""
    right = data.draw(st.integers(0, of))
    share = Fraction(data.draw(st.integers(1, 99)), 100)
    exact = 1 - tail(right + 1, of, share)
    assert chance_of_so_few(right, of, float(share)) >= float(exact) - 1e-12


def test_the_figure_of_the_research_note() -> None:
    """97 of 100 right show .915 at 95 %, two sides: the figure that readers will look up."""
    assert round(at_least(97, 100, 0.025), 3) == 0.915


# --- truth ------------------------------------------------------------------------------

said_and_true = st.tuples(
    st.sampled_from(["pass", "fail", "abstain", "error"]),
    st.sampled_from([True, False, "pass", "fail", 1, 0, None, "yes", 2, [1]]),
)


@given(st.lists(said_and_true, min_size=1, max_size=30))
def test_worth_is_what_counting_says(pairs: list[tuple[Any, Any]]) -> None:
    """Precision, recall, base rate and lift, against a count that shares no code."""
    tally = Tally([Probe()], "ok")
    for outcome, truth in pairs:
        row = row_of("text", ok=truth)
        tally.add(Decision(row, "" if outcome == "pass" else outcome), [Verdict(outcome)])
    known = [(o, t in (True, "pass")) for o, t in pairs if t in (True, False, "pass", "fail")]
    assert tally.measured == len(known)
    found = tally.as_json()["checks"][0]
    for outcome in ("pass", "fail", "abstain", "error"):
        assert found["verdicts"][outcome] == sum(o == outcome for o, _ in pairs)
    if not known:
        assert "truth" not in found
        return
    truth = found["truth"]
    passes = [right for o, right in known if o == "pass"]
    right = sum(right for _, right in known)
    assert (truth["rows"], truth["right"]) == (len(known), right)
    assert (truth["passes"], truth["hits"]) == (len(passes), sum(passes))
    precision = sum(passes) / len(passes) if passes else 0
    assert truth["precision"] == round(precision, 4)
    assert truth["recall"] == (round(sum(passes) / right, 4) if right else 0)
    assert truth["lift"] == (round(precision / (right / len(known)), 4) if right else 0)
    assert truth == tally.as_json()["combined"]


def test_truth_is_what_is_sure() -> None:
    """Booleans, 0 and 1, `pass` and `fail`; anything else says nothing."""
    assert [truth_of(value) for value in (True, 1, "pass", False, 0, "fail")] == [True] * 3 + [
        False
    ] * 3
    assert {truth_of(value) for value in (None, 1.0, 2, "True", "1", "PASS", [], {})} == {None}


def run(folder: Path, rows: list[dict[str, Any]], *argv: str) -> tuple[int, dict[str, Any]]:
    """Run the command and return its exit code and manifest."""
    source = write_rows(folder / "in.jsonl", rows)
    out = folder / "out.jsonl"
    code = invoke(["verify", str(source), "-o", str(out), "--force", *argv])
    path = folder / "out.jsonl.manifest.json"
    return code, json.loads(path.read_text()) if path.exists() else {}


def test_a_check_that_verifies_nothing_is_named(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    """A precision that does not clear the base rate is said in so many words; a good one is not."""
    probes["lax"] = lambda row: Verdict("fail" if row.line % 40 == 0 else "pass")
    probes["keen"] = lambda row: Verdict("pass" if row.value["ok"] else "abstain")
    rows = [{"input": "?", "output": f"a {n}", "ok": n % 5 in (0, 1)} for n in range(400)]
    code, manifest = run(
        tmp_path, rows, "--truth", "ok", "--check", "probe:lax", "--check", "probe:keen"
    )
    assert code == 0
    err = capsys.readouterr().err.splitlines()
    nothing = [line for line in err if "verifies nothing" in line]
    assert nothing == [
        f"verify: lax passes 97.5 % of rows at precision .410 over a base rate of .400: {NOTHING}"
    ]
    assert any(
        line.startswith("verify: keen: passes 40.0 % of 400 rows, precision 1") for line in err
    )
    assert any(line.startswith("verify: all checks together: passes") for line in err)
    keen = manifest["findings"]["checks"][1]
    assert (keen["accept_rate"], keen["truth"]["base_rate"], keen["truth"]["lift"]) == (
        0.4,
        0.4,
        2.5,
    )


def test_few_rows_are_no_proof_of_nothing(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a handful of rows the summary says that it cannot tell, not that a check is useless."""
    rows = [{"input": "?", "output": f"a {n}", "ok": n < 3} for n in range(4)]
    assert run(tmp_path, rows, "--truth", "ok", "--check", "probe")[0] == 0
    assert "too few rows pass to tell" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--truth", "--by"])
def test_a_field_that_no_row_has_is_an_error(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """A misspelt field is no reason to say nothing: exit 2, and nothing is written."""
    code, _ = run(tmp_path, [{"input": "?", "output": "text"}], "--check", "probe", option, "okk")
    assert code == 2
    assert f"{option} okk: no row has" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


# --- slices -----------------------------------------------------------------------------


def test_slices_are_counted_and_starved_ones_named(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows in and out of every slice; those that nearly vanish, and no small ones, are told."""

    def says(row: Row) -> Verdict:
        number = int(row.value["output"].split()[1])
        kept = {"a": True, "b": number % 10 == 0, "c": False, "d": False}[row.value["k"]]
        return Verdict("pass" if kept else "fail")

    probes["it"] = says
    sizes = {"a": 100, "b": 50, "c": 20, "d": 19}
    rows = [
        {"input": "?", "output": f"row {n}", "k": k}
        for k, size in sizes.items()
        for n in range(size)
    ]
    code, manifest = run(tmp_path, rows, "--check", "probe:it", "--by", "k", "--source", "s\x1b")
    assert code == 0
    kept = {"a": 100, "b": 5, "c": 0, "d": 0}
    assert manifest["slices"]["source=s\x1b"]["rows_in"] == 189
    for name, size in sizes.items():
        counts = {"rows_in": size, "rows_out": kept[name], "rate": round(kept[name] / size, 4)}
        assert manifest["slices"][f"k={name}"] == counts
    told = [line for line in capsys.readouterr().err.splitlines() if "starved" in line]
    assert told == [
        "verify: starved: k=b keeps 5 of 50 rows",
        "verify: starved: k=c keeps 0 of 20 rows",
    ]


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("xyz"), st.booleans()), max_size=60))
def test_slices_add_up(rows: list[tuple[int, str, bool]]) -> None:
    """Each field's slices hold every row once, whatever the mix of values."""
    slices = Slices(["k", "n"])
    for number, (k, source, kept) in enumerate(rows):
        row = row_of("text", k=k, **({"n": number} if number % 2 else {}))
        slices.add(row.marked(source=source), kept)
    found = slices.as_json()
    for field in ("source", "generator", "k", "n"):
        each = [counts for name, counts in found.items() if name.startswith(f"{field}=")]
        assert sum(counts["rows_in"] for counts in each) == len(rows)
        assert sum(counts["rows_out"] for counts in each) == sum(kept for _, _, kept in rows)
    if len(rows) > 0:
        assert found["n=(none)"]["rows_in"] == (len(rows) + 1) // 2


def test_a_field_with_a_million_values_is_no_trouble() -> None:
    """Counts of a field that tells all rows apart are capped; the rest is one number."""
    slices, row = Slices(["k"]), row_of("text")
    for number in range(2 * MOST + 500):
        slices.add(Row(row.file, 1, row.payload, {"k": number}, row.provenance), kept=True)
    assert len(slices._counts["k"]) <= MOST and len(slices._found) <= MOST
    found = slices.as_json()
    assert sum(name.startswith("k=") for name in found) == 100
    assert found["k: and more"] == {"rows_in": 2 * MOST + 400}
    assert found["source=f"]["rows_in"] == 2 * MOST + 500
    assert list(slices.starved()) == []


# --- auto -------------------------------------------------------------------------------

HUMANEVAL = {"prompt": "def f():\n", "entry_point": "f", "test": "def check(f): assert f()"}


@pytest.mark.parametrize(
    ("fields", "picked"),
    [
        ({"answer": "5"}, ["answer"]),
        ({"answer": 0}, ["answer"]),
        ({"answer": "5", "schema": {"type": "object"}}, ["schema:@schema", "answer"]),
        ({"schema": '{"type": "object"}', "json_schema": {}}, ["schema:@schema"]),
        (HUMANEVAL, ["exec"]),
        ({"tests": ["assert f() == 1"], "answer": "1"}, ["exec", "answer"]),
        ({"cases": [{"stdin": "", "stdout": "1"}]}, ["exec"]),
    ],
)
def test_auto_picks_by_fields(
    tmp_path: Path,
    probes: Says,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    picked: list[str],
) -> None:
    """Tests call for exec, a schema for schema, a gold answer for answer; all are told and kept."""
    for name in ("exec", "schema", "answer"):
        monkeypatch.setitem(registry.BUILTIN["verifiers"], name, "tests.test_verify_measure:named")
    rows = [{"input": "?", "output": "text", **fields}, {"input": "?", "output": "other"}]
    code, manifest = run(tmp_path, rows, "--check", "auto")
    assert code == 0
    told = [note for note in manifest["notes"] if note.startswith("auto: ")]
    assert [note.split()[1] for note in told] == picked
    assert all("in 1 of the first 2 rows" in note for note in told)
    assert len(manifest["findings"]["checks"]) == len(picked)


def named(_argument: str, _bench: Any) -> Probe:
    """A check in the place of a real one."""
    return Probe(f"probe{next(NUMBERS)}")


NUMBERS = itertools.count()


@pytest.mark.parametrize(
    ("rows", "argv", "said"),
    [
        ([{"input": "?", "output": "text"}], [], "the rows have no tests"),
        ([{"input": "?", "output": "text", "answer": ""}], [], "name a check"),
        ([{"question": "?", "answer": "5"}], ["--response-field", "answer"], "name a check"),
    ],
)
def test_auto_refuses_to_guess(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: list[dict[str, Any]],
    argv: list[str],
    said: str,
) -> None:
    """Where nothing fits, or the gold would be the answer itself, it ends with 2 and says so."""
    argv = [*argv, "--prompt-field", "question"] if argv else []
    assert run(tmp_path, rows, "--check", "auto", *argv)[0] == 2
    assert said in capsys.readouterr().err


def test_auto_beside_another_check(tmp_path: Path) -> None:
    """The picks stand where `auto` stood; an empty input is no reason to fail."""
    rows = [{"input": "?", "output": "2 + 3 = 5\n#### 5", "answer": "5"}]
    code, manifest = run(tmp_path, rows, "--check", "arithmetic", "--check", "auto")
    assert code == 0
    assert [each["name"] for each in manifest["findings"]["checks"]] == ["arithmetic", "answer"]
    assert run(tmp_path, [], "--check", "auto")[0] == 0
