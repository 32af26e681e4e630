"""The demo: real model output, two STOPs, one PASS; and the documents that show it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Done, read_rows, synthgate, write_rows
from tools import generate_docs

FOLDER = "synthgate-demo"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The demo, played once in an empty folder."""
    folder = tmp_path_factory.mktemp("demo")
    done = synthgate("demo", cwd=folder)
    return folder / FOLDER, done


def test_it_ends_as_it_should(played: tuple[Path, Done]) -> None:
    """Two sets are stopped with exit code 3, nothing of them is written, the third passes."""
    folder, done = played
    assert done.code == 0, done.err
    text = done.out.decode()
    assert text.count("exit code 3") == 2
    assert text.count("STOP: ") == 2
    assert text.count("PASS: ") == 3  # at the gate, and of verdict and audit in the report
    for stopped in ("weak", "agreed"):
        assert not (folder / f"{stopped}.audited.jsonl").exists()
        assert not (folder / f"{stopped}.certificate.json").exists()


def test_its_numbers_are_those_of_the_published_flags(played: tuple[Path, Done]) -> None:
    """What the demo says about its sets is counted here again, from the fixture's own flags."""
    folder, done = played
    problems = read_rows(ROOT / "fixtures" / "gsm8k" / "solutions.jsonl")
    flags = {
        (problem["input"], each["solution"]): each["is_correct"]
        for problem in problems
        for each in problem["models"].values()
    }

    def right(name: str) -> tuple[int, int]:
        rows = read_rows(folder / f"{name}.jsonl")
        return sum(flags[row["input"], row["output"]] for row in rows), len(rows)

    text = done.out.decode()
    assert f"{right('capped')[0]} of {right('capped')[1]} candidates are right" in text
    assert 0.35 < right("capped")[0] / right("capped")[1] < 0.41
    assert 0.94 < right("weak")[1] / right("capped")[1] < 0.99
    assert 0.35 < right("weak")[0] / right("weak")[1] < 0.41
    assert 0.75 < right("agreed")[0] / right("agreed")[1] < 0.90
    assert right("right")[0] == right("right")[1] == right("capped")[0]


def test_the_training_set_is_half_real_and_other_problems(played: tuple[Path, Done]) -> None:
    """Half of the rows are human solutions, of problems that no candidate is about."""
    folder, _ = played
    rows = read_rows(folder / "train.jsonl")
    real = {row["input"] for row in rows if not row["_synthgate"]["synthetic"]}
    made = [row for row in rows if row["_synthgate"]["synthetic"]]
    assert 2 * len(made) == len(rows)
    assert real.isdisjoint(row["input"] for row in made)
    assert len({tuple(row) for row in rows}) == 1  # the same keys in the same order in every row


def test_it_plays_again_in_its_own_folder_only(played: tuple[Path, Done], tmp_path: Path) -> None:
    """A second run gives the same transcript; a folder with other files is not touched."""
    folder, done = played
    again = synthgate("demo", cwd=folder.parent)
    assert (again.code, again.out) == (0, done.out)
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "thesis.txt").write_text("mine")
    refused = synthgate("demo", cwd=tmp_path)
    assert refused.code == 2
    assert [each.name for each in (tmp_path / FOLDER).iterdir()] == ["thesis.txt"]


def test_the_documents_show_what_the_program_prints() -> None:
    """README and command reference are those that the program generates."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "generate_docs.py", "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_is_documented() -> None:
    """A command that the program has is in the reference."""
    from synthgate.cli.app import AUDIT, COMMANDS

    verbs = {f"audit {verb}" for verb in AUDIT}
    assert set(generate_docs.COMMANDS) == ({*COMMANDS} - {"audit"}) | verbs


def test_the_makefile_blocks_on_the_gate(played: tuple[Path, Done], tmp_path: Path) -> None:
    """`make train.jsonl` fails on STOP and leaves no target; with passing labels it is made."""
    folder, _ = played
    shutil.copy(ROOT / "examples" / "Makefile", tmp_path / "Makefile")
    shutil.copy(folder / "unique.jsonl", tmp_path / "candidates.jsonl")
    shutil.copy(folder / "real.jsonl", tmp_path / "real.jsonl")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def make(target: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", target], cwd=tmp_path, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    assert make("sample.jsonl").returncode == 0
    ids = [row["_synthgate"]["id"] for row in read_rows(tmp_path / "sample.jsonl")]
    for verdict, made in (("fail", False), ("pass", True)):
        labels = [{"id": each, "verdict": verdict, "reviewer": "ada"} for each in ids]
        write_rows(tmp_path / "labels.jsonl", labels)
        done = make("train.jsonl")
        assert (done.returncode == 0) is made, done.stderr
        assert (tmp_path / "train.jsonl").exists() is made
    assert json.loads((tmp_path / "cert.json").read_text())["verdict"] == "PASS"
