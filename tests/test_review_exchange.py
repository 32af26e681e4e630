"""Samples go out to other tools and come back as labels; hostile texts stay texts on the way."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.errors import InputError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.review.exchange import (
    CELL,
    COLUMNS,
    as_line,
    csv_rows,
    header,
    labels_in,
    record,
    visible,
)
from synthgate.rows import Row
from synthgate.text import printable
from tests.conftest import Done, read_rows, synthgate, write_rows
from tests.hostile import HOSTILE, HUGE
from tests.reviewing import drawn, few, last_said

SHAPE = named("input/output")
TOOLS = ("jsonl", "csv", "label-studio", "argilla")
VERDICTS = ("pass", "fail", "edit", "unsure")
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def row_of(prompt: str, response: str) -> Row:
    payload = json.dumps({"input": prompt, "output": response}).encode()
    return read(payload, "rows.jsonl", 1, Stamp().provenance)


def sent(row: Row, tool: str) -> Any:
    """What another tool reads: an object, or a cell by column."""
    line = as_line(record(row, 1, "plan", SHAPE), tool)
    if tool != "csv":
        return json.loads(line)
    text = (header() + b"\n" + line).decode("utf-8-sig")
    (cells,) = csv.DictReader(io.StringIO(text, newline=""))
    return cells


def answered(sent_out: Any, tool: str, verdict: str, **more: str) -> Any:
    """The same, as the tool gives it back with an answer."""
    if tool in ("jsonl", "csv"):
        return {**sent_out, "verdict": verdict, "reviewer": "ann", **more}
    if tool == "argilla":
        said = {"verdict": verdict, **more}
        return {
            **sent_out,
            "status": "completed",
            "responses": {name: [{"value": v, "user_id": "ann"}] for name, v in said.items()},
        }
    picked = {"from_name": "verdict", "to_name": "prompt", "type": "choices"}
    result = [{**picked, "value": {"choices": [verdict]}}]
    for name, text in more.items():
        wrote = {"from_name": name, "to_name": "prompt", "type": "textarea"}
        result.append({**wrote, "value": {"text": [text]}})
    annotation = {"id": 7, "completed_by": {"id": 1, "email": "ann"}, "lead_time": 1.5}
    return {**sent_out, "id": 3, "annotations": [{**annotation, "result": result}]}


def back(value: Any, tool: str, reviewer: str = "") -> list[dict[str, Any]]:
    """The labels that come of it."""
    if tool == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerow(value)
        ((_, value),) = csv_rows(out.getvalue(), "x.csv")
    return list(labels_in(value, "x:1", reviewer))


@pytest.mark.parametrize("tool", TOOLS)
@given(prompt=texts, response=texts, verdict=st.sampled_from(VERDICTS), note=texts)
def test_answers_come_back(tool: str, prompt: str, response: str, verdict: str, note: str) -> None:
    """Whatever the texts: the id, the verdict, who said it, and the note as it was written."""
    row = row_of(prompt, response)
    note = note.strip("'\r")
    label = back(answered(sent(row, tool), tool, verdict, note=note), tool)[0]
    assert (label["id"], label["verdict"], label["reviewer"]) == (row.id, verdict, "ann")
    assert label["plan"] == "plan"
    assert label.get("note", "") == note


@pytest.mark.parametrize("tool", TOOLS)
def test_what_nobody_answered_is_no_label(tool: str) -> None:
    """A record as it went out comes back as nothing, and not as a verdict."""
    assert back(sent(row_of("q", "a"), tool), tool, "ann") == []


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_go_out_as_plain_texts(tool: str, name: str) -> None:
    """Hidden characters are escapes; in CSV no cell begins as a formula does."""
    found = sent(row_of(HOSTILE[name], HOSTILE[name]), tool)
    cells = found if tool in ("jsonl", "csv") else found.get("data", found.get("fields"))
    for text in cells.values():
        for line in str(text).split("\n"):
            assert printable(line.replace("\t", "")) == line.replace("\t", "")
        if tool == "csv":
            assert not text.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
            assert text[:1] not in ("\t", "\r", "\n")
            assert text.lstrip("' ") in (visible(HOSTILE[name]).lstrip(), text.lstrip("' "))
    assert back(answered(found, tool, "pass"), tool)[0]["verdict"] == "pass"


@pytest.mark.parametrize("tool", TOOLS)
def test_a_text_that_was_changed_over_there_is_refused(tool: str) -> None:
    """A verdict on another text than the row's is none; line ends and blanks may differ."""
    found = answered(sent(row_of("q", "two\nlines"), tool), tool, "pass")
    shown = found.get("data", found.get("fields", found))
    shown["response"] = "two\r\nlines "
    assert back(found, tool)[0]["verdict"] == "pass"
    shown["response"] = "two lies"
    with pytest.raises(InputError, match="was changed"):
        back(found, tool)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("text", ["better", "=1+1", "two\nlines", "'quoted'"])
def test_an_edited_text_comes_back_as_it_was_written(tool: str, text: str) -> None:
    """What a person writes into `edited` is the new response, formula guards taken off."""
    found = answered(sent(row_of("q", "a"), tool), tool, "edit", edited=text)
    assert back(found, tool)[0]["response"] == text
    if tool == "csv":
        guarded = answered(sent(row_of("q", "a"), tool), tool, "edit", edited=f"'{text}")
        assert back(guarded, tool)[0]["response"] == (text if text == "=1+1" else f"'{text}")


def test_a_cell_that_is_too_long_says_so() -> None:
    """A text that no cell of a spreadsheet holds is cut, and says by how much and what to do."""
    found = sent(row_of("q", HUGE), "csv")
    assert len(found["response"]) <= CELL and "more characters: see this row" in found["response"]
    assert back(answered(found, "csv", "pass"), "csv")[0]["verdict"] == "pass"


def test_spreadsheets_of_other_countries(tmp_path: Path) -> None:
    """Semicolons, tabs, a byte order mark and verdicts in capitals are understood."""
    for split in (";", "\t", ","):
        text = f"\ufeffid{split}verdict{split}reviewer\r\nabc{split} PASS {split}ann\r\n\r\n"
        ((line, value),) = csv_rows(text, "x.csv")
        (label,) = labels_in({**value, "check": ""} | {"check": back_check()}, "x", "")
        assert (line, label["id"], label["verdict"]) == (2, "abc", "pass")
    with pytest.raises(InputError, match=r"x\.csv:1: .*columns id and verdict"):
        list(csv_rows("a,b\n1,2\n", "x.csv"))


def back_check() -> str:
    """The digest of a record without texts."""
    found: str = record(row_of("", ""), 1, "", SHAPE)["check"]
    return found


def test_label_studio_in_its_other_forms() -> None:
    """JSON-MIN, a cancelled task, numbers for people, two annotations of one task."""
    task = sent(row_of("q", "a"), "label-studio")
    row_id = task["data"]["row_id"]
    flat = {**task["data"], "id": 1, "verdict": "fail", "annotator": 4, "note": "n", "reason": "r"}
    (label,) = back(flat, "min")
    assert label == {
        "id": row_id, "verdict": "fail", "reviewer": "annotator 4", "reason": "r", "note": "n",
        "plan": "plan",
    }  # fmt: skip
    both = answered(task, "label-studio", "pass")
    both["annotations"].append({"completed_by": 2, "was_cancelled": True, "result": []})
    found = back(both, "label-studio")
    assert [(each["reviewer"], each["verdict"]) for each in found] == [
        ("ann", "pass"),
        ("annotator 2", "skip"),
    ]
    assert found[0]["ms"] == 1500
    with pytest.raises(InputError, match="x:1: an annotation"):
        back({**task, "annotations": [3]}, "label-studio")


def test_somebody_must_have_said_it() -> None:
    """A verdict without a name is refused, unless `--reviewer` says whose it is."""
    found = {**sent(row_of("q", "a"), "jsonl"), "verdict": "pass"}
    with pytest.raises(InputError, match="--reviewer"):
        back(found, "jsonl")
    assert back(found, "jsonl", "ann")[0]["reviewer"] == "ann"


# --- the commands -----------------------------------------------------------------------

ROWS = [{"input": text, "output": text + "!"} for text in HOSTILE.values()]


def audit(folder: Path, words: str, *more: str) -> Done:
    return synthgate("audit", *words.split(), *more, cwd=folder)


@pytest.mark.parametrize(
    ("tool", "name"),
    [("jsonl", "t.jsonl"), ("csv", "t.csv"), ("label-studio", "t.json"), ("argilla", "t.json")],
)
def test_there_and_back(tmp_path: Path, tool: str, name: str) -> None:
    """Hostile rows through each tool: every verdict lands on its row, edits are new rows."""
    sample = drawn(tmp_path, ROWS, *few(ROWS))
    done = audit(tmp_path, f"export sample.jsonl --plan plan.json --to {tool} -o {name}")
    assert done.code == 0, done.err
    path = tmp_path / name
    said = {row["_synthgate"]["id"]: VERDICTS[n % 4] for n, row in enumerate(sample)}
    if tool == "csv":
        found: list[Any] = list(
            csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
        )
    else:
        found = read_rows(path) if tool == "jsonl" else json.loads(path.read_text())
    assert len(found) == len(ROWS)
    for number, each in enumerate(found):
        row_id = (each.get("data") or each).get("row_id", each.get("id"))
        verdict = said[row_id]
        more = {"edited": f"=new {number}"} if verdict == "edit" else {}
        found[number] = answered(each, tool, verdict, **more)
    if tool == "csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(found)
    elif tool == "jsonl":
        write_rows(path, found)
    else:
        path.write_text(json.dumps(found, indent=1))
    options = "--plan plan.json -o log.jsonl --edits edits.jsonl --rows rows.jsonl"
    done = audit(tmp_path, f"import {name} {options}")
    assert done.code == 0, done.err
    labels = read_rows(tmp_path / "log.jsonl")
    assert last_said(labels) == said and {each["reviewer"] for each in labels} == {"ann"}
    edited = read_rows(tmp_path / "edits.jsonl")
    assert len(edited) == sum(verdict == "edit" for verdict in said.values())
    assert all(row["output"].startswith("=new ") for row in edited)


def test_a_sample_that_is_not_the_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edited sample ends with 6, two samples or none with 2; nothing is written."""
    drawn(tmp_path)
    monkeypatch.chdir(tmp_path)
    text = (tmp_path / "sample.jsonl").read_text()
    (tmp_path / "other.jsonl").write_text(text.replace("What", "Who", 1))
    for words, code in (
        ("export other.jsonl --plan plan.json -o out.jsonl", 6),
        ("export sample.jsonl sample.jsonl --plan plan.json -o out.jsonl", 2),
        ("export sample.jsonl -o out.jsonl", 2),
        ("export none.jsonl --plan plan.json -o out.jsonl", 4),
        ("review other.jsonl --plan plan.json --labels log.jsonl --reviewer a", 6),
        ("review sample.jsonl --plan plan.json", 2),
        ("review sample.jsonl --plan plan.json --labels l --html h", 2),
        ("review rows.jsonl --all --labels log.jsonl --reviewer a", 4),
        ("review rows.jsonl --all --plan plan.json --labels log.jsonl --reviewer a", 2),
    ):
        assert invoke(["audit", *words.split()]) == code, words
    names = {path.name for path in tmp_path.iterdir()}
    assert not names & {"out.jsonl", "log.jsonl", "h", "l"}
