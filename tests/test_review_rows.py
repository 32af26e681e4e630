"""What reviewers see of a row, and the rows that they write instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import InputError, Stale
from synthgate.formats import SHAPES, named
from synthgate.provenance import Stamp, read, replace, taken_apart
from synthgate.review.edits import (
    as_json,
    as_text,
    edited_rows,
    edits_in,
    from_json,
    with_response,
)
from synthgate.review.items import parts, read_sample, waiting
from synthgate.review.state import Mark
from synthgate.rows import Row, content_id
from synthgate.sample import read_plan
from synthgate.text import printable, shown
from tests.conftest import read_rows, synthgate, write_rows
from tests.hostile import HOSTILE
from tests.reviewing import drawn

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
leaves = st.none() | st.booleans() | st.integers() | texts
values = st.dictionaries(
    texts.filter(lambda key: not key.startswith("_")),
    st.recursive(leaves, lambda each: st.lists(each) | st.dictionaries(texts, each), max_leaves=9),
    min_size=1,
    max_size=4,
)


def row_of(payload: bytes) -> Row:
    return read(payload, "rows.jsonl", 1, Stamp(generation=1, generator="m").provenance)


@settings(max_examples=40)
@given(values, st.booleans())
def test_json_is_edited_without_changing_a_token(value: dict[str, Any], plain: bool) -> None:
    """Indented for the editor and put on one line again, a row has the same tokens in order."""
    payload = json.dumps(value, ensure_ascii=plain).encode()
    there = as_json(payload)
    assert json.loads(there) == value
    compact = json.dumps(value, ensure_ascii=plain, separators=(",", ":")).encode()
    assert from_json(there) == compact == from_json(payload.decode())


def test_numbers_and_escapes_survive_an_edit() -> None:
    """`1.0`, `0.10`, numbers of 23 digits and escapes stay as they were spelt."""
    payload = b'{"a":1.0,"b":0.10,"c":12345678901234567890123,"d":"\\u00e9\\/","e":{},"f":[ ]}'
    text = as_json(payload)
    assert text.splitlines()[1:4] == [
        '  "a": 1.0,',
        '  "b": 0.10,',
        '  "c": 12345678901234567890123,',
    ]
    assert from_json(text) == payload.replace(b"[ ]", b"[]")
    assert replace(payload, {"b": b'"x"'}) == payload.replace(b"0.10", b'"x"')


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "{", '{"a":1,"a":2}', '{"_synthgate":{}}', '{"a":NaN}', '"x"', "\ud800"],
)
def test_an_edit_that_is_no_row_is_refused(text: str) -> None:
    """What the reader would refuse, an editor may not bring in."""
    with pytest.raises(InputError, match="not a row"):
        from_json(text)


ROWS = {
    "input/output": {"input": "q", "output": "old", "n": 0.10},
    "alpaca": {"instruction": "q", "input": "", "output": "old"},
    "prompt/completion": {"prompt": "q", "completion": "old"},
    "prompt/chosen/rejected": {"prompt": "q", "chosen": "old", "rejected": "old"},
    "text": {"text": "old"},
    "messages": {
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "old"}]
    },
    "sharegpt": {
        "conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "old"}]
    },
}


@pytest.mark.parametrize("name", ROWS)
@given(text=texts)
def test_a_response_is_replaced_and_nothing_else(name: str, text: str) -> None:
    """Whatever the shape, the new row has the new response and every other byte of the old one."""
    payload = json.dumps({"first": 1.0, **ROWS[name], "last": [0.1]}).encode()
    row, shape = row_of(payload), named(name)
    assert as_text(row, shape) == "old"
    new = with_response(row, shape, text)
    assert shape.response(json.loads(new)) == text
    assert shape.prompt(json.loads(new)) == shape.prompt(row.value)
    assert with_response(row_of(new), shape, "old") == payload
    assert new.startswith(b'{"first": 1.0,') and new.endswith(b'"last": [0.1]}')


def test_a_response_of_several_texts_is_edited_as_json() -> None:
    """Parts that would be lost when one text took their place are not offered as a text."""
    row = row_of(b'{"input":"q","output":["a",{"text":"b"}]}')
    assert as_text(row, named("input/output")) is None
    assert as_text(row, None) is None
    with pytest.raises(InputError):
        with_response(row, named("input/output"), "x")


def test_an_edited_row_is_a_child_verified_by_nothing() -> None:
    """The new row names the old one as its parent, keeps its origin and loses its verdicts."""
    row = row_of(b'{"input":"q","output":"old"}').marked(verified_by="rule", confidence=0.9)
    marks = {row.id: [Mark("edit", response="new"), Mark("edit", response="new")]}
    (line,) = edited_rows([row, row], SHAPES[3], marks)
    new = json.loads(line)
    ours = new.pop("_synthgate")
    assert new == {"input": "q", "output": "new"}
    assert (ours["id"], ours["parents"]) == (content_id(b'{"input":"q","output":"new"}'), row.id)
    assert (ours["verified_by"], ours["confidence"], ours["cluster"]) == ("", 0.0, "")
    assert (ours["generation"], ours["generator"]) == (1, "m")


def test_only_the_last_word_of_each_person_is_an_edit() -> None:
    """An edit that was taken back makes no row; two people may write two."""
    said = [
        ("a", "ann", {"verdict": "edit", "response": "x"}),
        ("a", "ann", {"verdict": "fail"}),
        ("b", "ann", {"verdict": "edit", "response": "x"}),
        ("b", "bob", {"verdict": "edit", "row": '{"x":1}'}),
        ("c", "bob", {"verdict": "edit"}),
    ]
    found = edits_in([{"id": i, "reviewer": who, **more} for i, who, more in said])
    assert found == {"b": [Mark("edit", response="x"), Mark("edit", row='{"x":1}')]}


@settings(max_examples=40)
@given(values)
def test_every_text_of_a_row_is_shown(value: dict[str, Any]) -> None:
    """Nothing of a row is hidden from a reviewer: each value stands in some part, as it is."""
    found = parts(value)
    assert [part.name for part in found] == list(value)
    for part, content in zip(found, value.values(), strict=True):
        assert (
            part.text == content if isinstance(content, str) else json.loads(part.text) == content
        )


def test_a_chat_is_shown_by_its_turns() -> None:
    """Roles are names, contents texts; tool calls and other keys are not left out."""
    call = {"function": {"name": "f", "arguments": "{}"}}
    value = {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "r", "name": "f"},
            {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image"}]},
            "odd",
        ],
        "tools": [],
    }
    found = [(part.name, part.text) for part in parts(value)]
    assert found[0] == ("user", "hi") and found[-1] == ("tools", "[]")
    assert json.loads(found[1][1])["tool_calls"] == [call]
    assert found[2][1].startswith("r\n") and '"name": "f"' in found[2][1]
    assert '"image"' in found[3][1] and found[4] == ("", '"odd"')


@given(st.text())
def test_escapes_are_told_from_texts_that_spell_them(text: str) -> None:
    """The pieces of a line make up what `printable` shows; an escape is never part of the text."""
    pieces = list(shown(text))
    assert "".join(piece for piece, _ in pieces) == printable(text)
    plain = "".join(piece for piece, escape in pieces if not escape)
    assert plain == "".join(each for each in text if printable(each) == each)


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_hidden_is_left_in_what_is_shown(name: str) -> None:
    """No control, bidirectional or invisible character passes."""
    for piece, _ in shown(HOSTILE[name]):
        assert piece.isprintable() or not set(piece) & set("\x00\x1b\x9b\u202e\u200b\ufeff")
        assert printable(piece) == piece


# --- the sample -------------------------------------------------------------------------


def test_a_sample_is_the_plans_or_refused(tmp_path: Path) -> None:
    """Any order is read in the plan's; an edited, missing or foreign row ends with 6."""
    sample = drawn(tmp_path)
    plan = read_plan((tmp_path / "plan.json").read_text(), "plan.json")
    lines = (tmp_path / "sample.jsonl").read_bytes().splitlines()
    found = read_sample(b"\n".join(reversed(lines)) + b"\r\n", "s", plan)
    assert [row.id for row in found] == list(plan.sample)
    assert found[0].value == {key: each for key, each in sample[0].items() if key[0] != "_"}
    assert taken_apart(lines[0])[0] == found[0].payload
    for damage in (
        lines[1:],
        [*lines, b'{"input":"new","output":"x"}'],
        [lines[0].replace(b"What", b"Who"), *lines[1:]],
        [lines[0].replace(plan.plan.encode(), b"0" * 64), *lines[1:]],
    ):
        with pytest.raises(Stale, match=r"^s"):
            read_sample(b"\n".join(damage), "s", plan)
    with pytest.raises(InputError, match=r"^s:101"):
        read_sample(b"\n".join([*lines, b"{"]), "s", plan)


def test_rows_that_wait_for_a_person() -> None:
    """Rows that say `needs: human`, each once, and no others."""
    rows = [row_of(b'{"text":"%d"}' % (n % 5)) for n in range(10)]
    needing = [row.marked(needs="human") if n % 5 < 2 else row for n, row in enumerate(rows)]
    assert [row.value["text"] for row in waiting(needing)] == ["0", "1"]


def test_edits_go_through_verify_again(tmp_path: Path) -> None:
    """The whole way: a right answer is written for a wrong one, and `verify` looks at it anew."""
    rows = [{"input": f"{n}+1?", "output": str(n)} for n in range(3)]
    drawn(tmp_path, rows, "--max-n", "3", "--min-pass", "0.1", "--confidence", "0.55")
    sample = read_rows(tmp_path / "sample.jsonl")
    said = [
        {"id": row["_synthgate"]["id"], "verdict": "edit", "reviewer": "ann", "response": "right"}
        for row in sample
    ]
    write_rows(tmp_path / "said.jsonl", said)
    words = "audit import said.jsonl --plan plan.json -o log.jsonl"
    more = "--edits edits.jsonl --rows rows.jsonl"
    done = synthgate(*words.split(), *more.split(), cwd=tmp_path)
    assert (done.code, "edited rows: 3" in done.err) == (0, True)
    (tmp_path / "rule.json").write_text('[{"field":"output","equals":"right"}]')
    done = synthgate("verify", "edits.jsonl", "--check", "rule:rule.json", cwd=tmp_path)
    assert (done.code, len(done.rows)) == (0, 3)
    parents = {row["_synthgate"]["parents"] for row in done.rows}
    assert parents == {row["_synthgate"]["id"] for row in sample}
    words = "audit gate rows.jsonl --plan plan.json --labels log.jsonl"
    gate = synthgate(*words.split(), cwd=tmp_path)
    assert gate.code == 3 and gate.out == b""
