"""JSON as people and programs really write it, and an oracle that shares no code with synthgate."""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any

from hypothesis import strategies as st

MAX_DEPTH = 200
_WS = ("", "", "", " ", "  ", "\t", " \t ", "\r")
_CHARS = st.one_of(
    st.sampled_from('"\\/\b\f\n\r\t\x00\x1f\x7f\u0085\u2028\u2029\ufeff\uffff<é€😀{}[]:,'),
    st.characters(exclude_categories=("Cs",)),
)
_SHORT = dict(zip('"\\/\b\f\n\r\t', ["\\" + char for char in '"\\/bfnrt'], strict=True))
_PINNED = (
    "0", "-0", "1.0", "0.10", "1E5", "1e+2", "-0.0", "1e-400", "1.50", "9007199254740993.0",
    "3.14159265358979323846", "true", "false", "null", "12345678901234567890123",
    "18446744073709551616", "-9223372036854775809",
)  # fmt: skip
_KEYS = st.one_of(
    st.sampled_from(["a", "input", "output", "", "é", "id", "_", "_synthgat", "__synthgate"]),
    st.text(_CHARS, max_size=4),
).filter(lambda key: key not in ("_synthgate", "_reject"))


class Token(str):
    """A number or a constant as it is spelt, not a string."""


def _tokens() -> st.SearchStrategy[Token]:
    pattern = r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?"
    spelt = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
    return st.one_of(st.sampled_from(_PINNED), st.integers().map(str), spelt).map(Token)


def values() -> st.SearchStrategy[Any]:
    """Any JSON value as strings, tokens, lists and dicts; a nested `_synthgate` is one more key."""
    leaves = st.one_of(st.text(_CHARS, max_size=6), _tokens())
    nested_keys = st.one_of(_KEYS, st.just("_synthgate"))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(nested_keys, inner, max_size=3)
        ),
        max_leaves=6,
    )


def spell(value: Any, rng: random.Random) -> str:
    """Write a value in one of the many ways that JSON allows: white space, escapes, numbers."""
    if isinstance(value, Token):
        return value
    if isinstance(value, str):
        return '"' + "".join(rng.choice(_spellings(char)) for char in value) + '"'
    if isinstance(value, list):
        return "[" + (",".join(_padded(each, rng) for each in value) or rng.choice(_WS)) + "]"
    return "{" + (",".join(members(value, rng)) or rng.choice(_WS)) + "}"


def members(value: dict[str, Any], rng: random.Random) -> list[str]:
    """Write the members of an object, with odd white space around every token."""
    return [_padded(key, rng) + ":" + _padded(each, rng) for key, each in value.items()]


def _padded(value: Any, rng: random.Random) -> str:
    return rng.choice(_WS) + spell(value, rng) + rng.choice(_WS)


def _spellings(char: str) -> list[str]:
    units = char.encode("utf-16-be")
    escaped = "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    found = [escaped, escaped.upper().replace("U", "u")]
    if char in _SHORT:
        found.append(_SHORT[char])
    if char not in '"\\' and char >= " ":
        found += [char] * 4
    return found


def tops() -> st.SearchStrategy[dict[str, Any]]:
    """The value of a row: an object without our keys at its top."""
    return st.dictionaries(_KEYS, values(), max_size=4)


def seeds() -> st.SearchStrategy[random.Random]:
    """What decides about spelling."""
    return st.integers(0, 2**32).map(random.Random)


@st.composite
def objects(draw: Any) -> bytes:
    """One JSON object on one line without our keys at its top, as bytes."""
    rng = draw(seeds())
    return (rng.choice(_WS[:5]) + spell(draw(tops()), rng)).encode()


@st.composite
def plain_rows(draw: Any) -> bytes:
    """A row of a shape that is recognised, with hostile text in it."""
    texts = {
        "input": draw(st.text(_CHARS, max_size=6)),
        "output": draw(st.text(_CHARS, max_size=6)),
    }
    others = draw(st.dictionaries(_KEYS, values(), max_size=2))
    return spell({**others, **texts}, draw(seeds())).encode()


@st.composite
def damaged(draw: Any) -> bytes:
    """Bytes that are nearly JSON: a valid object with a few bytes cut, doubled or replaced."""
    text = bytearray(draw(objects()))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 3)))
        text[at:end] = draw(st.one_of(st.sampled_from(_SHARDS), st.binary(max_size=2)))
    return bytes(text).replace(b"\n", b" ")


_SHARDS = [
    b"", b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud800", b"\xff", b"\xc3",
    b"\xed\xa0\x80", b"NaN", b"-Infinity", b"1e400", b"0", b"-", b".", b"e", b"\x00", b"\t",
    b"\xef\xbb\xbf", b'"a":1,"a":2', b"null", b"//", b"'", b"9" * 400,
]  # fmt: skip


class Refused(Exception):
    """The oracle says that this is no row."""


def oracle(raw: bytes) -> dict[str, Any]:
    """Read one line as the contract says, with Python's own parser and every rule spelt out."""
    try:
        value = json.loads(
            raw.decode("utf-8", "strict"),
            object_pairs_hook=_distinct,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error
    if not isinstance(value, dict):
        raise Refused("not an object")
    _look(value, 1)
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("duplicate key")
    return found


def _no_constant(name: str) -> Any:
    raise Refused(name)


def _finite(text: str) -> float:
    if math.isinf(float(text)):
        raise Refused("too large")
    return float(text)


def _whole(text: str) -> int:
    _finite(text)
    return int(text)


def _look(value: Any, depth: int) -> None:
    if isinstance(value, str):
        try:
            value.encode("utf-8", "strict")
        except UnicodeEncodeError as error:
            raise Refused("lone surrogate") from error
    if isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise Refused("too deep")
        for item in [*value, *value.values()] if isinstance(value, dict) else value:
            _look(item, depth + 1)
