"""The reviewer in a real pseudo-terminal: keys alone, nothing lost, nothing from rows acts."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.conftest import Done, read_rows, synthgate
from tests.hostile import HOSTILE, HUGE
from tests.reviewing import drawn, few, last_said, logged, plan_of, reviewing


def gate(folder: Path) -> Done:
    words = "audit gate rows.jsonl --plan plan.json --labels log.jsonl -o out.jsonl"
    return synthgate(*words.split(), cwd=folder)


def test_a_hundred_rows_by_keys_alone(tmp_path: Path) -> None:
    """One key a row from the first row to the PASS of the gate, the plan's state always there."""
    sample = drawn(tmp_path)
    with reviewing(tmp_path) as terminal:
        assert "38 more passes to PASS" in terminal.until("row 1 of 100")
        for number in range(2, 7):
            terminal.type("p")
            assert "to STOP" in terminal.until(f"row {number} of 100")
        terminal.type("f")
        terminal.until("fail, why?", "1 not passed")
        terminal.type("2")
        terminal.until("row 7 of 100")
        terminal.type("p" * 93)
        terminal.until("row 100 of 100", "PASS at label")
        terminal.type("u")
        terminal.until("all 100 rows seen", "98 pass, 1 fail, 1 unsure, 0 open")
        terminal.type("q")
        assert terminal.wait() == 0
    labels = logged(tmp_path / "log.jsonl", plan_of(tmp_path))
    said = [last_said(labels)[row["_synthgate"]["id"]] for row in sample]
    assert said == ["pass"] * 5 + ["fail"] + ["pass"] * 93 + ["unsure"]
    assert [each["position"] for each in labels] == sorted([*range(1, 101), 6])
    assert all(each["reviewer"] == "ann" and each["ms"] >= 0 for each in labels)
    assert labels[6]["reason"] == "incomplete"
    done = gate(tmp_path)
    assert (done.code, len(read_rows(tmp_path / "out.jsonl"))) == (0, 398), done.err


def test_killed_at_any_key_and_resumed(tmp_path: Path) -> None:
    """kill -9 right behind a key loses that key at most; the same command goes on there."""
    drawn(tmp_path)
    log, there = tmp_path / "log.jsonl", 0
    for keys in (3, 1, 5):
        with reviewing(tmp_path) as terminal:
            terminal.until(f"row {there + 1} of 100")
            terminal.type("p" * keys)
            terminal.until(f"row {there + keys + 1} of 100")
            terminal.type("u")
            terminal.kill()
        kept = log.read_bytes().count(b"\n")
        assert kept in (there + keys, there + keys + 1)
        there = kept
        log.write_bytes(log.read_bytes() + b'{"id":"torn')
    with reviewing(tmp_path) as terminal:
        terminal.until(f"row {there + 1} of 100")
        terminal.type("q")
        assert terminal.wait() == 0
    assert len(logged(log, plan_of(tmp_path))) == there


def test_notes_back_help_and_moves(tmp_path: Path) -> None:
    """A note is on disk at its enter, esc drops one; `b` shows what was said and takes another."""
    drawn(tmp_path)
    with reviewing(tmp_path) as terminal:
        terminal.until("row 1 of 100")
        terminal.type("n")
        terminal.until("enter keeps it")
        terminal.type("why, fällt\x7f\x7f?")
        terminal.until("why, fäl?")
        terminal.type("\r")
        terminal.until("p pass", "note: why, fäl?")
        terminal.kill()
    (label,) = logged(tmp_path / "log.jsonl", plan_of(tmp_path))
    assert (label["verdict"], label["note"]) == ("skip", "why, fäl?")
    with reviewing(tmp_path) as terminal:
        terminal.until("row 1 of 100", "note: why, fäl?")
        terminal.type("p")
        terminal.until("row 2 of 100")
        terminal.type("b")
        terminal.until("row 1 of 100", "you said: pass · note: why, fäl?")
        terminal.type("u")
        terminal.until("row 2 of 100")
        terminal.type("n")
        terminal.until("enter keeps it")
        terminal.type("p\x1b")
        terminal.until("p pass", gone="enter keeps it")
        terminal.type("\x1b[C")
        terminal.until("row 3 of 100")
        terminal.type("\x1b[D?")
        terminal.until("What each key does")
        terminal.type("x")
        terminal.until("row 2 of 100", "p pass", gone="What each")
        terminal.type("q")
        assert terminal.wait() == 0
    labels = logged(tmp_path / "log.jsonl", plan_of(tmp_path))
    assert [each["verdict"] for each in labels] == ["skip", "pass", "unsure"]


def test_a_long_row_is_paged(tmp_path: Path) -> None:
    """A huge row shows at once; space goes to its very end; a narrower window shows all of it."""
    rows = [{"input": "q", "output": HUGE}]
    drawn(tmp_path, rows, *few(rows))
    with reviewing(tmp_path) as terminal:
        terminal.until("row 1 of 1", "page 1, more below")
        terminal.type(" ")
        terminal.until("page 2, more below")
        terminal.resize(64, 20)
        terminal.until("page 1, more below", "1 pass to PASS · 1 failure to STOP")
        terminal.resize(110, 40)
        terminal.until("row 1 of 1", "page 1, more below")
        terminal.type("\x1b[F")
        terminal.until("the very end", "the last")
        terminal.type("\x1b[5~")
        terminal.until("more below", gone="the very end")
        terminal.type("\x1b[H")
        terminal.until("page 1, more below")
        terminal.type("p")
        terminal.until("all 1 rows seen")


def test_what_is_pasted_is_no_verdict(tmp_path: Path) -> None:
    """Text from the clipboard presses no keys, whatever it says."""
    drawn(tmp_path)
    with reviewing(tmp_path) as terminal:
        terminal.until("row 1 of 100")
        terminal.type("\x1b[200~ppppq\n\x1b[201~")
        terminal.type("u")
        terminal.until("row 2 of 100")
    (label,) = logged(tmp_path / "log.jsonl", plan_of(tmp_path))
    assert label["verdict"] == "unsure"


def test_two_reviewers_share_a_sample(tmp_path: Path) -> None:
    """A second person goes on where nobody has labelled; a log has one writer at a time."""
    drawn(tmp_path)
    with reviewing(tmp_path) as ann:
        ann.until("row 1 of 100")
        ann.type("pp")
        ann.until("row 3 of 100")
        with reviewing(tmp_path, "--reviewer", "bob") as bob:
            assert bob.wait() == 8
        ann.type("q")
        assert ann.wait() == 0
    with reviewing(tmp_path, "--reviewer", "bob") as bob:
        bob.until("row 3 of 100", "bob")
        bob.type("f\r")
        bob.until("row 4 of 100", "1 not passed")


def test_ctrl_c_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    """Ctrl-C ends with 130; what was said is kept, and the screen and the modes are restored."""
    drawn(tmp_path)
    with reviewing(tmp_path) as terminal:
        terminal.until("row 1 of 100")
        terminal.type("p")
        terminal.until("row 2 of 100")
        terminal.type("\x03")
        assert terminal.wait() in (130, -signal.SIGINT)
        assert terminal.raw.endswith(b"\x1b[?1049l\x1b[?25h") or b"\x1b[?1049l" in terminal.raw
        assert b"\x1b[?2004l" in terminal.raw
    assert len(logged(tmp_path / "log.jsonl", plan_of(tmp_path))) == 1


SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][AB0]|[=>78])")


@pytest.mark.parametrize("where", ["value", "key"])
def test_hostile_rows_are_plain_text_on_the_terminal(tmp_path: Path, where: str) -> None:
    """Every hostile text is seen as escapes; no byte of it reaches the terminal as control."""
    texts = list(HOSTILE.values())
    rows = [{"input": t, "output": t} if where == "value" else {"text": "x", t: 1} for t in texts]
    drawn(tmp_path, rows, *few(rows))
    reasons = ("--reason", "\x1b[2J\x1b]0;x\x07", "--reviewer", "a\x1b[31m\u202eb")
    with reviewing(tmp_path, *reasons, size=(120, 40)) as terminal:
        seen = terminal.until(f"row 1 of {len(rows)}")
        terminal.type("f")
        assert "\\u001b[2J" in terminal.until("fail, why?")
        terminal.type("\r")
        for number in range(2, len(rows) + 1):
            seen += terminal.until(f"row {number} of {len(rows)}")
            terminal.type("p")
        terminal.until(f"all {len(rows)} rows seen")
        terminal.type("q")
        assert terminal.wait() == 0
        raw = terminal.raw
    for escape in ("\\u001b[31mred\\u001b[2J", "a\\u0000b\\u0008", "\\u202egnp.exe", "\\u200b"):
        assert escape in seen.replace("\n", "")
    for text in ("<script>", "[bold red]x[/]", "=HYPERLINK(", ":warning:"):
        assert text in seen
    rest = SEQUENCE.sub(b"", raw)
    assert not re.search(rb"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]", rest)
    for hidden in "\u202e\u2066\u200b\ufeff\u009b\u0085\u2028\U000e0041":
        assert hidden.encode() not in raw
    # Only what rich itself sends: styles, cursor home, clear, alternate screen, paste marks.
    kinds = {re.sub(rb"[0-9;]", b"", found) for found in SEQUENCE.findall(raw)}
    assert kinds <= {b"\x1b[m", b"\x1b[H", b"\x1b[J", b"\x1b[?h", b"\x1b[?l"}
    titles = [found for found in SEQUENCE.findall(raw) if found.endswith(b"J")]
    assert not titles


def test_it_asks_who_you_are(tmp_path: Path) -> None:
    """Without a name there are no verdicts: exit 2 with the option that gives one."""
    drawn(tmp_path)
    review = "audit review sample.jsonl --plan plan.json --labels log.jsonl"
    done = synthgate(*review.split(), cwd=tmp_path, env={"USER": "", "LOGNAME": ""})
    assert (done.code, "--reviewer NAME" in done.err) == (2, True)
    assert not (tmp_path / "log.jsonl").exists()
