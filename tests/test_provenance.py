"""The `_synthgate` key: spliced on, read back, and never at the cost of a byte of the row."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from synthgate.errors import BadLine
from synthgate.provenance import Stamp, attach, child, emit, read, run_hash, splice
from synthgate.rows import Provenance, Row
from tests.strategies import Refused, damaged, members, objects, oracle, seeds, spell, tops

# The contract, written down a second time: these keys, in this order, of these types.
FIELDS = {
    "id": str, "source": str, "synthetic": bool, "generator": str, "prompt": str, "parents": str,
    "generation": int, "run": str, "cluster": str, "verified_by": str, "confidence": float,
    "needs": str, "override": str,
}  # fmt: skip
STAMP = Stamp(source="s", run="r")


def fresh(raw: bytes, stamp: Stamp = STAMP) -> Row:
    """Read a line as the first line of `f.jsonl`."""
    return read(raw, "f.jsonl", 1, stamp.provenance)


def stamped(raw: bytes) -> Row:
    """A row that has been through every stage."""
    return fresh(raw).marked(
        cluster="c1", verified_by='answer \\u005f "é"', confidence=0.25, generation=1
    )


def ours(row: Row) -> dict[str, Any]:
    """The row's `_synthgate` object as another program reads it."""
    found = oracle(emit(row))["_synthgate"]
    assert isinstance(found, dict)
    return found


@given(objects())
@example(b"{}")
@example(b"{ }")
@settings(max_examples=300)
def test_a_row_keeps_its_bytes_through_splice_and_read(raw: bytes) -> None:
    """Stamping adds one last key and changes no other byte; reading gives all of them back."""
    row = stamped(raw)
    line = emit(row)
    assert row.payload == raw
    assert row.id == hashlib.sha256(raw).hexdigest()
    assert line.startswith(raw[:-1]) and line.endswith(b"}")
    value = oracle(line)
    assert list(value)[-1] == "_synthgate"
    assert json.dumps({**oracle(raw), "_synthgate": ours(row)}) == json.dumps(value)
    again = read(line, "f.jsonl", 1, _never)
    assert again == _as_read(row, line)
    assert emit(again) == again.raw == line


def _as_read(row: Row, line: bytes) -> Row:
    return Row(row.file, row.line, row.payload, row.value, row.provenance, False, line)


def _never(raw: bytes, value: Any, file: str) -> Provenance:
    raise AssertionError("a row that carries provenance must not be stamped")


@given(objects())
def test_the_spliced_keys_and_types_are_the_same_in_every_row(raw: bytes) -> None:
    """Real or synthetic, fresh or verified: the same keys with the same scalar types."""
    for row in (
        fresh(raw),
        stamped(raw),
        fresh(raw, Stamp(real=True)),
        stamped(raw).marked(needs="human"),
    ):
        assert {key: type(value) for key, value in ours(row).items()} == FIELDS


@given(tops(), seeds(), st.integers(0, 5), st.booleans(), st.booleans())
@settings(max_examples=300)
def test_our_key_is_cut_out_wherever_it_stands(
    top: dict[str, Any], rng: random.Random, place: int, odd: bool, rejected: bool
) -> None:
    """First, in the middle or last, however it is spelt: what remains is the row, byte for byte."""
    parts = members(top, rng)
    payload = "{" + ",".join(parts) + "}"
    row = stamped(payload.encode())
    value = json.dumps(ours(row))
    key = '"\\u005f\\u0073ynthgate"' if odd else '"_synthgate"'
    place = min(place, len(parts))
    assume(place > 0 or not parts or parts[0][0] not in " \t\r")
    placed = [*parts[:place], f"{key}:{value}", *parts[place:]]
    if rejected:
        placed.append('"_reject":{"line":1,"reason":"exact"}')
    again = fresh(("{" + ",".join(placed) + "}").encode())
    assert again.payload == payload.encode()
    assert again.provenance == row.provenance
    assert not again.edited


@given(tops(), st.sampled_from([None, (",", ":")]), st.booleans(), st.integers(0, 4))
@settings(max_examples=300)
def test_a_row_survives_a_tool_that_writes_it_again(
    top: dict[str, Any], separators: Any, ascii_only: bool, place: int
) -> None:
    """A row that `json.dumps` or `jq -c` writes back the way it came keeps its id and verdicts."""

    def dump(value: Any) -> str:
        return json.dumps(value, ensure_ascii=ascii_only, separators=separators)

    value = json.loads(spell(top, random.Random(0)))
    row = stamped(dump(value).encode())
    items = [(key, each) for key, each in json.loads(emit(row)).items() if key != "_synthgate"]
    items.insert(place, ("_synthgate", ours(row)))
    again = fresh(dump(dict(items)).encode())
    assert again.payload == row.payload
    assert again.provenance == row.provenance


@given(objects(), objects())
@settings(max_examples=200)
def test_an_edited_row_is_a_child_that_nothing_verifies(before: bytes, after: bytes) -> None:
    """A verdict holds for the bytes it was given on: other bytes are another, unverified row."""
    assume(before != after)
    old = stamped(before).marked(parents="p1", needs="human", override="why")
    row = fresh(splice(after, old.provenance))
    assert row.edited
    assert row.payload == after
    assert row.id == hashlib.sha256(after).hexdigest()
    shown = row.provenance
    assert (shown.verified_by, shown.confidence, shown.cluster) == ("", 0.0, "")
    assert shown.parents == f"p1 {old.id}"
    assert (shown.needs, shown.override, shown.generation) == ("human", "why", 1)
    assert not fresh(emit(row)).edited


@given(objects())
def test_a_reject_can_be_fed_again(raw: bytes) -> None:
    """A dropped row without its `_reject` is the row that was dropped."""
    row = stamped(raw)
    why = {
        "file": "x",
        "line": 3,
        "stage": "dedupe",
        "reason": "exact",
        "detail": '}"',
        "survivor": "",
    }
    line = attach(emit(row), "_reject", json.dumps(why).encode())
    assert read(line, "f.jsonl", 1, _never) == _as_read(row, line)
    assume(row.value)  # an object with nothing but `_reject` is the record of a bad line
    unstamped = attach(raw, "_reject", json.dumps(why).encode())
    assert fresh(unstamped) == _as_read(fresh(raw), unstamped)


def test_the_record_of_a_bad_line_is_not_a_row() -> None:
    """What stands in the rejects for a line that was no row does not become a row by feeding it."""
    with pytest.raises(BadLine) as caught:
        fresh(b'{"_reject":{"line":1,"reason":"invalid_json","base64":"ew=="}}')
    assert caught.value.reason == "reject_record"


def _claim(**changed: Any) -> bytes:
    """A line that claims something; written as we write it, so that no short cut is missed."""
    row = stamped(b'{"a":1}')
    claimed = {**ours(row), **changed}
    return attach(b'{"a":1}', "_synthgate", json.dumps(claimed, separators=(",", ":")).encode())


FOREIGN = [
    b'{"_synthgate":null}',
    b'{"_synthgate":{}}',
    b'{"_synthgate":[]}',
    b'{"_synthgate":"0.1"}',
    b'{"a":1,"\\u005fsynthgate":{"id":"x"}}',
    b'{"a":1,"_synthgate":{"id":"x","extra":{}}}',
    _claim(extra=""),
    _claim(generation=True),
    _claim(generation=1.0),
    _claim(generation=-2),
    _claim(generation=2**31),
    _claim(synthetic=1),
    _claim(confidence="high"),
    _claim(confidence=True),
    _claim(confidence=1.5),
    _claim(confidence=-0.5),
    _claim(id="not a digest"),
    _claim(id="A" * 64),
    _claim(id="a" * 65),
    _claim(id="a" * 64 + "\n"),
]


@pytest.mark.parametrize("line", FOREIGN, ids=lambda each: repr(each)[-50:])
def test_a_key_of_ours_that_is_not_ours_is_refused(line: bytes) -> None:
    """A `_synthgate` that synthgate cannot have written is a bad line, not overwritten."""
    with pytest.raises(BadLine) as caught:
        fresh(line)
    assert caught.value.reason == "foreign_synthgate"


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_must_be_there_and_of_its_type(name: str) -> None:
    """No field may be missing, null or a list: varying shapes break what reads the rows later."""
    whole = ours(stamped(b'{"a":1}'))
    fewer = {key: value for key, value in whole.items() if key != name}
    for claimed in (fewer, {**whole, name: None}, {**whole, name: []}):
        with pytest.raises(BadLine):
            fresh(attach(b'{"a":1}', "_synthgate", json.dumps(claimed).encode()))


def test_a_whole_number_is_a_confidence() -> None:
    """Tools that know one kind of number write 0 for 0.0: that row is still ours, as a float."""
    row = fresh(_claim(confidence=1))
    assert type(row.provenance.confidence) is float
    assert not row.edited


@pytest.mark.parametrize("reject", [b"null", b"1", b"{}", b'{"reason":"x"}', b'"x"'])
def test_a_reject_key_that_is_not_ours_is_refused(reject: bytes) -> None:
    """A `_reject` that synthgate did not write would be lost without a word: it is refused."""
    with pytest.raises(BadLine) as caught:
        fresh(b'{"a":1,"_reject":' + reject + b"}")
    assert caught.value.reason == "reserved_key"


def test_two_spellings_of_our_key_are_one_key_twice() -> None:
    """The key counts however it is spelt, so two of them are a duplicate."""
    claimed = json.dumps(ours(stamped(b"{}"))).encode()
    with pytest.raises(BadLine) as caught:
        fresh(b'{"_synthgate":' + claimed + b',"\\u005fsynthgate":' + claimed + b"}")
    assert caught.value.reason == "duplicate_key"


@pytest.mark.parametrize("key", ["_synthgate", "\\u005fsynthgate"])
def test_our_key_cannot_be_hidden_in_the_payload(key: str) -> None:
    """Not even with the right id: a line that ends as we write it may hold our key only there."""
    hidden = b'{"%b":%b,"a":1}' % (key.encode(), json.dumps(ours(stamped(b"{}"))).encode())
    with pytest.raises(BadLine) as caught:
        fresh(splice(hidden, Provenance(hashlib.sha256(hidden).hexdigest())))
    assert caught.value.reason == "duplicate_key"


def test_a_reject_record_is_never_part_of_a_row() -> None:
    """`_reject` is taken off before the row gets its id, wherever it stands."""
    payload = b'{"a":1,"_reject":{"line":1,"reason":"exact"}}'
    row = fresh(splice(payload, Provenance(hashlib.sha256(payload).hexdigest())))
    assert row.payload == b'{"a":1}' and row.value == {"a": 1}
    assert row.edited


@given(damaged())
@settings(max_examples=400)
def test_damaged_lines_are_rows_or_bad_lines(raw: bytes) -> None:
    """Whatever stands on a line: it is a row with exactly these bytes, or a bad line."""
    try:
        oracle(raw)
    except Refused:
        with pytest.raises(BadLine):
            fresh(raw)
        return
    try:
        row = fresh(raw)
    except BadLine as error:
        assert error.reason in {"foreign_synthgate", "reserved_key", "reject_record"}
    else:
        assert row.payload == raw


class TestStamp:
    """What is declared about rows that carry no provenance."""

    def test_an_undeclared_row_is_synthetic_and_unknown(self) -> None:
        """Without a declaration a row counts as synthetic, from its file, of unknown depth."""
        shown = fresh(b"{}", Stamp()).provenance
        assert (shown.source, shown.synthetic, shown.generator, shown.generation) == (
            "f.jsonl", True, "", -1,
        )  # fmt: skip

    def test_stdin_has_a_name(self) -> None:
        """Rows from stdin are not from a file named `-`."""
        assert read(b"{}", "-", 1, Stamp().provenance).provenance.source == "stdin"

    def test_a_path_is_not_part_of_the_source(self) -> None:
        """The source is the file's name: folders differ between machines, names should not."""
        row = read(b"{}", "/data/x/f.jsonl", 1, Stamp().provenance)
        assert row.provenance.source == "f.jsonl"

    def test_only_a_declared_row_is_real(self) -> None:
        """Real is generation 0, made by nobody's generator, and never a default."""
        shown = fresh(b"{}", Stamp(real=True, generator="x", generation=4, source="n")).provenance
        assert (shown.synthetic, shown.generator, shown.generation, shown.source) == (
            False,
            "",
            0,
            "n",
        )

    def test_declared_synthetic_rows_say_what_was_declared(self) -> None:
        """Generator, generation, source and run of the declaration stand in the row."""
        shown = fresh(b"{}", Stamp("n", "", "m", 2, False, "r")).provenance
        assert (shown.source, shown.generator, shown.generation, shown.run) == ("n", "m", 2, "r")

    @pytest.mark.parametrize(
        ("raw", "source"),
        [(b'{"w":"web"}', "web"), (b'{"w":""}', "n"), (b'{"w":3}', "n"), (b"{}", "n")],
    )
    def test_a_field_can_name_the_source(self, raw: bytes, source: str) -> None:
        """A field names the source where it holds a text; elsewhere the declared name stands."""
        assert fresh(raw, Stamp("n", "w")).provenance.source == source


@pytest.mark.parametrize(
    ("parents", "trained_on", "expected"),
    [([], 0, 1), ([0], 0, 1), ([0, 2], 0, 3), ([0], 3, 4), ([-1, 2], 0, -1), ([0], -1, -1)],
)
def test_a_child_is_one_deeper_than_its_deepest_parent(
    parents: list[int], trained_on: int, expected: int
) -> None:
    """Generation is 1 + the largest of parents and training data; one unknown makes it unknown."""
    found = child([Provenance("x", generation=each) for each in parents], trained_on)
    assert found == expected


def test_the_run_depends_on_the_settings() -> None:
    """Two runs with other settings have other run fields; the same settings have the same."""
    assert run_hash("a") == run_hash("a") != run_hash("b")
