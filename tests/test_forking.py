"""Commands in a fork of a loaded process are those that a shell starts: tests rest on that."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import Done, environment, started, synthgate, write_rows
from tests.forking import Forks


@pytest.fixture
def forks() -> Forks:
    """A process of a test's own."""
    return Forks()


@pytest.mark.parametrize(
    "line",
    [
        "", "--version", "dedup", "dedupe none.jsonl", "dedupe - -o -", "dedupe - -o out.jsonl",
        "dedupe - --on nothing", "report -", "blend - --real -", "verify - --check rule:none.toml",
        "verify - --check exec", "scan - --real rows.jsonl", "generate - --model m",
        "cluster-cap - --embedder tfidf",
    ],
)  # fmt: skip
def test_a_fork_does_what_a_new_process_does(tmp_path: Path, line: str) -> None:
    """Exit code, both streams and files are those of the command that a shell starts."""
    found: list[tuple[Done, dict[str, bytes]]] = []
    for run in (synthgate, started):
        folder = tmp_path / run.__name__
        folder.mkdir()
        rows = write_rows(
            folder / "rows.jsonl", [{"input": f"q{n}", "output": "a"} for n in (1, 2)]
        )
        done = run(*line.split(), stdin=rows.read_bytes(), cwd=folder)
        left = {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}
        found.append((done, left))
    assert found[0] == found[1]
    assert found[0][0].out or found[0][0].err


def test_settings_folder_and_process_are_its_own(tmp_path: Path) -> None:
    """SYNTHGATE_ settings reach one call and no later one; the folder is the caller's."""
    write_rows(tmp_path / "in.jsonl", [{"text": "a"}])
    argv, env = ("dedupe", "in.jsonl", "-o", "out.jsonl"), {"SYNTHGATE_RUN_DIR": "run"}
    assert synthgate(*argv, cwd=tmp_path, env=env).code == 0
    assert len(list((tmp_path / "run").iterdir())) == 1
    assert synthgate(*argv, "--force", cwd=tmp_path).code == 0
    assert len(list((tmp_path / "run").iterdir())) == 1


def test_what_counts_at_the_start_takes_a_new_process(forks: Forks, tmp_path: Path) -> None:
    """Other variables may have been read as modules were loaded: no fork knows of them."""
    env = environment()
    done = forks.run(["--version"], b"", str(tmp_path), env, 60)
    assert done is not None and done[0] == 0
    assert forks.run(["--version"], b"", str(tmp_path), {**env, "NO_COLOR": "1"}, 60) is None
    forks.stop()


def test_a_command_that_hangs_is_ended(forks: Forks, tmp_path: Path) -> None:
    """After the time that it was given it is killed, and the next one runs."""
    os.mkfifo(tmp_path / "never.jsonl")
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(TimeoutError):
            forks.run(["dedupe", "never.jsonl"], b"", str(tmp_path), environment(), 3)
        first = pool.submit(forks.run, ["--version"], b"", str(tmp_path), environment(), 60)
        assert first.result(60) is not None
    forks.stop()
