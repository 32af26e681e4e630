"""Slow and costly checks: threads, evidence that a killed run leaves, broken rigs, clean ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.errors import Unreachable
from synthgate.rows import Row
from synthgate.stages.verify import verify
from synthgate.verifiers import Verdict
from synthgate.verifiers.crew import AHEAD
from tests.conftest import Done, heed_signals, read_rows, synthgate, write_rows
from tests.verifying import LOG, SHAPE, Probe, probes, row_of

__all__ = ["probes"]
Says = dict[str, Callable[[Row], Verdict]]

# --- threads ----------------------------------------------------------------------------


def of_length(row: Row) -> Verdict:
    """A verdict that takes its time, and differs from row to row."""
    text = str(row.value["output"])
    time.sleep(len(text) % 3 / 1000)
    outcomes: Any = ("pass", "fail", "abstain", "error")
    return Verdict(outcomes[len(text) % 4], text, {"n": len(text)})


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("ab", min_size=2, max_size=9)), st.integers(2, 5), st.integers(0, 3))
def test_any_number_of_threads_says_the_same(texts: list[str], threads: int, cap: int) -> None:
    """Rows, order, evidence: nothing depends on how many rows a check takes at a time."""
    rows = [row_of(text, number) for number, text in enumerate(texts, 1)]

    def wrote(at_once: int, workers: int = 0) -> list[bytes]:
        lines: list[bytes] = []
        checks = [Probe("slow", of_length, at_once=at_once), Probe("quick", "pass")]
        decisions = verify(rows, SHAPE, checks, lines.append, workers=workers)
        kept = [b"%r" % ((each.reason, each.row.provenance),) for each in decisions]
        return kept + lines

    assert wrote(threads, cap) == wrote(1)


def test_rows_are_judged_at_the_same_time_and_not_too_far_ahead() -> None:
    """All threads work; rows that wait for a slow one are bounded; the quick check stays here."""
    release, ahead = threading.Event(), 0

    def rows() -> Iterator[Row]:
        nonlocal ahead
        for ahead in range(1, 1001):
            yield row_of(f"row {ahead}", ahead)

    def says(row: Row) -> Verdict:
        if row.value["output"] == "row 1":
            release.wait(30)
        return Verdict("pass")

    here = threading.get_ident()
    quick = Probe("quick", lambda _: Verdict("pass" if threading.get_ident() == here else "fail"))
    decisions = verify(rows(), SHAPE, [Probe("slow", says, at_once=2), quick])
    threading.Timer(0.3, release.set).start()
    first = next(decisions)
    assert first.row.line == 1
    assert AHEAD < ahead <= 2 * AHEAD + 8 + 1
    assert [each.row.line for each in decisions] == list(range(2, 1001))


def test_a_refusal_in_a_thread_ends_the_run() -> None:
    """What a check raises for a broken rig is raised in its row's turn, from any thread."""

    def says(row: Row) -> Verdict:
        if row.line == 5:
            raise Unreachable("nobody there")
        return Verdict("pass")

    decisions = verify(
        (row_of(f"row {n}", n) for n in range(1, 50)), SHAPE, [Probe(says=says, at_once=3)]
    )
    lines: list[int] = []
    with pytest.raises(Unreachable, match="nobody there"):
        lines.extend(each.row.line for each in decisions)


# --- the end of a run -------------------------------------------------------------------


def argv_in(folder: Path, *more: str, rows: int = 6) -> list[str]:
    """A command line over a few rows in a folder."""
    source = write_rows(
        folder / "in.jsonl", [{"input": "?", "output": f"good {n}"} for n in range(rows)]
    )
    out = ["-o", str(folder / "out.jsonl"), "--rejects", str(folder / "rejects.jsonl")]
    return ["verify", str(source), *out, *more]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_every_check_is_closed_however_the_run_ends(
    tmp_path: Path, probes: Says, threads: str
) -> None:
    """Processes and connections are let go after a good end, a refusal and a broken rig."""

    def broken(row: Row) -> Verdict:
        raise Unreachable("no python")

    probes["broken"] = broken
    for more, code in (
        ([], 0),
        (["--check", "nothing"], 2),
        (["--require", "probe and nothing"], 2),
        (["--check", f"probe:broken,{threads}"], 7),
    ):
        LOG.clear()
        argv = argv_in(tmp_path, "--force", "--check", f"probe:,{threads}", *more)
        assert invoke(argv) == code
        assert LOG.count(("close", "probe")) == 1
        assert not list(tmp_path.glob(".*tmp"))


def test_notes_of_checks_are_told(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a check has to say of its run stands on stderr and in the manifest, with its name."""
    assert invoke(argv_in(tmp_path, "--check", "one=probe")) == 0
    assert "verify: one: looked" in capsys.readouterr().err
    assert "one: looked" in json.loads((tmp_path / "out.jsonl.manifest.json").read_text())["notes"]


def test_a_check_with_errors_only_is_a_broken_rig(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every row is a reject, both files are written, one line says which check and why, exit 7."""
    probes["broken"] = lambda _: Verdict("error", "no_python", {"python": "/none"})
    argv = argv_in(tmp_path, "-q", "--check", "probe", "--check", "probe:broken")
    assert invoke(argv) == 7
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "synthgate: check broken gave no verdict on any row: no_python: python /none"
    reasons = [row["_reject"]["reason"] for row in read_rows(tmp_path / "rejects.jsonl")]
    assert reasons == ["error:broken"] * 6
    assert (tmp_path / "out.jsonl").read_bytes() == b""


def test_some_errors_are_rejects(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a check gave verdicts too, an error is one more reject, and the summary counts it."""
    probes["flaky"] = lambda row: Verdict("error" if row.line == 2 else "pass", "lost")
    assert invoke(argv_in(tmp_path, "--check", "probe:flaky")) == 0
    assert "6 rows in, 5 out, 1 rejected (error:flaky 1)" in capsys.readouterr().err


def test_a_broken_rig_releases_nothing(tmp_path: Path, probes: Says) -> None:
    """A check that finds its rig broken ends the run with 7; what it had said stays on record."""

    def says(row: Row) -> Verdict:
        if row.line == 5:
            raise Unreachable("the judge is gone")
        return Verdict("error" if row.line == 4 else "pass", "lost")

    probes["paid"] = says
    evidence = tmp_path / "e.jsonl"
    argv = argv_in(tmp_path, "--check", "probe:paid,costly", "--evidence", str(evidence))
    assert invoke(argv) == 7
    assert not (tmp_path / "out.jsonl").exists() and not evidence.exists()
    assert len(read_rows(tmp_path / "e.jsonl.partial")) == 3
    probes["paid"] = lambda _: Verdict("pass")
    LOG.clear()
    assert invoke(argv) == 0
    assert [what for what in LOG if what[0] == "check"] == [
        ("check", f"good {n}") for n in (3, 4, 5)
    ]
    assert not (tmp_path / "e.jsonl.partial").exists()
    assert len(read_rows(evidence)) == 6


# --- resuming, in this process ----------------------------------------------------------


def calls() -> int:
    """How many rows were really looked at."""
    return sum(what == "check" for what, _ in LOG)


@pytest.mark.parametrize("threads", ["1", "3"])
def test_finished_evidence_is_used_again(tmp_path: Path, probes: Says, threads: str) -> None:
    """With --force a run takes over what E says, but no errors, and writes the same E again."""
    wrong = {"n": 2}

    def says(row: Row) -> Verdict:
        if row.line == wrong["n"]:
            return Verdict("error", "lost")
        return Verdict("pass", "fine", {"line": row.line, "big": 2**70, "kind": "odd"}, "guard off")

    probes["paid"] = says
    evidence = tmp_path / "e.jsonl"
    check = f"probe:paid,{threads},costly"
    argv = argv_in(tmp_path, "--force", "--check", check, "--evidence", str(evidence))
    assert invoke(argv) == 0
    assert calls() == 6
    first = evidence.read_bytes()
    assert invoke(argv) == 0
    assert (calls(), evidence.read_bytes()) == (7, first)
    wrong["n"] = 0
    assert invoke(argv) == 0
    whole = evidence.read_bytes()
    assert (calls(), whole.count(b'"reason":"fine"')) == (8, 6)
    out = (tmp_path / "out.jsonl").read_bytes()
    assert invoke(argv) == 0
    assert (calls(), evidence.read_bytes()) == (8, whole)
    assert (tmp_path / "out.jsonl").read_bytes() == out
    assert b'"override":"guard off"' in out


def test_evidence_of_another_check_is_no_evidence(tmp_path: Path, probes: Says) -> None:
    """Another name, another configuration or an edited row: nothing is taken over."""
    argv = argv_in(tmp_path, "--force", "--evidence", str(tmp_path / "e.jsonl"))
    assert invoke([*argv, "--check", "probe:paid,costly"]) == 0
    LOG.clear()
    assert invoke([*argv, "--check", "x=probe:paid,costly"]) == 0
    assert calls() == 6
    assert invoke([*argv, "--check", "x=probe:other,costly"]) == 0
    assert calls() == 12
    rows = read_rows(tmp_path / "in.jsonl")
    write_rows(tmp_path / "in.jsonl", [{**rows[0], "output": "edited"}, *rows[1:]])
    assert invoke([*argv, "--check", "x=probe:other,costly"]) == 0
    assert calls() == 13


def test_damage_in_kept_verdicts_costs_only_those(tmp_path: Path, probes: Says) -> None:
    """A torn line, foreign lines and nonsense are passed over, and what follows is still read."""
    evidence, partial = tmp_path / "e.jsonl", tmp_path / "e.jsonl.partial"
    argv = argv_in(tmp_path, "--check", "probe:paid,costly", "--evidence", str(evidence))
    assert invoke(argv) == 0
    lines = evidence.read_bytes().splitlines()
    kept = [
        json.dumps({"id": json.loads(line)["id"], "said": json.loads(line)["checks"][0]}).encode()
        for line in lines
    ]
    nonsense = [b"[]", b'{"id":3}', b'{"id":"x","said":{"verdict":"pass"}}', b"{", b"\xff", b""]
    forged = json.loads(kept[2])
    forged["said"]["verdict"] = "passed"
    evidence.unlink()
    partial.write_bytes(
        b"\n".join([kept[0], *nonsense, json.dumps(forged).encode(), kept[1], kept[3][:40]])
    )
    LOG.clear()
    assert invoke([*argv, "--force"]) == 0
    assert calls() == 4
    assert evidence.read_bytes().splitlines() == lines


def test_cheap_checks_keep_nothing(tmp_path: Path, probes: Says) -> None:
    """Without a costly check there is no second file, during the run or after it."""
    seen: list[bool] = []

    def says(row: Row) -> Verdict:
        seen.append((tmp_path / "e.jsonl.partial").exists())
        return Verdict("pass")

    probes["it"] = says
    evidence = ["--evidence", str(tmp_path / "e.jsonl"), "--force"]
    assert invoke(argv_in(tmp_path, "--check", "probe:it", *evidence)) == 0
    assert not any(seen)
    (tmp_path / "e.jsonl").unlink()
    assert invoke(argv_in(tmp_path, "--check", "probe:it,costly", *evidence)) == 0
    assert all(seen[-6:]) and not (tmp_path / "e.jsonl.partial").exists()
    assert invoke(argv_in(tmp_path, "--check", "probe:it,costly", *evidence, "--dry-run")) == 0
    assert not any(seen[-6:])


def test_kept_verdicts_are_no_other_file(
    tmp_path: Path, probes: Says, capsys: pytest.CaptureFixture[str]
) -> None:
    """An input or output that bears the name of the kept verdicts is refused."""
    argv = argv_in(tmp_path, "--check", "probe:,costly", "--evidence", str(tmp_path / "e"))
    rejects = argv.index("--rejects") + 1
    argv[rejects] = str(tmp_path / "e.partial")
    assert invoke(argv) == 2
    assert "e.partial: is kept for verdicts of this run" in capsys.readouterr().err


# --- resuming, after a real kill --------------------------------------------------------

COUNTING = """#!/bin/sh
row=$(cat)
case "$row" in
  *good*) echo x >> "$0.started"; sleep 0.02; [ -e "$0.broken" ] && exit 1; exit 0 ;;
  *) exit 10 ;;
esac
"""


class Counting:
    """A folder with rows and a program that counts its runs."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.check = folder, folder / "check.sh"
        self.check.write_text(COUNTING)
        self.check.chmod(0o755)
        self.argv = [*argv_in(folder, rows=rows), "--check", f"command:{self.check}", "-q"]

    @property
    def runs(self) -> int:
        """How often the program was started on a row of the input."""
        path = Path(f"{self.check}.started")
        return path.read_bytes().count(b"x") if path.exists() else 0

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "synthgate", *self.argv, *more], preexec_fn=heed_signals
        )

    def run(self, *more: str) -> Done:
        return synthgate(*self.argv, *more)

    def wait_for(self, runs: int) -> None:
        end = time.monotonic() + 120
        while self.runs < runs:
            assert time.monotonic() < end
            time.sleep(0.01)

    def wait_for_the_last(self) -> None:
        """Wait until programs that a killed run had started have ended."""
        end = time.monotonic() + 120
        name = os.fsencode(self.check)
        while any(name in words for words in command_lines()):
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_killed_run_goes_on(tmp_path: Path, workers: str) -> None:
    """After kill -9 nothing that had finished is run again, and E is that of a run never killed."""
    counting = Counting(tmp_path, rows=60)
    evidence = tmp_path / "e.jsonl"
    more = ["--evidence", str(evidence), "--workers", workers]
    process = counting.start(*more)
    counting.wait_for(20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not evidence.exists() and not (tmp_path / "out.jsonl").exists()
    kept = len(read_rows_whole(tmp_path / "e.jsonl.partial"))
    counting.wait_for_the_last()
    assert 20 - int(workers) - 1 <= kept
    before = counting.runs
    assert before - kept <= int(workers)
    done = counting.run(*more)
    assert done.code == 0, done.err
    assert counting.runs - before == 60 - kept
    assert len(read_rows(tmp_path / "out.jsonl")) == 60
    resumed = evidence.read_bytes()
    evidence.unlink()
    assert counting.run(*more, "--force").code == 0
    assert evidence.read_bytes() == resumed


def command_lines() -> Iterator[bytes]:
    """The words of every process of this machine."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield process.read_bytes()


def read_rows_whole(path: Path) -> list[Any]:
    """The whole lines of a file whose last one may be torn."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    """Two runs never share one file of evidence: the second ends with 8 and changes nothing."""
    counting = Counting(tmp_path, rows=100)
    slow = '[ $(wc -l < "$0.started") -lt 4 ] || exec sleep 90'  # the first goes on all the while
    counting.check.write_text(COUNTING.replace("sleep 0.02", slow))
    process = counting.start("--evidence", str(tmp_path / "e.jsonl"))
    counting.wait_for(4)
    again = synthgate(
        *counting.argv, "--evidence", tmp_path / "e.jsonl", "-o", tmp_path / "o2",
        "--rejects", tmp_path / "r2",
    )  # fmt: skip
    assert again.code == 8
    assert "e.jsonl.partial: another run holds the lock" in again.err
    process.terminate()
    assert process.wait() == 143
    assert (tmp_path / "e.jsonl.partial").exists()


def test_errors_are_tried_again(tmp_path: Path) -> None:
    """A rig that was broken is repaired, and the same command gives the verdicts it could not."""
    counting = Counting(tmp_path, rows=5)
    broken = Path(f"{counting.check}.broken")
    broken.touch()
    more = ["--evidence", str(tmp_path / "e.jsonl"), "--force"]
    done = counting.run(*more)
    assert done.code == 7
    assert "check command gave no verdict on any row: exit code 1" in done.err
    broken.unlink()
    assert counting.run(*more).code == 0
    assert counting.runs == 10


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("workers", ["1", "4"])
def test_a_signal_ends_the_run_at_once(
    tmp_path: Path, signum: signal.Signals, code: int, workers: str
) -> None:
    """No thread is waited for, nothing of the outputs appears, and nothing is left behind."""
    counting = Counting(tmp_path, rows=50)
    counting.check.write_text(COUNTING.replace("sleep 0.02", "exec sleep 90"))
    process = counting.start("--evidence", str(tmp_path / "e.jsonl"), "--workers", workers)
    counting.wait_for(int(workers))
    os.kill(process.pid, signum)
    assert process.wait(timeout=60) == code
    assert not (tmp_path / "out.jsonl").exists()
    assert not list(tmp_path.glob(".*tmp"))
