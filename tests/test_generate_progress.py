"""What a run tells while it goes on, and at its end."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthgate.cli import pulse
from synthgate.cli.pulse import Pulse, Seen, line
from synthgate.generators.meter import Meter
from tests.chat_server import BEHAVIOURS, ChatServer, command, completion, generate
from tests.conftest import write_rows


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


def test_the_line_tells_all() -> None:
    """Rows, rejects by reason, tokens, money, repeats, calls in flight, waits, the time left."""
    meter = Meter(1200, 800, 0.5, 3, 6, Counter(http_429=2))
    meter.wait("--rpm", 40)
    seen = Seen(50, 200, 40, Counter(truncated=9, refused=1), 52, 20.0)
    assert re.fullmatch(
        r"50 of 200 \(25 %\); 40 rows, 10 rejected \(truncated 9, refused 1\); 2,000 tokens, "
        r"0\.5000 USD; 2 calls repeated \(http_429 2\); 3 calls in flight of 6; "
        r"waits for --rpm \((39|40) s\); about 60 s left",
        line(seen, meter, priced=True),
    )


def test_the_line_tells_no_more_than_is_known() -> None:
    """At the beginning there is no pace yet, and nothing to divide by."""
    assert line(Seen(0, 0, 0, Counter(), 0, 0.0), Meter()) == "0 of 0 (0 %); 0 rows, 0 rejected"
    assert "left" not in line(Seen(5, 9, 5, Counter(), 0, 9.0), Meter())  # all of them replayed


def test_waits_that_are_over_are_not_told() -> None:
    """What calls wait for is told until then, the longest first."""
    meter = Meter()
    now = time.monotonic()
    meter.wait("--rpm", 5)
    meter.wait("--tpm", 50)
    assert re.fullmatch(r"--tpm \(\d+ s\), --rpm \(\d+ s\)", meter.waiting(now))
    assert meter.waiting(now + 20).startswith("--tpm (")
    assert meter.waiting(now + 60) == ""


def test_a_pulse_beats_while_the_run_waits() -> None:
    """Signs of life come from a thread of their own, and end with the block."""
    beats: list[float] = []
    with Pulse(lambda: beats.append(time.monotonic()), 0.02):
        end = time.monotonic() + 60
        while len(beats) < 3 and time.monotonic() < end:
            time.sleep(0.01)
    count = len(beats)
    time.sleep(0.1)
    assert 3 <= count == len(beats)


def test_a_run_that_waits_says_so(
    server: ChatServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Where stderr is no terminal a line comes now and then, and with -q none."""
    from synthgate.cli.app import invoke

    monkeypatch.setattr(pulse, "EVERY", 0.05)
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": "!slow"}])
    assert invoke(command(server, tmp_path)) == 0
    assert "generate: 0 of 1 (0 %); 0 rows, 0 rejected; 1 calls in flight of 8" in (
        capsys.readouterr().err
    )
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": "!slow again"}])
    assert invoke(command(server, tmp_path, "-q")) == 0
    assert capsys.readouterr().err == ""


def test_the_line_is_live_on_a_terminal(server: ChatServer, tmp_path: Path) -> None:
    """On a terminal one line is updated; a hostile reject above it moves no cursor."""
    write_rows(
        tmp_path / "prompts.jsonl",
        [{"prompt": "!\x1b[2J"}, {"prompt": "!slow"}, {"prompt": "!slow 2"}],
    )
    BEHAVIOURS["\x1b[2J"] = lambda handler, body: handler.reply(
        200, completion("\x1b[2Jgone [red]\u202e", "length")
    )
    try:
        outer, inner = pty.openpty()
        argv = [sys.executable, "-m", "synthgate", *command(server, tmp_path, "--concurrency", "1")]
        env = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
        process = subprocess.Popen(argv, stderr=inner, stdout=subprocess.DEVNULL, env=env)
        os.close(inner)
        shown = b""
        while True:
            try:
                piece = os.read(outer, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
        assert process.wait(timeout=60) == 0
        os.close(outer)
    finally:
        del BEHAVIOURS["\x1b[2J"]
    text = shown.decode()
    assert re.search(r"generate: \d of 3 \(\d+ %\)", text)
    assert "first reject" in text
    assert "gone [red]" in text
    assert "\x1b[2J" not in text
    assert "\u202e" not in text


def test_the_first_bad_sample_is_shown(server: ChatServer, tmp_path: Path) -> None:
    """The first reject is told at once with its place and cause, later ones are only counted."""
    done = generate(server, tmp_path, ["fine", "!truncated", "!null"])
    told = [each for each in done.err.splitlines() if "first reject" in each]
    assert len(told) == 1
    assert f"{tmp_path}/prompts.jsonl:2: truncated: sample 0: cut off" in told[0]
    assert "it ends in 'half an ans'" in told[0]
    quiet = generate(server, tmp_path, ["fine", "!truncated"], "-q")
    assert quiet.err == ""


def test_the_manifest_tells_the_cost(server: ChatServer, tmp_path: Path) -> None:
    """Tokens and money of all calls are on record, those of calls that came to nothing too."""
    prompts = ["one", "!null", "!once_503"]
    generate(server, tmp_path, prompts, "--price-in", "1000", "--price-out", "2000")
    findings = json.loads((tmp_path / "out.jsonl.manifest.json").read_bytes())["findings"]
    assert findings["calls"] == 4
    assert findings["repeated"] == {"http_503": 1}
    assert findings["answer_tokens"] >= 3 * 4
    assert findings["usd"] == pytest.approx(
        (findings["prompt_tokens"] * 1000 + findings["answer_tokens"] * 2000) / 1e6
    )
