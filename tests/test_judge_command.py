"""`verify --check judge:MODEL`: exit codes, the journal, resuming, secrets, several judges."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chat_server import ChatServer
from tests.conftest import ROOT, Done, heed_signals, read_rows, synthgate, write_rows
from tests.judges import RIGHT, asked

CANARY_CALLS = 15  # of an honest judge: 2 good ones with 2 questions, 11 bad ones with 1 each


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        running.always = "honest"
        yield running


def rows(folder: Path, count: int = 6, **fields: Any) -> Path:
    """Write candidates of which every second one is right."""
    made = [
        {
            "input": f"task {n}",
            "output": f"{RIGHT if n % 2 else ''}the answer to task {n}",
            **fields,
        }
        for n in range(count)
    ]
    return write_rows(folder / "in.jsonl", made)


def verify(folder: Path, server: ChatServer | None, *argv: Any, **env: str) -> Done:
    url = ["--judge-url", server.url] if server else []
    files = ["-o", folder / "out.jsonl", "--rejects", folder / "rejects.jsonl", "--force"]
    check = [] if "--check" in argv else ["--check", "judge:gpt-4o"]
    made_by = [] if "--generator" in argv else ["--generator", "qwen2.5-7b"]
    return synthgate("verify", folder / "in.jsonl", *files, *url, *check, *made_by, *argv, env=env)


def reasons(folder: Path) -> Counter[str]:
    return Counter(each["_reject"]["reason"] for each in read_rows(folder / "rejects.jsonl"))


def test_a_run(tmp_path: Path, server: ChatServer) -> None:
    """Good rows go through under the judge's name; the summary tells canaries and calls."""
    rows(tmp_path)
    done = verify(tmp_path, server, "--evidence", tmp_path / "evidence.jsonl")
    assert done.code == 0, done.err
    kept = read_rows(tmp_path / "out.jsonl")
    assert [each["input"] for each in kept] == ["task 1", "task 3", "task 5"]
    assert {each["_synthgate"]["verified_by"] for each in kept} == {"judge"}
    assert reasons(tmp_path) == {"fail:judge": 3}
    assert "11 of 11 known bad answers refused, 2 of 2 known good ones passed" in done.err
    assert f"{CANARY_CALLS + 9} calls made" in done.err
    assert server.calls == CANARY_CALLS + 9
    evidence = read_rows(tmp_path / "evidence.jsonl")
    assert [each["checks"][0]["model"] for each in evidence] == ["gpt-4o"] * 6


@pytest.mark.parametrize(
    ("generator", "piped"), [("gpt-4o", False), ("vicuna-7b", True), ("acme", False)]
)
def test_kin_anywhere_ends_the_run(
    tmp_path: Path, server: ChatServer, generator: str, piped: bool
) -> None:
    """Row 300 of 300 is as good as the first: exit 2, its line named, nothing asked or written."""
    source = rows(tmp_path, 299)
    stamped = synthgate("dedupe", "-q", source, "--generator", "qwen2").out
    last = json.dumps({"input": "x", "output": "y and z"}).encode()
    stamped += synthgate("dedupe", "-q", "--generator", generator, stdin=last).out
    source.write_bytes(stamped)
    name = "-" if piped else source
    argv = ["--check", "judge:gpt-4o", "--judge-url", server.url]
    done = synthgate("verify", name, *argv, stdin=stamped if piped else b"")
    assert (done.code, done.out, server.calls) == (2, b"", 0)
    assert f"synthgate: judge:gpt-4o: {name}:300: " in done.err
    assert done.err.count("synthgate: ") == 1


def test_the_override_is_in_every_row(tmp_path: Path, server: ChatServer) -> None:
    """With a reason the judge's own rows go through, and each carries it."""
    rows(tmp_path)
    done = verify(tmp_path, server, "--generator", "gpt-4o", "--allow-dependent", "a demo")
    assert done.code == 0, done.err
    marks = [each["_synthgate"]["override"] for each in read_rows(tmp_path / "out.jsonl")]
    assert marks == ["allow-dependent: a demo"] * 3


def test_a_void_run_ends_with_7(tmp_path: Path, server: ChatServer) -> None:
    """A judge that cannot be trusted, or reached, leaves no output and one line."""
    rows(tmp_path)
    server.always = "always_yes"
    done = verify(tmp_path, server)
    assert (done.code, done.err.count("synthgate: ")) == (7, 1)
    assert "the run is void: it passes what is known to be bad: wrong answer 1" in done.err
    assert not (tmp_path / "out.jsonl").exists()
    server.always = "unauthorized"
    assert verify(tmp_path, server).code == 7
    with ChatServer() as gone:
        pass
    dead = verify(tmp_path, gone)
    assert (dead.code, (tmp_path / "out.jsonl").exists()) == (7, False)
    assert "ConnectError" in dead.err


def test_a_judge_that_dies_ends_with_7(tmp_path: Path, server: ChatServer) -> None:
    """A judge that is gone halfway is a broken rig and no verdict."""
    rows(tmp_path)
    server.always = "dies"
    done = verify(tmp_path, server, "--evidence", tmp_path / "evidence.jsonl")
    assert (done.code, (tmp_path / "out.jsonl").exists()) == (7, False)
    server.always = "honest"
    done = verify(tmp_path, server, "--evidence", tmp_path / "evidence.jsonl")
    assert (done.code, len(read_rows(tmp_path / "out.jsonl"))) == (0, 3), done.err


def test_nothing_is_paid_for_twice(tmp_path: Path, server: ChatServer) -> None:
    """With a journal a second run asks nothing, and needs neither server nor key."""
    rows(tmp_path)
    journal = ["--judge-journal", tmp_path / "judge.jsonl"]
    assert verify(tmp_path, server, *journal).code == 0
    first, calls = (tmp_path / "out.jsonl").read_bytes(), server.calls
    for url in (server, None):
        again = verify(tmp_path, url, *journal)
        assert (again.code, server.calls) == (0, calls), again.err
        assert (tmp_path / "out.jsonl").read_bytes() == first
        assert f"0 calls made, {calls} answers from the journal" in again.err
    rows(tmp_path, 7)
    offline = verify(tmp_path, None, *journal)
    assert (offline.code, reasons(tmp_path)["error:judge"]) == (0, 1)
    assert verify(tmp_path, server, *journal).code == 0
    assert server.calls == calls + 1


def test_killed_and_taken_up_again(tmp_path: Path, server: ChatServer) -> None:
    """After kill -9 the same command goes on: no question is answered, and paid for, twice."""
    rows(tmp_path, 40)
    server.delay = 0.05
    argv = [
        sys.executable, "-m", "synthgate", "verify", str(tmp_path / "in.jsonl"),
        "--generator", "qwen2", "--check", "judge:gpt-4o", "--judge-url", server.url, "--force",
        "-q", "--judge-journal", str(tmp_path / "judge.jsonl"), "-o", str(tmp_path / "out.jsonl"),
    ]  # fmt: skip
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SYNTHGATE_")}
    running = subprocess.Popen(argv, preexec_fn=heed_signals, env=clean, cwd=ROOT)
    deadline = time.monotonic() + 120
    while server.calls < CANARY_CALLS + 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    time.sleep(0.3)
    kept = len((tmp_path / "judge.jsonl").read_bytes().splitlines())
    assert CANARY_CALLS < kept < CANARY_CALLS + 60
    before = server.calls
    subprocess.run(argv, check=True, env=clean, cwd=ROOT)
    assert server.calls - before == CANARY_CALLS + 60 - kept
    assert len(read_rows(tmp_path / "out.jsonl")) == 20


def test_a_dry_run_asks_nothing(tmp_path: Path, server: ChatServer) -> None:
    """`--dry-run` tells what is on record and what would be asked; nothing is paid for."""
    rows(tmp_path)
    done = verify(tmp_path, server, "--dry-run", "--judge-journal", tmp_path / "judge.jsonl")
    assert (done.code, server.calls) == (0, 0), done.err
    assert "12 calls would be made" in done.err
    assert not (tmp_path / "judge.jsonl").exists()


def test_two_judges_share_a_journal(tmp_path: Path, server: ChatServer) -> None:
    """Two models of other families look at each row, and both write one journal."""
    rows(tmp_path)
    checks = ["--check", "judge:gpt-4o", "--check", "second=judge:claude-3-5-sonnet"]
    journal = ["--judge-journal", tmp_path / "judge.jsonl"]
    done = verify(tmp_path, server, *checks, *journal)
    assert done.code == 0, done.err
    assert {e["_synthgate"]["verified_by"] for e in read_rows(tmp_path / "out.jsonl")} == {
        "judge second"
    }
    models = Counter(each["model"] for each in read_rows(tmp_path / "judge.jsonl"))
    assert models == {"gpt-4o": CANARY_CALLS + 9, "claude-3-5-sonnet": CANARY_CALLS + 9}


def test_no_judge_is_asked_before_all_are_known_to_be_independent(
    tmp_path: Path, server: ChatServer
) -> None:
    """The kinship of the second judge is found before the first one is paid for anything."""
    rows(tmp_path)
    done = verify(tmp_path, server, "--check", "judge:gpt-4o", "--check", "b=judge:qwen-max")
    assert (done.code, server.calls) == (2, 0)
    assert "judge:qwen-max: " in done.err


def test_the_key_comes_from_the_environment(tmp_path: Path, server: ChatServer) -> None:
    """The judge's key is sent, and shown nowhere."""
    rows(tmp_path, 2)
    journal = tmp_path / "judge.jsonl"
    argv = ["--judge-key-env", "JUDGE_KEY", "--judge-journal", journal]
    assert verify(tmp_path, server, *argv).code == 2
    done = verify(tmp_path, server, *argv, JUDGE_KEY="sk-secret-123456")
    assert done.code == 0, done.err
    assert {each["authorization"] for each in server.requests} == {"Bearer sk-secret-123456"}
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"sk-secret" not in written + done.err.encode()


def test_rows_are_judged_side_by_side(tmp_path: Path, server: ChatServer) -> None:
    """A slow judge is asked about several rows at a time, and the output keeps its order."""
    rows(tmp_path, 24)
    server.delay = 0.1
    done = verify(tmp_path, server, "--judge-concurrency", "6", "--evidence", tmp_path / "e.jsonl")
    assert done.code == 0, done.err
    assert 2 <= server.most_in_flight <= 6
    assert [each["line"] for each in read_rows(tmp_path / "e.jsonl")] == [*range(1, 25)]


def test_pairs_on_the_command_line(tmp_path: Path, server: ChatServer) -> None:
    """Preference rows are compared in both orders."""
    good, bad = f"{RIGHT}this is the one", "this is not the one"
    made = [
        {"prompt": "task 0", "chosen": bad, "rejected": good},
        {"prompt": "task 1", "chosen": good, "rejected": bad},
    ]
    write_rows(tmp_path / "in.jsonl", made)
    done = verify(tmp_path, server)
    assert done.code == 0, done.err
    assert [each["prompt"] for each in read_rows(tmp_path / "out.jsonl")] == ["task 1"]
    asks = [asked(each["body"]) for each in server.requests]
    seen = [each.candidates for each in asks if each.prompt == "task 1"]
    assert sorted(seen) == sorted([seen[0], seen[0][::-1]])
