"""The shapes of training data: found by their keys, read through views, never reshaped."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import InputError, UsageError
from synthgate.formats import PROMPTS, SHAPES, by_fields, detect, dig, field, named, text_of
from synthgate.rows import Provenance, Row
from tests.conftest import synthgate, write_rows

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SHARED = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]

# (row, shape, prompt text, response text): what each view must show, written down by hand.
EXAMPLES: list[tuple[dict[str, Any], str, str | None, str | None]] = [
    ({"input": "q", "output": "a"}, "input/output", "q", "a"),
    ({"instruction": "i", "input": "c", "output": "a"}, "alpaca", "i\n\nc", "a"),
    ({"instruction": "i", "input": "", "output": "a"}, "alpaca", "i", "a"),
    ({"instruction": "i", "output": "a"}, "alpaca", "i", "a"),
    ({"messages": TURNS}, "messages", "q", "a"),
    ({"messages": TURNS, "tools": []}, "messages", "q", "a"),
    ({"messages": [{"role": "system", "content": "s"}, *TURNS]}, "messages", "s\n\nq", "a"),
    ({"messages": [*TURNS, {"role": "user", "content": "q2"}]}, "messages", "q\n\na\n\nq2", None),
    ({"messages": TURNS[:1]}, "messages", "q", None),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "part"}]}, TURNS[1]]},
        "messages", "part", "a",
    ),
    ({"prompt": "q", "completion": "a"}, "prompt/completion", "q", "a"),
    ({"prompt": "q", "output": "a"}, "prompt/output", "q", "a"),
    ({"prompt": TURNS[:1], "completion": TURNS[1:]}, "prompt/completion", "q", "a"),
    ({"prompt": "q", "chosen": "a", "rejected": "b"}, "prompt/chosen/rejected", "q", "a"),
    ({"prompt": "q", "chosen": TURNS[1:], "rejected": []}, "prompt/chosen/rejected", "q", "a"),
    ({"text": "t"}, "text", None, "t"),
    ({"conversations": SHARED}, "sharegpt", "q", "a"),
    ({"conversations": SHARED[:1]}, "sharegpt", "q", None),
    ({"conversations": SHARED, "chosen": {}, "rejected": {}}, "sharegpt", "q", "a"),
]  # fmt: skip

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "text", "0", "a", ""]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)
KEYS = sorted({key for shape in (*SHAPES, *PROMPTS) for key in shape.keys} | {"input", "a"})


def row(value: Any, line: int = 1) -> Row:
    return Row("f.jsonl", line, b"", value, Provenance("x"))


@pytest.mark.parametrize(
    ("value", "name", "prompt", "response"), EXAMPLES, ids=lambda e: str(e)[:40]
)
def test_each_shape_is_found_and_read(
    value: Any, name: str, prompt: str | None, response: str | None
) -> None:
    """A row is known by its keys, and its views show the prompt and the response."""
    shape, count = detect([row(value)])
    assert (shape.name, count) == (name, 1)
    assert (shape.prompt(value), shape.response(value)) == (prompt, response)


@pytest.mark.parametrize(
    ("value", "name", "prompt", "response"), EXAMPLES, ids=lambda e: str(e)[:40]
)
def test_another_response_is_a_copy(
    value: Any, name: str, prompt: str | None, response: str | None
) -> None:
    """A canary's answer is put into a copy: the row itself is never reshaped."""
    before = copy.deepcopy(value)
    shape = named(name)
    other = shape.with_response(value, "other")
    assert value == before
    if response is not None:
        assert shape.response(other) == "other"
        assert shape.prompt(other) == prompt


@given(st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5))
@settings(max_examples=400)
def test_views_never_fail(value: Any) -> None:
    """Whatever stands in a row's fields: a text, or none; never an error, never another type."""
    for shape in (*SHAPES, *PROMPTS):
        for text in (shape.prompt(value), shape.response(value)):
            assert text is None or type(text) is str
        assert type(shape.with_response(value, "x")) is dict


@given(
    JSON, st.lists(st.sampled_from(["a", "0", "1", "-1", "٣", "", "role", "9" * 30]), min_size=1)
)
def test_digging_never_fails(value: Any, names: list[str]) -> None:
    """A dotted path leads to what is there, or to nothing."""
    dig(value, ".".join(names))


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": {"b": [1, {"c": "x"}]}}, "a.b.1.c", "x"),
        ({"a.b": "plain", "a": {"b": "deep"}}, "a.b", "plain"),
        ({"a": {"b": "x"}}, "a.c", None),
        ({"a": [1]}, "a.1", None),
        ({"a": "text"}, "a.0", None),
        ({}, "a", None),
    ],
)
def test_a_dotted_path_leads_into_a_row(value: Any, path: str, found: Any) -> None:
    """Objects by key, lists by number; a key that holds the dots itself comes first."""
    assert dig(value, path) == found
    assert field(path)(value) == (found if isinstance(found, str) else None)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("x", "x"),
        (["x", "y"], "x\ny"),
        ([{"text": "x"}, {"type": "image"}, {"content": "y"}], "x\ny"),
        ([], None),
        ([1, None], None),
        ({"text": "x"}, None),
        (3, None),
        (None, None),
        ("", ""),
    ],
)
def test_the_text_of_a_content(content: Any, text: str | None) -> None:
    """A string, a list of messages or of parts has a text; nothing else does."""
    assert text_of(content) == text


def test_two_shapes_are_not_guessed_between() -> None:
    """Rows that do not agree end with both candidates named, and nothing is read."""
    with pytest.raises(UsageError, match=r"text \(1\), messages \(1\).*--format"):
        detect([row({"text": "x"}), row({"messages": TURNS})])


def test_rows_without_a_shape_do_not_vote() -> None:
    """One odd row among many does not stop a run; it is rejected when its turn comes."""
    shape, count = detect([row({"a": 1}), row({"text": "x"}), row({"text": "y"})])
    assert (shape.name, count) == ("text", 2)


def test_no_shape_at_all_is_an_input_error() -> None:
    """When no row is known, the message shows the keys and the options that help."""
    with pytest.raises(InputError, match=r"f.jsonl:7: .*foo, bar.*--prompt-field"):
        detect([row({"foo": 1, "bar": 2}, line=7)])


def test_an_unknown_format_lists_the_known_ones() -> None:
    """A wrong `--format` names every right one."""
    with pytest.raises(UsageError) as caught:
        named("alpacca")
    assert all(shape.name in str(caught.value) for shape in SHAPES)


def test_named_fields_win_over_the_detected_shape() -> None:
    """`--prompt-field` and `--response-field` replace one view each, the other stays."""
    value = {"input": "q", "output": "a", "meta": {"question": "real q"}}
    shape = by_fields(named("input/output"), "meta.question", None)
    assert (shape.prompt(value), shape.response(value)) == ("real q", "a")
    alone = by_fields(None, "meta.question", "output")
    assert (alone.prompt(value), alone.response(value)) == ("real q", "a")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "format: input/output (auto; 2/2 rows)"),
        (["--format", "input/output"], "format: input/output (named; 2/2 rows)"),
        (["--response-field", "other"], "format: fields (auto; 2/2 rows)"),
        (["--response-field", "once"], "format: fields (auto; 1/2 rows)"),
        (["--prompt-field", "input", "--response-field", "once"], "fields (named; 1/2 rows)"),
        (["--format", "alpaca"], "format: alpaca (named; 0/2 rows)"),
    ],
)
def test_what_was_detected_is_said_and_recorded(tmp_path: Any, argv: list[str], said: str) -> None:
    """One line on stderr and one note in the manifest say how the rows are read."""
    rows = [
        {"input": "q", "output": "a", "other": "o"},
        {"input": "r", "output": "b", "other": "p", "once": "s"},
    ]
    write_rows(tmp_path / "in.jsonl", rows)
    done = synthgate("dedupe", "in.jsonl", "--summary", "s.json", *argv, cwd=tmp_path)
    assert f"{said}\n" in done.err
    (noted,) = json.loads((tmp_path / "s.json").read_bytes())["notes"]
    assert f"dedupe: {noted}\n" in done.err and noted.endswith(said)


def test_the_format_is_that_of_the_first_hundred_rows(tmp_path: Any) -> None:
    """Detection looks at 100 rows; a later stranger is a reject, not another format."""
    rows = [{"text": f"row {number}"} for number in range(100)] + [{"input": "q", "output": "a"}]
    done = synthgate("dedupe", write_rows(tmp_path / "in.jsonl", rows), "-o", tmp_path / "o.jsonl")
    assert done.code == 0
    assert "(auto; 100/100 rows)" in done.err and "invalid:no_text_field 1" in done.err


@pytest.mark.parametrize("option", ["--prompt-field", "--response-field"])
def test_a_named_field_that_no_row_has_is_an_error(tmp_path: Path, option: str) -> None:
    """A field that was mistyped ends with 4 and its name, whatever else the rows hold."""
    source = write_rows(tmp_path / "in.jsonl", [{"input": "a", "output": "b"}])
    done = synthgate("dedupe", source, option, "outptu")
    assert done.code == 4
    assert "no row has text in 'outptu'" in done.err


@pytest.mark.parametrize("flags", [("--generator", "m"), ("--generation", "1")])
def test_people_are_no_generator(tmp_path: Path, flags: tuple[str, str]) -> None:
    """`--real` beside what says that a model wrote the rows contradicts itself: 2."""
    rows = write_rows(tmp_path / "in.jsonl", [{"text": "a"}])
    done = synthgate("dedupe", rows, "--real", *flags)
    assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1) and "--real" in done.err
