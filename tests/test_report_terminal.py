"""The report on a terminal: plain text, whatever the rows and the findings say."""

from __future__ import annotations

import json
from pathlib import Path

import pyte
import pytest

from synthgate.render.terminal import WIDTH, terminal
from synthgate.text import printable
from tests.conftest import write_rows
from tests.hostile_texts import KINDS, spread
from tests.pseudo_terminal import PseudoTerminal
from tests.report_fixture import bare, old, rich


@pytest.mark.parametrize("shift", range(42))
def test_nothing_but_plain_text(shift: int) -> None:
    """No escape, control or bidirectional character comes through, from any place."""
    said = terminal(spread(rich(), shift))
    assert not [each for each in said if printable(each) != each and each != "\n"]
    assert len(said) < 60_000
    said.encode()


@pytest.mark.parametrize("shift", [0, 21])
def test_an_emulator_shows_just_the_lines(shift: int) -> None:
    """A terminal that was fed the report has its lines, one under the other, and no colour."""
    lines = terminal(spread(rich(), shift)).split("\n")
    screen = pyte.Screen(1000, len(lines) + 1)
    pyte.ByteStream(screen).feed("\r\n".join(lines).encode())
    shown = [line.rstrip() for line in screen.display]
    assert screen.title == "" and (screen.cursor.y, screen.cursor.x) == (len(lines) - 1, 0)
    cells = [cell for line in screen.buffer.values() for cell in line.values()]
    assert {(cell.fg, cell.bg, cell.bold, cell.reverse) for cell in cells} == {
        ("default", "default", False, False)
    }
    for line, there in zip(lines, shown, strict=False):
        if line.isascii():
            assert there == line[:1000].rstrip()


def test_the_real_command_on_hostile_rows(tmp_path: Path) -> None:
    """`report` in a pseudo-terminal, over rows whose every name is hostile, stays plain."""
    rows = [{"input": text, "output": text, "from": text} for text in KINDS.values()]
    lines = [json.dumps(row).encode() for row in rows]
    source = write_rows(tmp_path / "rows.jsonl", [each for each in lines if b"\\ud" not in each])
    argv = ("report", source, "-q", "--source-field", "from")
    with PseudoTerminal(*argv, size=(240, 60)) as there:
        there.until("Provenance")
        assert there.wait() == 0
        raw = there.raw.decode()
    assert not [each for each in raw if printable(each) != each and each not in "\r\n"]
    assert "\\u001b[31mred" in raw and "<script>" in raw


def test_a_report_without_measures_is_as_it_was() -> None:
    """Nothing is said of sections that a report does not have."""
    assert terminal(old()) == (
        "Funnel\n  not shown: no manifests (set SYNTHGATE_RUN_DIR, or name --run-dir)\n"
        "Audit\n  not shown: no audit was run\n"
        "Mix\n  40 rows: 0 real, 40 synthetic (0.0% real)\n"
        "  40 synthetic rows are verified by nothing\n"
        "Provenance\n  source        in.jsonl 40\n  generation    -1 40\n"
    )


def test_what_is_not_shown_takes_one_line() -> None:
    """The first screen says why; what stands behind it is named in one last line."""
    lines = terminal(bare()).splitlines()
    assert lines[0] == "NOT SHOWN: No gate has seen this set."
    assert lines.count("  not shown: no real rows: name --real FILE") == 3
    assert lines[-1] == "Also not shown: inherited error, collapse, drift (--json says why)"
    assert len(lines) == len(terminal(old()).splitlines()) + 8


def test_the_whole_report() -> None:
    """Verdict and gates first, every section in its order, every line within the width."""
    said = terminal(rich())
    lines = said.splitlines()
    assert lines[0].startswith("STOP: The set is narrower")
    assert lines[1].startswith("  narrowing (exit 3): Real clusters")
    order = [said.index(f"\n{title}\n") for title in (
        "Funnel", "Audit", "Verifier independence", "Narrowing", "Mix", "Provenance",
        "Suspicious sources and tokens", "Inherited error", "Collapse", "Poisoning", "Drift",
    )]  # fmt: skip
    assert order == sorted(order)
    kept = ("verify  ", "  PASS")  # lines that are not wrapped, as they never were
    assert not [
        each
        for each in lines
        if len(each) > WIDTH
        and not each.strip().startswith(kept)
        and "rejected" not in each
        and "PASS" not in each
    ]
    assert "  ! Occupied clusters" in said and "0.71\u00d7" in said
    assert "    A new token is seen from 7 rows on" in said


def test_long_tables_are_cut_and_say_so() -> None:
    """Of twenty slices eight are shown, and names never push a number off the line."""
    found = rich()
    found["inherited"]["slices"] = found["inherited"]["slices"] * 4
    for each in found["inherited"]["slices"]:
        each["value"] = "a very long name of a slice " * 20
    said = terminal(found)
    table = said.partition("\nInherited error\n")[2].splitlines()
    assert "    and 12 more" in table
    rows = [line for line in table if line[4:].startswith("label = a very long")]
    assert rows and all("60.7 %" in row or "43.1 %" in row for row in rows)
    assert max(map(len, table[:14])) <= WIDTH


def test_columns_stand_under_each_other() -> None:
    """Wide characters take two columns and marks none: numbers stay in their column."""
    found = rich()
    names = (
        "plain",
        "銀行の口座番号を教えてください銀行の口座番号を教えてください",
        "a" + "\u0301" * 30,
    )
    for each, name in zip(found["inherited"]["slices"], names, strict=False):
        each |= {"field": "x", "value": name}
    lines = terminal(found).partition("\nInherited error\n")[2].split("\n")
    screen = pyte.Screen(200, len(lines) + 1)
    pyte.Stream(screen).feed("\r\n".join(lines))
    shown = [line for line in screen.display if line.startswith("  ! x = ")]
    assert len(shown) == 3
    cells = [screen.buffer[number] for number, line in enumerate(screen.display) if line in shown]
    ends = [max(at for at in range(200) if row[at].data.strip()) for row in cells]
    assert len(set(ends)) == 1


def test_a_number_is_never_cut() -> None:
    """Where there is no room for all columns, names and titles are cut and the line grows."""
    found = rich()
    for each in found["collapse"]["trend"]:
        each |= {"rows": 10**30, "entropy": 10.0**25, "run": "a run with a long name" * 3}
    lines = terminal(found).partition("Trend over earlier runs")[2].splitlines()[1:7]
    assert all(f"{10**30:,}" in line and f"{10**25:,}"[:9] in line for line in lines[1:6])
    assert all(line.startswith("    a run with \u2026") for line in lines[1:6])
