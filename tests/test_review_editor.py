"""Rows edited in the reviewer's own editor: failures here, new rows there."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.conftest import read_rows
from tests.reviewing import drawn, logged, plan_of, reviewing


def editor(folder: Path, program: str) -> dict[str, str]:
    """An $EDITOR that does to the text what a Python expression says."""
    script = folder / "editor.py"
    script.write_text(
        "import sys\npath = sys.argv[-1]\ntext = open(path).read()\n"
        f"open(path, 'w').write({program})\n"
    )
    return {"VISUAL": f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"}


def test_an_edit_in_the_editor(tmp_path: Path) -> None:
    """`e` edits the response, `E` the whole row; both are failures here and new rows there."""
    sample = drawn(tmp_path)
    rows = str(tmp_path / "rows.jsonl")
    with reviewing(tmp_path, "--rows", rows, env=editor(tmp_path, "text + '0'")) as terminal:
        terminal.until("row 1 of 100")
        terminal.type("e")
        terminal.until("row 2 of 100", "1 not passed")
        terminal.type("q")
        assert terminal.wait() == 0
    wrong = editor(tmp_path, "text.replace('What', 'Who') if '{' in text else '{'")
    with reviewing(tmp_path, "--rows", rows, env=wrong) as terminal:
        terminal.until("row 2 of 100")
        terminal.type("E")
        terminal.until("row 3 of 100", "2 not passed")
        terminal.type("q")
        assert terminal.wait() == 0
    labels = logged(tmp_path / "log.jsonl", plan_of(tmp_path))
    assert [each["verdict"] for each in labels] == ["edit", "edit"]
    first, second = read_rows(tmp_path / "log.edits.jsonl")
    assert first["output"] == sample[0]["output"] + "0" and first["input"] == sample[0]["input"]
    assert second["input"] == sample[1]["input"].replace("What", "Who")
    assert first["_synthgate"]["parents"] == sample[0]["_synthgate"]["id"]
    assert first["_synthgate"]["source"] == "rows.jsonl"


def test_broken_json_can_be_mended(tmp_path: Path) -> None:
    """An edit that is no row is not lost: enter opens it again as it was left, q drops it."""
    drawn(tmp_path)
    mending = "text[6:].replace('What', 'Who') if text[:6] == 'broken' else 'broken' + text"
    with reviewing(tmp_path, env=editor(tmp_path, mending)) as terminal:
        terminal.until("row 1 of 100")
        terminal.type("E")
        terminal.until("is not a row", "q drops the edit")
        terminal.type("q\n")
        terminal.until("row 1 of 100", "0 not passed", gone="q drops the edit")
        terminal.type("E")
        terminal.until("is not a row", "q drops the edit")
        terminal.type("\n")
        terminal.until("row 2 of 100", "1 not passed")
    (label,) = logged(tmp_path / "log.jsonl", plan_of(tmp_path))
    assert '"input":"Who is' in label["row"]


def test_an_edit_that_is_none(tmp_path: Path) -> None:
    """An editor that changes nothing, fails or is not there gives no verdict and says so."""
    drawn(tmp_path)
    for env, said in (
        (editor(tmp_path, "text"), "nothing was changed"),
        ({"VISUAL": "false"}, "false ended with 1"),
        ({"VISUAL": "/no/such/editor"}, "cannot edit"),
    ):
        with reviewing(tmp_path, env=env) as terminal:
            terminal.until("row 1 of 100")
            terminal.type("e")
            terminal.until(said)
            terminal.type("q")
            assert terminal.wait() == 0
    assert logged(tmp_path / "log.jsonl", plan_of(tmp_path)) == []
