"""Values that cross between a candidate and its tests: nothing but plain data comes out."""

from __future__ import annotations

import json
import math
import socket
from collections import Counter, OrderedDict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.sandbox.inside.same import same
from synthgate.sandbox.inside.values import (
    MAX_DEPTH,
    MAX_FRAME,
    BadFrame,
    Unencodable,
    decode,
    encode,
    pack,
    receive,
    unpack,
)

KEYS = st.one_of(st.integers(), st.text(), st.booleans(), st.none(), st.floats(allow_nan=False))
LEAVES = st.one_of(
    KEYS,
    st.binary(),
    st.binary().map(bytearray),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.integers(-9, 9).map(lambda n: range(n, n + 5, 2)),
    st.frozensets(KEYS),
    st.sets(KEYS),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.lists(inner).map(deque),
        st.dictionaries(KEYS, inner),
    ),
    max_leaves=20,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.sampled_from([*"ifdtsznqbycrxm", "ab", ""]), inner)
    ),
    max_leaves=20,
)
PLAIN = (
    type(None), bool, int, float, str, list, tuple, dict, set, frozenset, bytes, bytearray, complex,
    range, deque, Fraction, Decimal, type(iter([])),
)  # fmt: skip


def _types(value: Any) -> set[type]:
    found = {type(value)}
    if isinstance(value, dict):
        for key, held in value.items():
            found |= _types(key) | _types(held)
    elif isinstance(value, list | tuple | set | frozenset | deque):
        for held in value:
            found |= _types(held)
    return found


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    """What crosses has the same type and the same value on the other side."""
    back = unpack(decode(encode(pack(value))[4:]))
    assert back == value
    assert repr(type(back)) == repr(type(value))


@given(JSON)
def test_whatever_is_sent_only_plain_values_come_out(shown: Any) -> None:
    """Hostile JSON becomes a plain value or a refusal, never another type or another error."""
    try:
        back = unpack(decode(json.dumps(shown).encode()))
    except BadFrame:
        return
    assert _types(back) <= set(PLAIN)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"nul", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000,
        b'{"t":1}', b'{"t":[],"s":[]}', b'{"i":5}', b'{"i":"zz"}', b'{"f":"1.0"}', b'{"d":[[1]]}',
        b'{"d":5}', b'{"s":[[1]]}', b'{"r":[1,2,0]}', b'{"x":[1,0]}', b'{"m":"one"}', b'{"b":"g"}',
        b'{"__reduce__":[]}', b'{"c":[1]}', b"[" * 60 + b"]" * 60,
    ],
)  # fmt: skip
def test_a_frame_that_is_no_value_is_refused(data: bytes) -> None:
    """Anything that `pack` never makes is a bad frame."""
    with pytest.raises(BadFrame):
        unpack(decode(data))


def test_frames_have_a_limit() -> None:
    """A frame that says it is longer than a mebibyte is refused before it is read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall((MAX_FRAME + 1).to_bytes(4, "big"))
        with pytest.raises(BadFrame):
            receive(ours)
        with pytest.raises(Unencodable):
            encode("x" * MAX_FRAME)


class _Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize("value", [_Liar(3), object(), print, lambda: 1, type, math])
def test_what_is_no_plain_data_does_not_cross(value: Any) -> None:
    """An object of any other type cannot be sent at all."""
    with pytest.raises(Unencodable):
        pack(value)


def test_nesting_has_a_limit() -> None:
    """A value that holds itself, or is nested deeper than the limit, does not cross."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(Unencodable):
        pack(loop)
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert unpack(pack(deep)) == deep
    with pytest.raises(Unencodable):
        pack([deep])


def test_relatives_of_dicts_and_tuples_cross_as_what_they_hold() -> None:
    """Counters, ordered dicts and named tuples become the plain type that equals them."""
    pair = namedtuple("pair", "a b")
    for value in (Counter("aab"), OrderedDict(a=1), pair(1, 2)):
        back = unpack(pack(value))
        assert back == value
        assert type(back) in (dict, tuple)
    assert list(unpack(pack(x * 2 for x in range(3)))) == [0, 2, 4]
    assert list(unpack(pack({"a": 1}.keys()))) == ["a"]


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        (1, 1, True), (1, 1.0, True), (1, 2, False), (True, 1, False), (1, True, False),
        (True, True, True), (None, None, True), (None, 0, False), (0, None, False),
        (0.1 + 0.2, 0.3, True), (0.3001, 0.3, False), (1e12 + 500, 10**12, False), (5.0, 5, True),
        (0.0, 2e-13, False), (1e-17, 0.0, True), (2, 2.0000000001, False),
        (10**400, 1.0, False), ("1", 1, False),
        ((1, 2), [1, 2], True), ({2, 1}, [1, 2], False), ({1}, [1, 2], False),
        ("ab", ["a", "b"], False),
        ([1, [2]], [1, [2]], True), ([1], [1, 2], False), ({"a": 1}, {"a": 1}, True),
        ({1: 2}, {"1": 2}, True), ({1: 2, "1": 3}, {"1": 2}, False), ({}, [], False),
        ([], {}, False),
        (range(3), [0, 1, 2], False), (float("inf"), 1e308, False), ("x", "x", True),
        (b"x", "x", False),
    ],
)  # fmt: skip
def test_an_answer_is_compared_as_json_can_write_it(
    answer: Any, expected: Any, equal: bool
) -> None:
    """Tuples equal lists, whole floats integers; sets, booleans and texts only their like."""
    assert same(answer, expected) is equal
