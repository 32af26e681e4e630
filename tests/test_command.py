"""The check `command`: any program may judge, and none that crashes has judged."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from synthgate.config import VerifyPolicy
from synthgate.errors import Unreachable, UsageError
from synthgate.formats import by_fields
from synthgate.rows import Provenance, Row, content_id
from synthgate.verifiers import Bench, Verdict
from synthgate.verifiers.command import Command, build
from tests.conftest import read_rows, synthgate, write_rows

SHAPE = by_fields(None, "input", "output")
CHECKER = """
import json, os, sys, time
row = json.loads(sys.stdin.read())
do = row["output"]
if "say" in row:
    os.write(3, row["say"].encode())
if do == "sleep":
    time.sleep(60)
if do == "linger":
    if os.fork() == 0:
        time.sleep(120)
    sys.exit(0)
if do == "signal":
    os.kill(os.getpid(), 9)
if do == "flood":
    sys.stdout.write("x" * 10_000_000)
    sys.stderr.write("y" * 10_000_000)
    sys.exit(10)
if do == "flood 3":
    os.write(3, b"z" * 1_000_000)
if do == "write":
    open(sys.argv[1] + "/written", "w")
sys.exit(int(do) if do.isdigit() else 1)
"""


@pytest.fixture
def checker(tmp_path: Path) -> Path:
    """A checker that does as the row says."""
    path = tmp_path / "check er.py"  # with a blank: words are not split at will
    path.write_text(CHECKER)
    return path


def bench(**settings: Any) -> Bench:
    """A bench whose check opens no rows."""

    def no_file(path: str) -> Any:
        raise AssertionError(path)

    return Bench(VerifyPolicy(**settings), no_file, no_file)


def made(checker: Path, *words: str, **settings: Any) -> Command:
    """The check over the checker."""
    line = " ".join([f"'{sys.executable}'", f"'{checker}'", *words])
    return build(line, bench(**settings))


def judged(check: Command, value: dict[str, Any]) -> Verdict:
    """The verdict on one row."""
    payload = json.dumps(value).encode()
    return check.check(Row("in.jsonl", 1, payload, value, Provenance(content_id(payload))), SHAPE)


@pytest.mark.parametrize("sandbox", ["none", "A"])
@pytest.mark.parametrize(
    ("do", "outcome"),
    [("0", "pass"), ("10", "fail"), ("11", "abstain"), ("1", "error"), ("2", "error"),
     ("12", "error"), ("126", "error"), ("255", "error"), ("signal", "error"), ("flood", "fail"),
     ("flood 3", "error")],
)  # fmt: skip
def test_exit_codes_are_verdicts(checker: Path, do: str, outcome: str, sandbox: str) -> None:
    """0, 10 and 11 are verdicts; any other end, a signal among them, is an error."""
    check = made(checker, command_sandbox=sandbox)
    assert judged(check, {"output": do}).outcome == outcome
    check.close()


@pytest.mark.parametrize(
    ("do", "say", "outcome", "reason"),
    [
        ("10", '{"verdict":"fail","reason":"no unit","evidence":{"n":3}}', "fail", "no unit"),
        ("0", '{"reason":"all good"}', "pass", "all good"),
        ("10", '{"verdict":"pass"}', "error", "exit code and descriptor 3 disagree"),
        ("0", '{"verdict":"fail"}', "error", "exit code and descriptor 3 disagree"),
        ("0", "yes", "error", "descriptor 3 holds no JSON object"),
        ("0", '{"a":1,"a":2}', "error", "descriptor 3 holds no JSON object"),
        ("1", '{"verdict":"pass"}', "error", "exit code 1"),
    ],
)
def test_descriptor_3_says_more_but_not_otherwise(
    checker: Path, do: str, say: str, outcome: str, reason: str
) -> None:
    """What is said on descriptor 3 explains a verdict; one that contradicts it is an error."""
    verdict = judged(made(checker), {"output": do, "say": say})
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    if "evidence" in say:
        assert verdict.evidence["said"] == {"n": 3}


@pytest.mark.parametrize("sandbox", ["none", "A"])
def test_a_slow_checker_is_an_error(checker: Path, sandbox: str) -> None:
    """A checker that takes too long is killed, and nothing that it started is waited for."""
    check = made(checker, command_timeout=2.0, command_sandbox=sandbox)
    assert judged(check, {"output": "sleep"}).reason == "timeout"
    check.close()
    check = made(checker, command_timeout=60.0, command_sandbox=sandbox)
    start = time.monotonic()
    assert judged(check, {"output": "linger"}).outcome == "pass"
    assert time.monotonic() - start < 60
    check.close()


def test_the_sandbox_holds_a_checker(checker: Path, tmp_path: Path) -> None:
    """On request a checker can write nowhere; without, it has the user's own rights."""
    folder = tmp_path / "out"
    folder.mkdir()
    check = made(checker, str(folder), command_sandbox="A")
    assert judged(check, {"output": "write"}).outcome == "error"
    check.close()
    assert not list(folder.iterdir())
    assert judged(made(checker, str(folder)), {"output": "write"}).outcome == "error"  # exit 1
    assert list(folder.iterdir())


@pytest.mark.parametrize("argument", ["", "   ", "'open"])
def test_a_command_must_be_named(argument: str) -> None:
    """No program, or words that do not end, are a mistake of usage."""
    with pytest.raises(UsageError):
        build(argument, bench())


def test_a_missing_program_is_a_broken_rig() -> None:
    """A program that is not there gives no verdict on anything."""
    with pytest.raises(Unreachable):
        build("/nowhere/check", bench())


def test_another_script_is_another_check(checker: Path) -> None:
    """The configuration of the check holds the content of its script."""
    before = made(checker).config
    checker.write_text(CHECKER + "\n# changed\n")
    assert made(checker).config != before


def test_no_text_of_a_row_reaches_a_shell(tmp_path: Path, checker: Path) -> None:
    """Rows that look like shell code do nothing but be judged."""
    evil = f"$(touch {tmp_path}/pwned); `touch {tmp_path}/pwned`\n; touch {tmp_path}/pwned #"
    write_rows(
        tmp_path / "in.jsonl", [{"input": evil, "output": "10"}, {"input": "a", "output": "0"}]
    )
    spec = f"command:'{sys.executable}' '{checker}'"
    done = synthgate(
        "verify", "in.jsonl", "-o", "out.jsonl", "--rejects", "bad.jsonl", "--check", spec,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert not (tmp_path / "pwned").exists()
    assert [row["output"] for row in read_rows(tmp_path / "out.jsonl")] == ["0"]
    assert read_rows(tmp_path / "bad.jsonl")[0]["_reject"]["reason"] == "fail:command"


def test_a_command_that_always_says_yes_is_refused(tmp_path: Path) -> None:
    """`command:true` passes a blank answer: it checks nothing."""
    write_rows(tmp_path / "in.jsonl", [{"input": "a", "output": "b"}])
    done = synthgate("verify", "in.jsonl", "--check", "command:true", cwd=tmp_path)
    assert done.code == 2
    assert "command" in done.err
