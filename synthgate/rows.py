"""A row and what can be decided about it.

The user's bytes are never rewritten. A `Row` carries the exact bytes of its JSON object
without synthgate's own key (`payload`), the parsed value, and its provenance.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from typing import Any

import jiter
import msgspec

from synthgate.errors import BadLine

OURS = "_synthgate"
REJECT = "_reject"
MAX_DEPTH = 200
Value = dict[str, Any]


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """The `_synthgate` object: the same keys with the same scalar types in every row."""

    id: str
    source: str = ""
    synthetic: bool = True
    generator: str = ""
    prompt: str = ""
    parents: str = ""
    generation: int = -1
    run: str = ""
    cluster: str = ""
    verified_by: str = ""
    confidence: float = 0.0
    needs: str = ""
    override: str = ""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One JSON object on one line of one file.

    `payload` is the object's bytes without `_synthgate`; `edited` says that the line claimed
    the id of other bytes, so that whatever was verified was not this row; `raw` is the line as
    it was read, white space after the object apart.
    """

    file: str
    line: int
    payload: bytes
    value: Value
    provenance: Provenance
    edited: bool = False
    raw: bytes = b""

    @property
    def id(self) -> str:
        """SHA-256 of the payload, in hex."""
        return self.provenance.id

    def marked(self, **fields: Any) -> Row:
        """Return this row with some provenance fields replaced."""
        provenance = msgspec.structs.replace(self.provenance, **fields)
        return msgspec.structs.replace(self, provenance=provenance)


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What a stage decided about one row: kept when `reason` is empty, else rejected for it."""

    row: Row
    reason: str = ""
    detail: str = ""
    survivor: str = ""


def content_id(payload: bytes) -> str:
    """Return the row id: SHA-256 of the line's bytes without line end and `_synthgate`."""
    return hashlib.sha256(payload).hexdigest()


def lot(seed: int | str, row_id: str) -> int:
    """Draw a 64-bit lot for a row: the same in any order, shard, worker or restart."""
    drawn = hashlib.blake2b(f"{seed}\n{row_id}".encode(), digest_size=8)
    return int.from_bytes(drawn.digest(), "big")


# --- one line of JSON -------------------------------------------------------------------

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_AT = re.compile(r"(?s)(.*) at line (\d+) column (\d+)$")


def parse(raw: bytes) -> Value:
    """Parse one line into a JSON object, or raise `BadLine`.

    Stricter than most parsers, because a gate must read what every later reader reads:
    duplicate keys, NaN, lone surrogates, invalid UTF-8, numbers beyond a float's range and
    nesting deeper than 200 are refused.
    """
    try:
        value = jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:
        raise _bad_line(raw, str(error)) from None
    if type(value) is not dict:
        raise BadLine("not_an_object", "a row must be one JSON object", 1)
    for item in value.values():
        if type(item) is not str:
            _examine(value, 1)
            break
    return value


def _bad_line(raw: bytes, message: str) -> BadLine:
    """Translate a parser's message into a reason, our own words and a byte column."""
    matched = _AT.match(message)
    text, column = (matched[1], int(matched[3])) if matched else (message, 0)
    if text.startswith("Detected duplicate key"):
        return BadLine("duplicate_key", text.replace("Detected duplicate", "duplicate"), column)
    if text.startswith("recursion limit"):
        return _too_deep(column)
    if text.startswith("number out of range"):
        return _too_large(column)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return BadLine("invalid_utf8", "invalid UTF-8", error.start + 1)
    return BadLine("invalid_json", f"invalid JSON: {_plainer(raw, text, column)}", column)


def _plainer(raw: bytes, text: str, column: int) -> str:
    """Return what a parser means where its own words say it badly."""
    rest = raw[max(column - 1, 0) :]
    if text == "expected value" and raw.startswith(b"\xef\xbb\xbf"):
        return "a byte order mark, which only the first line of a file may have"
    if rest.startswith((b"NaN", b"Infinity")):
        return f"{'NaN' if rest.startswith(b'N') else 'Infinity'} is no JSON number"
    surrogate = "hex escape" in text and _SURROGATE.search(raw)
    return "a lone surrogate" if surrogate else text


def _examine(value: Value | list[Any], depth: int) -> None:
    """Refuse what the parser lets through: `1e400`, 400 digits, an empty container too deep."""
    if depth > MAX_DEPTH:
        raise _too_deep(0)
    items: Iterable[Any] = value.values() if type(value) is dict else value
    for item in items:
        kind = type(item)
        if kind is str:
            continue
        if kind is dict or kind is list:
            _examine(item, depth + 1)
        elif (kind is float and math.isinf(item)) or (
            kind is int and item.bit_length() > 1023 and _beyond_float(item)
        ):
            raise _too_large(0)


def _too_deep(column: int) -> BadLine:
    return BadLine("too_deep", f"nested deeper than {MAX_DEPTH}", column)


def _too_large(column: int) -> BadLine:
    return BadLine("number_too_large", "number too large for a 64-bit float", column)


def _beyond_float(number: int) -> bool:
    try:
        float(number)
    except OverflowError:
        return True
    return False
