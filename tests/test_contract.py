"""What holds for every command that rows pass through, written once."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synthgate.cli.app import AUDIT, COMMANDS, invoke
from tests.conftest import Done, synthgate
from tests.filters import DRAW, FILTERS, GENERATE, Filter, Outcome, lines_of, row_of
from tests.strategies import Refused, oracle, plain_rows

EVERY = (*FILTERS, GENERATE, DRAW)
BAD = (
    b"{", b"null", b'{"input":"a","output":"b","output":"c"}', b"\xff\xfe", b'{"a":NaN}', b"[1]",
    b'{"input":"x","output":"\\ud800"}', b'{"a":1}{"b":2}', b"\x00", b'{"_synthgate":{}}',
)  # fmt: skip
GOOD = tuple(
    b'{"input":"question %d","output":"answer %d","n":0.10,"big":12345678901234567890123}' % (n, n)
    for n in range(12)
)
per_filter = pytest.mark.parametrize("each", FILTERS, ids=str)
per_command = pytest.mark.parametrize("each", EVERY, ids=str)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in this process must not see settings of the machine."""
    for name in list(os.environ):
        if name.startswith("SYNTHGATE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the examples of a property share, and in which they run."""
    folder = tmp_path_factory.mktemp("contract")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def test_every_command_is_in_the_table() -> None:
    """A new command is held to the contract, or it says here why it is not one rows pass through."""
    not_filters = {"run", "demo", ("audit", "import"), "completion", "init"}
    known = {words[0] if len(words) == 1 else words for words in (each.words for each in EVERY)}
    commands = (set(COMMANDS) - {"audit"}) | {("audit", verb) for verb in AUDIT}
    assert commands - not_filters == known


def kept_payload(line: bytes, each: Filter) -> bytes:
    """The row of an output line as it was before our key was put on, found without our code."""
    if not each.stamps:
        return line
    assert line.endswith(b"}}")
    return line[: line.rindex(b',"_synthgate":{')] + b"}"


def rejected_payload(line: bytes) -> bytes:
    """The row of a reject, or the original bytes of a line that was none."""
    why = json.loads(line)["_reject"]
    assert why["reason"] and type(why["line"]) is int and why["stage"] and why["file"]
    if "base64" in why:
        return base64.b64decode(why["base64"])
    rest = line[: line.rindex(b',"_reject":{')]
    return rest[: rest.rindex(b',"_synthgate":{')] + b"}"


def check_conservation(each: Filter, done: Outcome, lines: list[bytes]) -> None:
    """Every line of the input is in the output or in the rejects, byte for byte; nothing else is."""
    summary = done.summary
    assert summary["rows_out"] == len(done.out)
    assert sum(summary["rejects"].values()) == len(done.rejects)
    repeats = summary["findings"].get("repeats", 0)
    assert summary["rows_in"] + repeats == len(done.out) + len(done.rejects)
    found = Counter(kept_payload(line, each) for line in done.out)
    assert each.one_each or not repeats or max(found.values()) <= 1 + repeats
    found += Counter(map(rejected_payload, done.rejects))
    assert found == Counter([*lines, *each.reference])


@per_filter
@given(
    st.lists(st.one_of(plain_rows(), st.sampled_from(GOOD), st.sampled_from(BAD)), max_size=30),
    st.booleans(),
)
@example([*BAD, GOOD[0]], False)
@example([GOOD[0], *BAD, GOOD[0], GOOD[1]], True)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_row_is_lost(shelf: Path, each: Filter, lines: list[bytes], stamped: bool) -> None:
    """Rows in = rows out + rejects, with their own bytes, good and malformed lines mixed."""
    rows = [row_of(line) for line in lines]
    if each.needs_fields and not any(rows) and rows:
        return
    if stamped:
        _first_pass(shelf, lines)
    each.lay(shelf, lines)
    done = each.run(shelf, "--on-error", "reject", "-q")
    if not any(rows) and each.empty:
        assert (done.code, done.out) == (each.empty, [])
        return
    assert done.code == 0
    check_conservation(each, done, lines)


def _first_pass(folder: Path, lines: list[bytes]) -> None:
    """Nothing that an earlier run left may matter."""
    (folder / "out.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
