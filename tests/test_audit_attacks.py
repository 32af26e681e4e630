"""Attacks on the gate: each one ends with 3, 5 or 6, and nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import auditing
from tests.auditing import Case
from tests.conftest import read_rows, write_rows

SECRET = "a secret of the reviewers"
FAILING = {2, 5, 9, 11, 20, 33}  # six: the plan for 1,000 rows allows five


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A drawn audit of 1,000 rows: passes at label 47, 67, 83, ...; stops at failure 6."""
    monkeypatch.setenv("NONCE", SECRET)
    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(1000)))
    assert found.draw("--nonce-env", "NONCE", "--require", "nonce", "--require", "chain") == 0
    return found


def gate(case: Case, *options: str) -> int:
    return case.gate("--nonce-env", "NONCE", *options)


def edit(lines: list[bytes]) -> list[bytes]:
    return [lines[0].replace(b"answer", b"bnswer"), *lines[1:]]


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "edited": edit,
    "edited and stamped anew": lambda lines: [auditing.line("new"), *lines[1:]],
    "added": lambda lines: [*lines, auditing.line("new")],
    "removed": lambda lines: lines[1:],
    "repeated": lambda lines: [*lines, lines[7]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_rows_changed_after_the_draw(case: Case, change: str) -> None:
    """Edited, added, removed or repeated rows are another set: 6."""
    case.log()
    write_rows(case.rows, CHANGES[change](case.rows.read_bytes().splitlines()))
    assert gate(case) == 6
    assert case.nothing_written


def test_an_honest_audit_passes_in_any_order(case: Case) -> None:
    """The same rows in another order pass: that alone is no change."""
    case.log()
    write_rows(case.rows, case.rows.read_bytes().splitlines()[::-1])
    assert gate(case) == 0
    assert len(read_rows(case.at("out.jsonl"))) == 1000


def test_the_bad_rows_dropped_from_the_sample_only(case: Case) -> None:
    """Without the sampled rows that failed it is another set: 6."""
    case.log(lambda at: "fail" if at in FAILING else "pass")
    bad = {case.plan["sample"][at - 1] for at in FAILING}
    lines = case.rows.read_bytes().splitlines()
    kept = [line for line in lines if json.loads(line)["_synthgate"]["id"] not in bad]
    write_rows(case.rows, kept)
    assert gate(case) == 6
    assert case.nothing_written


def test_a_redraw_while_the_plan_is_kept(
    case: Case, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --force the plan is not drawn again with another nonce: 6, and it stays as it was."""
    before = case.at("plan.json").read_bytes()
    monkeypatch.setenv("NONCE", "a luckier secret")
    assert case.draw("--force", "--nonce-env", "NONCE") == 6
    assert case.draw("--force", "--seed", "7") == 6
    assert "never drawn again" in capfd.readouterr().err
    assert case.at("plan.json").read_bytes() == before


@pytest.mark.parametrize("how", [("--seed", "7"), ("--nonce", "lucky"), ()])
def test_a_redraw_with_the_plan_deleted(case: Case, how: tuple[str, ...]) -> None:
    """Where the policy requires an outside nonce, a draw with one's own is refused: 6."""
    for name in ("plan.json", "sample.jsonl", "sample.jsonl.manifest.json"):
        case.at(name).unlink()
    assert case.draw(*how) == 0  # nobody can keep a person from drawing on their own
    case.log()
    assert gate(case, "--require", "nonce") == 6
    assert case.gate("--require", "nonce") == 6
    assert case.nothing_written
    for name in ("plan.json", "sample.jsonl", "sample.jsonl.manifest.json"):
        case.at(name).unlink()
    if how[:1] != ("--nonce",):
        assert case.draw("--require", "nonce", *how) == 6
        assert not case.at("plan.json").exists()


def test_a_nonce_that_is_not_the_one_of_the_gate(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    """A plan that meets the policy with a nonce of one's own is not the gate's: 6."""
    own = Case(case.folder / "own", case.rows)
    own.folder.mkdir()
    assert own.draw("--nonce", "lucky", "--require", "nonce") == 0
    own.log()
    assert gate(own) == 6
    assert own.gate("--nonce", "another") == 6
    assert capfd.readouterr().err.count("was not drawn with this nonce") == 2
    assert own.gate() == 6
    assert "the policy requires a nonce from outside" in capfd.readouterr().err
    assert own.nothing_written
    assert own.gate("--nonce", "lucky") == 0


def test_a_redraw_with_the_plan_deleted_and_a_ledger(tmp_path: Path) -> None:
    """The ledger knows that the set was drawn: another seed ends with 6."""
    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(300)))
    ledger = ("--ledger", found.at("ledger.jsonl"), "--force")
    assert found.draw(*ledger) == 0
    first = found.at("plan.json").read_bytes()
    for name in ("plan.json", "sample.jsonl"):
        found.at(name).unlink()
    assert found.draw(*ledger, "--seed", "1") == 6
    assert not found.at("plan.json").exists()
    assert found.draw(*ledger) == 0
    assert found.at("plan.json").read_bytes() == first
    assert len(read_rows(found.at("ledger.jsonl"))) == 1


def test_holes_in_the_log(case: Case) -> None:
    """A label that is missing before the pass point: 5."""
    case.log(lambda at: None if at == 5 else "pass")
    assert gate(case) == 5
    assert case.nothing_written


def test_a_line_taken_out_of_the_log(case: Case) -> None:
    """A failure taken out of the log breaks its chain: 6."""
    path = case.log(lambda at: "fail" if at in FAILING else "pass")
    lines = path.read_bytes().splitlines()
    write_rows(path, [line for line in lines if b'"fail"' not in line])
    assert gate(case) == 6
    assert case.nothing_written


def test_a_changed_verdict_line(case: Case) -> None:
    """A verdict changed in the log breaks its chain: 6."""
    path = case.log(lambda at: "fail" if at in FAILING else "pass")
    path.write_bytes(path.read_bytes().replace(b'"verdict":"fail"', b'"verdict":"pass"'))
    assert gate(case) == 6
    assert case.nothing_written


def test_a_log_without_its_chain(case: Case) -> None:
    """A log made plain, so that its verdicts can be changed, is refused by the policy: 6."""
    path = case.log()
    plain = [
        {k: v for k, v in line.items() if k not in ("seq", "prev")} for line in read_rows(path)
    ]
    write_rows(path, plain)
    assert gate(case) == 6
    write_rows(path, [*plain[:50], *path.read_bytes().splitlines()[50:]])
    assert gate(case) == 6
    assert case.nothing_written


def test_an_ended_log_that_was_cut(case: Case) -> None:
    """Cutting the failures off the end of a log leaves too few labels: 5."""
    path = case.log(lambda at: "fail" if at > 40 else "pass")
    write_rows(path, path.read_bytes().splitlines()[:40])
    assert gate(case) == 5
    assert case.nothing_written


def test_stopping_early_off_the_plan(case: Case) -> None:
    """Every label count but a pass point is INCOMPLETE: 5."""
    for labels in (1, 20, 46):
        case.log(lambda at, labels=labels: "pass" if at <= labels else None)  # type: ignore[misc]
        assert gate(case) == 5
        case.at("log.jsonl").unlink()
    assert case.nothing_written


@pytest.mark.parametrize(
    "change",
    [("--min-pass", "0.8"), ("--confidence", "0.9"), ("--max-n", "50"), ("--spend", "lineage")],
)
def test_a_changed_policy(case: Case, change: tuple[str, str]) -> None:
    """A threshold that is another one than at the draw, by flag or by file: 6."""
    case.log()
    assert gate(case, *change) == 6
    name, value = change[0][2:], change[1] if change[1][0].isdigit() else f'"{change[1]}"'
    case.at("policy.toml").write_text(f"[audit]\n{name} = {value}\n")
    assert gate(case, "--config", str(case.at("policy.toml"))) == 6
    assert case.nothing_written
    case.at("policy.toml").write_text("[audit]\nmin-pass = 0.9\nconfidence = 0.95\n")
    assert gate(case, "--config", str(case.at("policy.toml"))) == 0


def test_the_plan_of_a_looser_policy(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """A plan drawn with a lower threshold than the one in force is refused, and named: 6."""
    loose = Case(case.folder / "loose", case.rows)
    loose.folder.mkdir()
    assert loose.draw("--min-pass", "0.5", "--max-n", "10") == 0
    loose.log()
    loose.at("policy.toml").write_text("[audit]\nmin-pass = 0.9\nby = ['topic']\n")
    assert loose.gate("--config", loose.at("policy.toml")) == 6
    assert "min_pass was 0.5, is 0.9" in capfd.readouterr().err
    assert loose.nothing_written


def test_the_verdicts_of_another_set(case: Case) -> None:
    """A log made for another set begins with another plan: 6."""
    other = Case(case.folder / "other", auditing.rows(case.folder, "o.jsonl", range(1000, 2000)))
    other.folder.mkdir()
    assert other.draw() == 0
    case.at("log.jsonl").write_bytes(other.log().read_bytes())
    assert gate(case) == 6
    assert case.nothing_written


def test_labels_for_rows_outside_the_sample(case: Case) -> None:
    """A log with a label for a row that was not drawn: 6."""
    from synthgate.labels import open_labels

    path = case.log()
    (outside, *_) = {*auditing.ids_of(case.rows)} - {*case.plan["sample"]}
    with open_labels(str(path), case.plan["plan"]) as log:
        log.append(outside, "pass", "ann")
    assert gate(case) == 6
    assert case.nothing_written


def test_rows_that_nothing_verified(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A synthetic row with an empty verified_by is refused: 6; the way around it is on record."""
    rows = auditing.rows(tmp_path, "rows.jsonl", range(300))
    write_rows(rows, [*rows.read_bytes().splitlines(), auditing.line("bare", verified_by="")])
    found = Case(tmp_path, rows)
    assert found.draw() == 0
    assert "1 synthetic rows are verified by nothing" in capfd.readouterr().err
    found.log()
    assert found.gate() == 6
    assert "rows.jsonl:301: is verified by nothing" in capfd.readouterr().err
    assert found.nothing_written
    assert found.gate("--unverified", "a trial") == 0
    marks = [row["_synthgate"]["override"] for row in read_rows(found.at("out.jsonl"))]
    assert (marks.count("unverified: a trial"), marks.count("")) == (1, 300)
    assert found.certificate["unverified"] == "a trial"


def test_a_pipe_without_pipefail(case: Case) -> None:
    """Whoever ignores the exit code gets no rows: a STOP writes nothing into the pipe."""
    case.log(lambda at: "fail" if at in FAILING else "pass")
    command = f'"{sys.executable}" -m synthgate audit gate rows.jsonl --plan plan.json'
    script = f"{command} --labels log.jsonl --nonce-env NONCE 2>/dev/null | cat > train.jsonl"
    done = subprocess.run(["sh", "-c", script], cwd=case.folder, timeout=120, check=False)
    assert done.returncode == 0
    assert case.at("train.jsonl").read_bytes() == b""


@pytest.mark.parametrize("damage", ["changed", "cut", "taken out"])
def test_a_ledger_that_was_tampered_with(tmp_path: Path, damage: str) -> None:
    """A ledger that was changed, or that does not hold the plan, ends the gate with 6."""
    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(200)))
    ledger = ("--ledger", found.at("ledger.jsonl"))
    for number in range(3):
        rows = auditing.rows(tmp_path, f"{number}.jsonl", range(number, 200))
        assert found.draw(*ledger, "--force", rows=rows) == 0
    found.log()
    assert (
        found.gate(*ledger, "--dry-run", "--require", "ledger", rows=rows) == 6
    )  # not in its policy
    assert found.gate(*ledger, "--dry-run", rows=rows) == 0
    lines = found.at("ledger.jsonl").read_bytes().splitlines()
    changed = {
        "changed": [lines[0].replace(b'"attempt":1', b'"attempt":7'), *lines[1:]],
        "cut": lines[:2],
        "taken out": [lines[0], lines[2]],
    }
    write_rows(found.at("ledger.jsonl"), changed[damage])
    assert found.gate(*ledger, rows=rows) == 6
    assert found.nothing_written


def test_an_attempt_renumbered(tmp_path: Path) -> None:
    """A plan that says it was an earlier attempt is not the one in the ledger: 6."""
    import msgspec

    from synthgate.sample import plan as plans

    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(200)))
    ledger = ("--ledger", found.at("ledger.jsonl"))
    before = auditing.rows(tmp_path, "before.jsonl", range(1, 200))
    assert found.draw(*ledger, rows=before) == 0
    assert found.draw(*ledger, "--force") == 0
    assert found.plan["attempt"] == 2
    plan = plans.read_plan(found.at("plan.json").read_text(), "plan")
    found.at("plan.json").write_bytes(
        plans.plan_text(plans.sealed(msgspec.structs.replace(plan, attempt=1)))
    )
    found.log()
    assert found.gate(*ledger) == 6
    assert found.nothing_written


def test_attempts_counted_under_another_name(case: Case, tmp_path: Path) -> None:
    """A draw on another lineage than the stated one would not count as an attempt: 6."""
    case.log()
    case.at("policy.toml").write_text('[audit]\nlineage = "release"\n')
    assert gate(case, "--config", str(case.at("policy.toml"))) == 6
    assert case.nothing_written
    policy = ("--config", str(case.at("policy.toml")))
    assert case.draw("--nonce-env", "NONCE", "--require", "nonce", "--force", *policy) == 0
    case.at("log.jsonl").unlink()
    case.log()
    assert gate(case, *policy) == 0


def test_a_ledger_that_is_named_and_gone(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """A ledger that the gate is told to look into and that is not there: 6, nothing made."""
    case.log()
    assert gate(case, "--ledger", str(case.at("gone.jsonl"))) == 6
    assert "no such ledger" in capfd.readouterr().err
    assert case.nothing_written and not case.at("gone.jsonl").exists()


@pytest.mark.parametrize("of", [5, 300])
def test_the_need_of_a_person_taken_off(tmp_path: Path, of: int) -> None:
    """Rows that needed a person at the draw and say so no longer would flow without one: 6."""
    found = Case(tmp_path, tmp_path / "rows.jsonl")
    lines = [auditing.line(n, needs="human" if n < 300 else "") for n in range(1000)]
    write_rows(found.rows, lines)
    assert found.draw() == 0
    found.log()
    assert found.gate("--dry-run") == 0
    plain = [line.replace(b'"needs":"human"', b'"needs":""') for line in lines[:of]]
    write_rows(found.rows, [*plain, *lines[of:]])
    assert found.gate() == 6
    assert found.nothing_written


def test_a_plan_that_forgets_who_needs_a_person(tmp_path: Path) -> None:
    """Without its digest of those rows the plan is another one: 6."""
    found = Case(tmp_path, tmp_path / "rows.jsonl")
    write_rows(found.rows, [auditing.line(n, needs="human") for n in range(100)])
    assert found.draw() == 0
    found.log()
    plan = {key: value for key, value in found.plan.items() if key != "waiting_digest"}
    found.at("plan.json").write_text(json.dumps(plan))
    assert found.gate() == 6
    assert found.nothing_written


def test_a_blank_is_no_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A guard is switched off by a reason that somebody can read: 2."""
    found = Case(tmp_path, auditing.rows(tmp_path, "rows.jsonl", range(100), verified_by=""))
    assert found.draw() == 0
    found.log()
    assert found.gate("--unverified", " \t") == 2
    assert "--unverified: a blank is no reason" in capfd.readouterr().err
    assert found.nothing_written
