"""Confidence: what audits measured of checks, and when it holds for a row."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.errors import InputError
from synthgate.rows import Row
from synthgate.sample import AuditPlan, looked_at
from synthgate.stats.interval import at_least
from synthgate.stats.plan import make_plan
from synthgate.verifiers import Verdict
from synthgate.verifiers.calibration import Calibration, measure, read_calibration
from tests.conftest import read_rows, synthgate, write_rows
from tests.verifying import probes

__all__ = ["probes"]
Says = dict[str, Callable[[Row], Verdict]]
A, B = ("a", "1" * 16), ("b", "2" * 16)
LOOKS = 6


def line(**verdicts: str) -> list[dict[str, str]]:
    """The checks of a line of evidence; the fingerprint of check a is 1111…, of b 2222…."""
    configs = dict([A, B])
    return [
        {"check": name, "config": configs[name], "verdict": verdict}
        for name, verdict in verdicts.items()
    ]


def measured(*groups: tuple[list[dict[str, str]], int, int], plan: str = "p") -> Calibration:
    """A calibration from groups of (checks, rows, right ones)."""
    lines = [(checks, n < right) for checks, rows, right in groups for n in range(rows)]
    found = Calibration()
    for entry, counts in measure(lines, LOOKS, 0.95):
        found.add(plan, entry, counts)
    return found


def bound(right: int, rows: int, looks: int = LOOKS) -> float:
    """The bound as its definition has it: alpha shared among the looks, rounded down."""
    return int(1e4 * at_least(right, rows, 0.05 / looks)) / 1e4


# --- which bound counts -----------------------------------------------------------------


def test_a_pattern_that_was_seen_often_has_its_own_bound() -> None:
    """30 labelled rows with just these verdicts decide; with 29 the single checks do."""
    often, seldom = line(a="pass", b="abstain"), line(a="pass", b="pass")
    found = measured((often, 30, 29), (seldom, 29, 20), (line(a="abstain", b="pass"), 40, 40))
    confidence = found.of([A, B])
    assert confidence(("pass", "abstain")) == bound(29, 30)
    assert confidence(("pass", "pass")) == min(bound(49, 59), bound(60, 69)) > bound(20, 29)


def test_the_least_of_several_checks_counts() -> None:
    """Checks measured apart are combined by minimum, and an unmeasured one is worth 0."""
    found = measured((line(a="pass"), 50, 50), (line(b="pass"), 50, 40))
    assert found.of([A, B])(("pass", "pass")) == bound(40, 50) < bound(50, 50)
    assert found.of([A, B])(("pass", "abstain")) == bound(50, 50)
    assert found.of([A, ("c", "3" * 16)])(("pass", "pass")) == 0.0
    assert found.of([A, B])(("pass", "fail")) == 0.0
    assert found.of([A, B])(("abstain", "abstain")) == 0.0


def test_a_check_is_worth_less_without_those_beside_it() -> None:
    """Where b threw rows out, a's precision is that of both: it says nothing of a alone."""
    found = measured((line(a="pass", b="pass"), 60, 60))
    assert found.of([A])(("pass",)) == 0.0
    assert found.of([A, B])(("pass", "abstain")) == bound(60, 60)


def test_rows_that_a_check_failed_say_nothing_of_the_others() -> None:
    """With `any` a row may pass although a check failed it: only its own pattern counts."""
    found = measured((line(a="pass", b="fail"), 40, 40))
    assert found.of([A, B])(("pass", "fail")) == bound(40, 40)
    assert found.of([A, B])(("pass", "abstain")) == 0.0


@pytest.mark.parametrize("other", [("a", "9" * 16), ("z", "1" * 16)])
def test_another_configuration_is_another_check(other: tuple[str, str]) -> None:
    """A changed fingerprint or name voids what was measured."""
    assert measured((line(a="pass"), 99, 99)).of([other])(("pass",)) == 0.0


def test_audits_add_up_and_one_counts_once() -> None:
    """Labels of several audits are pooled, their looks multiply; the same plan replaces itself."""
    found = measured((line(a="pass"), 40, 39), plan="one")
    for plan, right in (("two", 10), ("two", 38)):
        for entry, counts in measure([(line(a="pass"), n < right) for n in range(40)], LOOKS, 0.95):
            found.add(plan, entry, counts)
    again = read_calibration(found.document().decode(), "c.json")
    assert again.of([A])(("pass",)) == bound(77, 80, LOOKS * LOOKS)
    assert again.document() == found.document()


# --- the bound holds under early stopping -----------------------------------------------


def plan_of(rows: int) -> AuditPlan:
    numbers = make_plan(rows, 0.9, 0.95, 100)
    sample = tuple(f"{n:064x}" for n in range(numbers.sample))
    return AuditPlan(
        "",
        1,
        "",
        rows,
        0.9,
        0.95,
        100,
        numbers.pass_points,
        numbers.stop_at_failures,
        0,
        "",
        sample,
    )


def test_labels_count_up_to_a_point_that_was_foreseen() -> None:
    """At a pass point, at the failure that stops, or all of them; anywhere else none counts."""
    plan = plan_of(1000)
    first, ids = plan.pass_points[0], plan.sample

    def counted(labels: int, bad: tuple[int, ...] = ()) -> int:
        said = {ids[n]: "edit" if n in bad else "pass" for n in range(labels)}
        return len(looked_at(plan, said)[0])

    assert [counted(labels) for labels in (first - 1, first, first + 5, 100)] == [
        0,
        first,
        first,
        100,
    ]
    assert counted(first, (3,)) == 0
    assert counted(plan.pass_points[1], (3,)) == plan.pass_points[1]
    stop = tuple(range(plan.stop_at_failures))
    assert counted(20, stop) == plan.stop_at_failures
    holed = dict.fromkeys(ids[1:], "pass")
    assert looked_at(plan, holed)[0] == ()
    assert looked_at(plan, holed)[1] == len(plan.pass_points) + 1


def test_the_bound_is_seldom_wrong_although_labelling_ends_at_good_news() -> None:
    """Of 2,000 simulated audits of a mixed set at most 5 in 100 overstate a check's precision."""
    plan = plan_of(2000)
    drawn = random.Random(7)
    wrong = 0
    for _ in range(2000):
        lines, verdicts = [], {}
        for row_id in plan.sample:
            kind = drawn.random() < 0.5
            right = drawn.random() < (0.93 if kind else 0.97)
            lines.append((line(a="pass" if kind else "abstain", b="pass"), right))
            verdicts[row_id] = "pass" if right else "fail"
        stopped = _stop_when_decided(plan, verdicts)
        ids, looks = looked_at(plan, stopped)
        found = Calibration()
        for entry, counts in measure(lines[: len(ids)], looks, 0.95):
            found.add("p", entry, counts)
        wrong += found.of([A, B])(("pass", "pass")) > 0.93
    assert wrong <= 100


def _stop_when_decided(plan: AuditPlan, verdicts: dict[str, str]) -> dict[str, str]:
    """The labels of somebody who stops as soon as the plan allows it."""
    said: dict[str, str] = {}
    for row_id in plan.sample:
        said[row_id] = verdicts[row_id]
        if looked_at(plan, said)[0]:
            break
    return said


@given(
    st.binary(max_size=80) | st.just(b'{"calibration":1,"entries":[{"configs":{},"audits":{}}]}')
)
def test_a_file_that_is_no_calibration_is_refused(data: bytes) -> None:
    """Nonsense and impossible counts end with one line, never with a confidence."""
    with pytest.raises(InputError, match="is not a calibration"):
        read_calibration(data.decode("latin-1"), "c.json")


@pytest.mark.parametrize(("n", "right"), [(10, 11), (-1, -1), (5, -1)])
def test_impossible_counts_are_refused(n: int, right: int) -> None:
    """A file cannot claim more right rows than rows; the bound in it is not believed."""
    document = json.loads(measured((line(a="pass"), 10, 10)).document())
    document["entries"][0]["bound"] = 0.999
    sound = read_calibration(json.dumps(document), "c.json")
    assert sound.of([A])(("pass",)) == bound(10, 10)
    document["entries"][0]["audits"]["p"] |= {"n": n, "right": right}
    with pytest.raises(InputError, match="impossible counts"):
        read_calibration(json.dumps(document), "c.json")


# --- the commands -----------------------------------------------------------------------


class Gate:
    """A folder in which rows were verified, and what comes of auditing them."""

    def __init__(self, folder: Path, rows: int = 300) -> None:
        self.folder = folder
        wrong = {"input": "?", "output": "1 + 1 = 3\n#### 2", "answer": "2"}
        good = [
            {"input": f"{n}", "output": f"{n} + 1 = {n + 1}\n#### {n + 1}", "answer": str(n + 1)}
            for n in range(rows)
        ]
        write_rows(self.at("raw.jsonl"), [*good, wrong])

    def at(self, name: str) -> Path:
        return self.folder / name

    def verify(self, *argv: str, out: str = "v.jsonl") -> int:
        words = ["verify", str(self.at("raw.jsonl")), "-o", str(self.at(out)), "--force"]
        return invoke([*words, "--evidence", str(self.at("e.jsonl")), *argv])

    def audit(self, verdict: Callable[[int], str], *argv: str, max_n: str = "100") -> int:
        """Draw, label all with the verdict at each position, and gate."""
        sample, plan, labels = (str(self.at(n)) for n in ("s.jsonl", "p.json", "l.jsonl"))
        draw = ["audit", "draw", str(self.at("v.jsonl")), "-o", sample, "--plan", plan, "--force"]
        assert invoke([*draw, "--max-n", max_n]) == 0
        ids = [row["_synthgate"]["id"] for row in read_rows(Path(sample))]
        write_rows(
            Path(labels),
            [{"id": i, "verdict": verdict(n), "reviewer": "ann"} for n, i in enumerate(ids, 1)],
        )
        gate = ["audit", "gate", str(self.at("v.jsonl")), "--plan", plan, "--labels", labels]
        gate += ["-o", str(self.at("a.jsonl")), "--force", "--calibration", str(self.at("c.json"))]
        return invoke([*gate, "--evidence", str(self.at("e.jsonl")), *argv])

    def confidences(self, out: str) -> set[float]:
        return {row["_synthgate"]["confidence"] for row in read_rows(self.at(out))}


CHECKS = ("--check", "answer", "--check", "arithmetic")


def test_from_audit_to_confidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What an audit measured is the confidence of the next run's rows; else they have none."""
    gate = Gate(tmp_path)
    assert gate.verify(*CHECKS) == 0
    assert gate.confidences("v.jsonl") == {0.0}
    assert gate.audit(lambda n: "edit" if n == 5 else "pass") == 0
    assert "calibrated on 100 labels" in capsys.readouterr().err
    c = ("--calibration", str(gate.at("c.json")))
    assert gate.verify(*CHECKS, *c, out="again.jsonl") == 0
    looks = json.loads(gate.at("c.json").read_text())["entries"][0]["audits"].popitem()[1]["looks"]
    assert gate.confidences("again.jsonl") == {bound(99, 100, looks)}
    err = capsys.readouterr().err
    assert "uncalibrated" not in err
    manifest = json.loads(gate.at("again.jsonl.manifest.json").read_text())
    assert [each["path"] for each in manifest["inputs"]][-1].endswith("c.json")
    assert gate.verify("--check", "answer", *c, out="other.jsonl") == 0
    assert gate.confidences("other.jsonl") == {0.0}
    assert "verify: uncalibrated: 301 rows pass" in capsys.readouterr().err


@pytest.mark.parametrize("checks", [CHECKS, ("--check", "probe")])
def test_a_claimed_confidence_is_not_believed(
    tmp_path: Path, probes: Says, checks: tuple[str, ...]
) -> None:
    """A row that comes with a confidence keeps none that this run has not measured."""
    gate = Gate(tmp_path, 3)
    assert gate.verify(*CHECKS) == 0
    claimed = gate.at("v.jsonl").read_text().replace('"confidence":0.0', '"confidence":0.99')
    gate.at("raw.jsonl").write_text(claimed)
    assert gate.verify(*checks, out="again.jsonl") == 0
    assert gate.confidences("again.jsonl") == {0.0}


def test_a_stop_is_measured_too(tmp_path: Path) -> None:
    """An audit that failed counts like one that passed: else only the lucky ones would."""
    gate = Gate(tmp_path)
    assert gate.verify(*CHECKS) == 0
    assert gate.audit(lambda n: "fail" if n % 2 else "pass") == 3
    entries = json.loads(gate.at("c.json").read_text())["entries"]
    assert {(each["n"], each["right"]) for each in entries} == {(100, 50)}
    assert not gate.at("a.jsonl").exists()
    first = gate.at("c.json").read_bytes()
    assert gate.audit(lambda n: "fail" if n % 2 else "pass") == 3
    assert gate.at("c.json").read_bytes() == first
    assert gate.audit(lambda n: "pass", max_n="99") == 0
    entries = json.loads(gate.at("c.json").read_text())["entries"]
    assert {(each["n"], each["right"]) for each in entries} == {(199, 149)}


@pytest.mark.parametrize("damage", ["lines are missing", "rows had failed", "no fingerprints"])
def test_evidence_of_other_rows_is_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    """Without the evidence of every labelled row nothing is measured, and nothing flows: 6."""
    gate = Gate(tmp_path)
    assert gate.verify(*CHECKS) == 0
    text = gate.at("e.jsonl").read_text()
    gate.at("e.jsonl").write_text(
        {
            "lines are missing": "".join(text.splitlines(keepends=True)[:200]),
            "rows had failed": text.replace(
                '"verdict":"pass","checks"', '"verdict":"fail","checks"'
            ),
            "no fingerprints": text.replace('"config"', '"conf"'),
        }[damage]
    )
    assert gate.audit(lambda n: "pass") == 6
    assert "is not the evidence of these rows" in capsys.readouterr().err
    assert not gate.at("a.jsonl").exists() and not gate.at("c.json").exists()


@pytest.mark.parametrize("option", ["--calibration", "--evidence"])
def test_calibration_needs_evidence(tmp_path: Path, option: str) -> None:
    """One option without the other is a mistake, and is said to be one."""
    argv: list[Any] = ["audit", "gate", "in.jsonl", "--plan", "p", "--labels", "l", option, "x"]
    done = synthgate(*argv, cwd=tmp_path)
    assert done.code == 2
    assert "--calibration FILE and --evidence FILE go together" in done.err


def test_a_dry_run_writes_no_calibration(tmp_path: Path) -> None:
    """Nothing at all is written when that was asked for."""
    gate = Gate(tmp_path)
    assert gate.verify(*CHECKS) == 0
    assert gate.audit(lambda n: "pass", "--dry-run") == 0
    assert not gate.at("c.json").exists()
