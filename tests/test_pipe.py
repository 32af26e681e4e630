"""All seven commands in one shell pipe, as a user would type it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synthgate.generators.journal import record
from tests.conftest import ROOT, Done, read_rows, synthgate, write_rows

MODEL = "gpt-3-175b-verification"
CANDIDATES = (
    f"synthgate generate prompts.jsonl --offline --unknown-sampling --journal answers.jsonl "
    f"--model {MODEL} --samples 1 --rejects r1 | synthgate dedupe --rejects r2 "
    "| synthgate cluster-cap --rejects r3 | synthgate verify --check answer --rejects r4"
)
REST = (
    "| synthgate audit gate --plan plan.json --labels labels.jsonl --rejects r5 "
    "| synthgate blend - --real real.jsonl --rejects r6 | synthgate report --tee > train.jsonl"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Prompts, recorded answers, real rows, and a plan drawn from the same candidates."""
    solutions = read_rows(ROOT / "fixtures" / "gsm8k" / "solutions.jsonl")
    write_rows(
        tmp_path / "prompts.jsonl",
        [{"input": each["input"], "answer": each["answer"]} for each in solutions],
    )
    answers = [
        record(MODEL, p["input"], p["models"]["175b_verification"]["solution"]) for p in solutions
    ]
    write_rows(tmp_path / "answers.jsonl", answers)
    write_rows(tmp_path / "real.jsonl", read_rows(ROOT / "fixtures" / "gsm8k" / "real.jsonl"))
    assert shell(tmp_path, f"{CANDIDATES} -o verified.jsonl").code == 0
    draw = ("audit", "draw", "verified.jsonl", "-o", "sample.jsonl", "--plan", "plan.json")
    drawn = synthgate(*draw, cwd=tmp_path)
    assert drawn.code == 0, drawn.err
    for each in tmp_path.glob("r[1-6]"):
        each.unlink()
    return tmp_path


def shell(folder: Path, line: str, *, pipefail: bool = True, **env: str) -> Done:
    """Run a line in bash, with the installed command on the path."""
    options = "set -o pipefail; " if pipefail else ""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SYNTHGATE_")}
    path = f"{Path(sys.executable).parent}:{clean['PATH']}"
    done = subprocess.run(
        ["bash", "-c", options + line], cwd=folder, env={**clean, **env, "PATH": path},
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr.decode())


def label(folder: Path, verdict: str) -> None:
    """Label the whole sample the same."""
    ids = [row["_synthgate"]["id"] for row in read_rows(folder / "sample.jsonl")]
    labels = [{"id": each, "verdict": verdict, "reviewer": "ada"} for each in ids]
    write_rows(folder / "labels.jsonl", labels)


def test_seven_commands_in_a_pipe(folder: Path) -> None:
    """Rows flow through all of them, none is lost, and each stage read what was written."""
    label(folder, "pass")
    done = shell(folder, CANDIDATES + REST, SYNTHGATE_RUN_DIR="manifests")
    assert done.code == 0, done.err
    train = read_rows(folder / "train.jsonl")
    made = [row for row in train if row["_synthgate"]["synthetic"]]
    rejected = {
        name: len(read_rows(folder / name)) for name in ("r1", "r2", "r3", "r4", "r5", "r6")
    }
    real_left = 320 - (len(train) - len(made))
    assert rejected["r6"] == real_left
    assert len(made) + sum(rejected.values()) - rejected["r6"] == 200
    assert 2 * len(made) == len(train)
    assert {row["_synthgate"]["override"] for row in train} == {""}
    shown = synthgate("report", "train.jsonl", "--run-dir", "manifests", cwd=folder).out.decode()
    assert shown.startswith("PASS: ") and "what it read is not shown" not in shown


def test_stop_lets_nothing_through_even_without_pipefail(folder: Path) -> None:
    """On STOP the pipe ends with 3 under pipefail; without it there is still no training set."""
    label(folder, "fail")
    assert shell(folder, CANDIDATES + REST).code != 0
    assert (folder / "train.jsonl").read_bytes() == b""
    for each in folder.glob("r[1-6]"):
        each.unlink()
    shell(folder, CANDIDATES + REST, pipefail=False)
    assert (folder / "train.jsonl").read_bytes() == b""


def test_a_run_does_not_depend_on_where_files_are(folder: Path) -> None:
    """Another journal path and concurrency give the same bytes: `run` hashes what shapes rows."""
    os.rename(folder / "answers.jsonl", folder / "elsewhere.jsonl")
    line = CANDIDATES.replace("answers.jsonl", "elsewhere.jsonl --concurrency 2")
    again = shell(folder, line)
    assert again.code == 0, again.err
    assert again.out == (folder / "verified.jsonl").read_bytes()
