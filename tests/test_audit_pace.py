"""How fast reviewers were, and what they took back: said beside the verdict, never part of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.labels import open_labels
from synthgate.rows import Provenance, Row
from synthgate.sample import Labels
from synthgate.sample.pace import paces
from tests import auditing
from tests.auditing import Case

Said = tuple[str, int | None]  # a verdict and its milliseconds


@pytest.fixture
def case(tmp_path: Path) -> Case:
    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(200)))
    assert found.draw() == 0
    return found


def log(case: Case, said: Callable[[int], Said], reviewer: str = "ann") -> None:
    """Label the sample by position, each label with its milliseconds."""
    plan = case.plan
    with open_labels(str(case.at("log.jsonl")), plan["plan"]) as found:
        for at, row_id in enumerate(plan["sample"], 1):
            verdict, ms = said(at)
            more: dict[str, Any] = {} if ms is None else {"ms": ms}
            found.append(row_id, verdict, reviewer, **more)


# --- pace -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ms", "warned"), [(400, True), (1499, True), (1500, False), (9000, False)]
)
def test_passes_that_nobody_can_have_read(
    case: Case, capfd: pytest.CaptureFixture[str], ms: int, warned: bool
) -> None:
    """A median pass below 1.5 s is said in report and certificate; the verdict stays PASS."""
    log(case, lambda at: ("pass", ms if at % 5 else 60_000))
    assert case.gate() == 0
    said = capfd.readouterr().err
    assert ("warning: ann passed 80 of 100 rows faster than they can be read" in said) == warned
    found = case.certificate
    assert (found["verdict"], len(found["warnings"])) == ("PASS", int(warned))
    expected = {"reviewer": "ann", "passes": 100, "ms": ms, "hasty": 80 if warned else 0}
    assert found["pace"] == [expected]


def test_long_rows_need_longer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Two seconds are enough for a short row and not for one of a thousand characters."""
    lines = [auditing.stamped({"input": "?", "output": f"{n} " * 400}) for n in range(100, 300)]
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(b"".join(line + b"\n" for line in lines))
    case = Case(tmp_path, rows)
    assert case.draw() == 0
    log(case, lambda at: ("pass", 2_000))
    assert case.gate() == 0
    assert case.certificate["pace"][0]["hasty"] == 100
    assert "the median pass took 2,000 ms" in capfd.readouterr().err


@pytest.mark.parametrize(
    "said",
    [
        lambda at: ("fail" if at <= 91 else "pass", 200),
        lambda at: ("pass", 200 if at < 10 else None),
        lambda at: ("pass", 200 if at <= 50 else 1_500),
        lambda at: ("pass", None),
    ],
    ids=["few passes", "few times", "half of them", "no times"],
)
def test_what_is_no_habit_is_not_warned_of(case: Case, said: Callable[[int], Said]) -> None:
    """Quick fails, fewer than ten passes with a time, and a quick half say nothing."""
    log(case, said)
    assert case.gate("--report-format", "json", "--report", case.at("report")) in (0, 3)
    found = json.loads(case.at("report").read_text())
    assert (found["verdict"], found["warnings"]) == ("STOP" if found["failures"] else "PASS", [])


def test_each_reviewer_by_themselves(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """A slow reviewer does not hide a quick one; every form of report names the quick one."""
    log(case, lambda at: ("pass", 5_000))
    log(case, lambda at: ("pass", 300), "bo\x1b[2Jb")
    for form in ("json", "github", "text"):
        assert case.gate("--report-format", form, "--report", case.at(form), "--force") == 0
    found = json.loads(case.at("json").read_text())
    assert [each["reviewer"] for each in found["pace"]] == ["ann", "bo\x1b[2Jb"]
    assert len(found["warnings"]) == 1 and found["warnings"][0].startswith("bo")
    commands = case.at("github").read_text().splitlines()
    assert commands[0].startswith("::notice title=PASS%3A gate::")
    assert commands[1].startswith("::warning title=WARNING%3A reviewers::bo")
    assert "\x1b" not in commands[1] + capfd.readouterr().err


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 4_000), st.booleans()), max_size=40)
)
def test_the_rule(rows: list[tuple[int, int, bool]]) -> None:
    """Too fast is: ten passes or more, most of them under 1.5 s or 10 ms a character."""
    ids = [f"{number:064x}" for number in range(len(rows))]
    labels = Labels(SimpleNamespace(plan="p", sample=ids))  # type: ignore[arg-type]
    for row_id, (ms, _, passed) in zip(ids, rows, strict=True):
        said = {"id": row_id, "verdict": "pass" if passed else "fail", "reviewer": "a", "ms": ms}
        labels.add(Row("f", 1, b"", said, Provenance(row_id)))
    lengths = {row_id: length for row_id, (_, length, _) in zip(ids, rows, strict=True)}
    found = list(paces(labels, lengths))
    quick = [ms < 1500 or ms < 10 * length for ms, length, passed in rows if passed]
    assert len(found) == bool(quick)
    if quick:
        assert found[0].too_fast == (len(quick) >= 10 and sum(quick) > len(quick) / 2)


# --- verdicts taken back ----------------------------------------------------------------


def test_what_was_taken_back_is_said(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """A fail that became a pass is counted apart, in the certificate and on stderr."""
    first = {1: "fail", 2: "edit", 3: "pass", 4: "skip"}
    log(case, lambda at: (first.get(at, "pass"), None))
    log(case, lambda at: ("unsure" if at == 3 else "pass", None))
    capfd.readouterr()
    assert case.gate() == 0
    found = case.certificate
    assert (found["verdicts_changed"], found["changed_to_pass"]) == (3, 2)
    said = "verdicts taken back by who gave them: 3, 2 of them became a pass"
    assert said in capfd.readouterr().err


def test_the_longest_look_counts(case: Case) -> None:
    """Going back to a row for a second does not make its first reading quick."""
    log(case, lambda at: ("fail", 4_000))
    log(case, lambda at: ("pass", 100))
    assert case.gate() == 0
    assert case.certificate["pace"] == [{"reviewer": "ann", "passes": 100, "ms": 4_000, "hasty": 0}]
