"""One line of JSON: what is a row, what is not, and what a row is called."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synthgate.errors import BadLine
from synthgate.rows import Provenance, Row, content_id, lot, parse
from tests.strategies import Refused, damaged, objects, oracle

HAZARDS = [
    (b'{"a":NaN}', "invalid_json"),
    (b'{"a":Infinity}', "invalid_json"),
    (b'{"a":-Infinity}', "invalid_json"),
    (b'{"a":"\\ud800"}', "invalid_json"),
    (b'{"a":"\\udc00\\ud800"}', "invalid_json"),
    (b'{"\\ud800":1}', "invalid_json"),
    (b'{"a":"\xff"}', "invalid_utf8"),
    (b'{"a":"\xed\xa0\x80"}', "invalid_utf8"),
    (b'{"a":"\xc0\x80"}', "invalid_utf8"),
    (b'{"a":"\xf4\x90\x80\x80"}', "invalid_utf8"),
    (b'{"\xff":1}', "invalid_utf8"),
    (b'{"a":1,"a":2}', "duplicate_key"),
    (b'{"a":1,"\\u0061":2}', "duplicate_key"),
    (b'{"a" :1,"b":{"c":[{"d":1,"d" :1}]}}', "duplicate_key"),
    (b'{"a":1e400}', "number_too_large"),
    (b'{"a":[{"b":-1e400}]}', "number_too_large"),
    (b'{"a":' + b"9" * 400 + b"}", "number_too_large"),
    (b'{"a":-' + b"9" * 400 + b"}", "number_too_large"),
    (b'{"a":' + b"9" * 5000 + b"}", "number_too_large"),
    (b'{"a":1.7976931348623159e308}', "number_too_large"),
    (b'{"a":' * 201 + b"1" + b"}" * 201, "too_deep"),
    (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "too_deep"),
    (b'{"a":' * 200 + b"{}" + b"}" * 200, "too_deep"),
    (b'{"a":' + b"[" * 200_000, "too_deep"),
    (b"[]", "not_an_object"),
    (b"null", "not_an_object"),
    (b'"text"', "not_an_object"),
    (b"1", "not_an_object"),
    (b"", "invalid_json"),
    (b"\xef\xbb\xbf{}", "invalid_json"),
    (b"{}{}", "invalid_json"),
    (b"{} x", "invalid_json"),
    (b'{"a":1,}', "invalid_json"),
    (b'{"a":1}//', "invalid_json"),
    (b"{'a':1}", "invalid_json"),
    (b'{"a":"\t"}', "invalid_json"),
    (b'{"a":"\x00"}', "invalid_json"),
    (b'{"a":01}', "invalid_json"),
    (b'{"a":"\\x41"}', "invalid_json"),
    (b"\x0c{}", "invalid_json"),
]
KEPT = [
    b"{}",
    b" { } ",
    b'{"a":12345678901234567890123}',
    b'{"a":' + b"9" * 308 + b"}",
    b'{"a":1.7976931348623157e308}',
    b'{"a":1e-400}',
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"a":' + b"[" * 199 + b"]" * 199 + b"}",
    b'{"a":"\\u0000\\u2028\xe2\x80\xa8\xc2\x85\x7f\xef\xbf\xbf"}',
    b'{"\\ud83d\\ude00":"\\ud83d\\ude00"}',
    '{"é":1,"e\u0301":2}'.encode(),
]


def verdict(raw: bytes) -> object:
    """What synthgate says of a line."""
    try:
        return parse(raw)
    except BadLine as error:
        assert error.reason
        assert "\n" not in error.detail
        assert 0 <= error.column <= len(raw) + 1
        return Refused


def expected(raw: bytes) -> object:
    """What the oracle says of a line."""
    try:
        return oracle(raw)
    except Refused:
        return Refused


@given(objects())
@settings(max_examples=300)
def test_every_valid_object_is_read(raw: bytes) -> None:
    """A valid object is a row, and its value is what Python's own parser reads."""
    assert json.dumps(verdict(raw)) == json.dumps(expected(raw))


@given(st.one_of(damaged(), st.binary(max_size=40)))
@example(b'{"a":1e400}')
@settings(max_examples=800)
def test_parse_accepts_exactly_what_the_strict_oracle_accepts(raw: bytes) -> None:
    """What is nearly JSON is refused or read as a strict parser does; nothing else is raised."""
    assert repr(verdict(raw)) == repr(expected(raw))


@pytest.mark.parametrize(("raw", "reason"), HAZARDS, ids=lambda each: repr(each)[:40])
def test_hazards_are_refused_with_their_reason(raw: bytes, reason: str) -> None:
    """Each known hazard is refused, with the reason that a user can count."""
    assert expected(raw) is Refused
    with pytest.raises(BadLine) as caught:
        parse(raw)
    assert caught.value.reason == reason


@pytest.mark.parametrize("raw", KEPT, ids=lambda each: repr(each)[:40])
def test_odd_but_valid_lines_are_rows(raw: bytes) -> None:
    """What looks odd and is valid JSON is never refused."""
    assert repr(parse(raw)) == repr(oracle(raw))


def test_a_column_counts_bytes_from_one() -> None:
    """The column of an error is where an editor that counts bytes puts the cursor."""
    text = '{"é":"é","x":"'.encode()
    with pytest.raises(BadLine) as caught:
        parse(text + b'\xff"}')
    assert caught.value.column == len(text) + 1
    with pytest.raises(BadLine) as caught:
        parse('{"é":"é",x}'.encode())
    assert caught.value.column == len('{"é":"é",x'.encode())


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a":[1,NaN]}', "NaN is no JSON number"),
        (b'{"a":-Infinity}', "Infinity is no JSON number"),
        (b'{"a":"\\ud800"}', "a lone surrogate"),
        (b'{"a":"\\udc00x"}', "a lone surrogate"),
        (b'{"a":"\\u00"}', "invalid escape"),
        (b'\xef\xbb\xbf{"a":1}', "a byte order mark"),
        (b'{"a":nul}', "expected ident"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(raw: bytes, words: str) -> None:
    """What people meet in real files is named as they call it."""
    with pytest.raises(BadLine) as caught:
        parse(raw)
    assert caught.value.detail.startswith(f"invalid JSON: {words}")


def test_an_error_names_file_line_and_column() -> None:
    """A bad line reads `file:line:column: reason`, without a column where all of it is bad."""
    assert str(BadLine("r", "why", 7).at("raw.jsonl", 3)) == "raw.jsonl:3:7: why"
    assert str(BadLine("r", "why").at("raw.jsonl", 3)) == "raw.jsonl:3: why"


@given(st.binary(max_size=50))
def test_the_id_is_the_sha256_of_the_bytes(payload: bytes) -> None:
    """A row is named by its bytes, in a way that any other tool can compute."""
    assert content_id(payload) == hashlib.sha256(payload).hexdigest()


def test_lots_do_not_change_between_versions() -> None:
    """A lot is part of the contract: the same seed and id draw the same in every version."""
    by_hand = hashlib.blake2b(b"7\nabc", digest_size=8).digest()
    assert lot(7, "abc") == lot("7", "abc") == int.from_bytes(by_hand, "big")
    assert lot(7, "abc") != lot(8, "abc") != lot(8, "abd")


def test_lots_are_evenly_spread() -> None:
    """Lots fill their 64 bits evenly, so that a share of the rows can be drawn by comparing."""
    top = Counter(lot(0, str(number)) >> 60 for number in range(16_000))
    assert set(top) == set(range(16))
    assert max(top.values()) < 1200 and min(top.values()) > 800


def test_a_marked_row_keeps_everything_else() -> None:
    """Marking a row changes the named provenance fields of a copy and nothing else."""
    row = Row("f", 3, b"{}", {}, Provenance("x", "s"), edited=True)
    marked = row.marked(cluster="c")
    assert marked == Row("f", 3, b"{}", {}, Provenance("x", "s", cluster="c"), edited=True)
    assert row.provenance.cluster == ""
