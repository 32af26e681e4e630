"""Values that cross between a candidate and what judges it: plain data, and nothing else.

JSON in frames of a four-byte length. Only exact built-in types come out of `unpack`, whatever went
in: `1` and `true` are `int` and `bool`, every other type has a tag, such as `{"t": [...]}` for a
tuple. At most 1 MiB a frame and 50 levels. Never pickle: reading it would run what was sent.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

MAX_FRAME = 1 << 20
MAX_DEPTH = 50
MAX_ITEMS = 200_000
_EXACT = 1 << 53  # JSON numbers up to here are read the same by everybody
_LENGTH = struct.Struct("!I")


SIZES = ("too_deep", "too_large")


class Unencodable(Exception):
    """A value that cannot cross: its type, or that it is too deep or too large."""


class BadFrame(Exception):
    """Bytes that are no frame of ours, or no frame at all."""


# --- out ----------------------------------------------------------------------------------


def pack(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON with tags, or raise `Unencodable`.

    Subclasses of tuple and dict cross as what they hold, iterators as the list of what is left;
    other subclasses do not cross, because what they hold and how they compare may differ.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        return value if -_EXACT < value < _EXACT else {"i": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"f": repr(value)}
    if depth >= MAX_DEPTH:
        raise Unencodable("too_deep")
    if kind is list:
        return [pack(item, depth + 1) for item in value]
    return _tagged(value, kind, depth + 1)


def _tagged(value: Any, kind: type, depth: int) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"d": [[pack(k, depth), pack(v, depth)] for k, v in dict.items(value)]}
    if isinstance(value, tuple):
        return {"t": [pack(item, depth) for item in tuple.__iter__(value)]}
    if write := _WRITERS.get(kind):
        return {_TAGS[kind]: write(value, depth)}
    if kind.__module__ in ("builtins", "itertools") and isinstance(value, Iterator | _VIEWS):
        return {"n": [pack(item, depth) for item in islice(value, MAX_ITEMS)]}
    raise Unencodable(f"{kind.__module__}.{kind.__qualname__}"[:100])


_VIEWS: Any = type({}.keys()) | type({}.values()) | type({}.items())


def _items(value: Any, depth: int) -> list[Any]:
    return [pack(item, depth) for item in value]


def _ordered(value: Any, depth: int) -> list[Any]:
    """Return the items of a set in an order of their own, so that equal sets are equal bytes."""
    return sorted(_items(value, depth), key=json.dumps)


_WRITERS: dict[type, Callable[[Any, int], Any]] = {
    set: _ordered,
    frozenset: _ordered,
    deque: _items,
    bytes: lambda value, _: value.hex(),
    bytearray: lambda value, _: value.hex(),
    complex: lambda value, depth: [pack(value.real, depth), pack(value.imag, depth)],
    range: lambda value, depth: _items((value.start, value.stop, value.step), depth),
    Fraction: lambda value, depth: _items((value.numerator, value.denominator), depth),
    Decimal: lambda value, _: str(value),
}
_TAGS: dict[type, str] = {
    set: "s", frozenset: "z", deque: "q", bytes: "b", bytearray: "y", complex: "c", range: "r",
    Fraction: "x", Decimal: "m",
}  # fmt: skip


def encode(message: Any) -> bytes:
    """Return one frame, or raise `Unencodable` where it would be too long."""
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MAX_FRAME:
        raise Unencodable("too_large")
    return _LENGTH.pack(len(data)) + data


# --- in -----------------------------------------------------------------------------------


def unpack(shown: Any, depth: int = 0) -> Any:
    """Return the value of tagged JSON; raises `BadFrame` for anything that `pack` never makes."""
    if type(shown) is list:
        if depth >= MAX_DEPTH:
            raise BadFrame("too_deep")
        return [unpack(item, depth + 1) for item in shown]
    if type(shown) is not dict:
        return shown
    if len(shown) != 1 or depth >= MAX_DEPTH:
        raise BadFrame("no_value")
    ((tag, held),) = shown.items()
    read = _READERS.get(tag)
    if read is None:
        raise BadFrame("no_value")
    try:
        return read(held, depth + 1)
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        raise BadFrame("no_value") from None


def _listed(held: Any, depth: int) -> list[Any]:
    if type(held) is not list:
        raise BadFrame("no_value")
    return [unpack(item, depth) for item in held]


def _pairs(held: Any, depth: int) -> dict[Any, Any]:
    return dict(map(_pair, _listed(held, depth - 1)))


def _pair(item: Any) -> tuple[Any, Any]:
    if type(item) is not list or len(item) != 2:
        raise BadFrame("no_value")
    return item[0], item[1]


def _whole(held: Any, _depth: int) -> int:
    if type(held) is not str:
        raise BadFrame("no_value")
    return int(held, 16)


def _special(held: Any, _depth: int) -> float:
    if held not in ("nan", "inf", "-inf"):
        raise BadFrame("no_value")
    return float(held)


def _complex(held: Any, depth: int) -> complex:
    real, imaginary = _listed(held, depth)
    return complex(real, imaginary)


_READERS: dict[str, Callable[[Any, int], Any]] = {
    "i": _whole,
    "f": _special,
    "d": _pairs,
    "t": lambda held, depth: tuple(_listed(held, depth)),
    "s": lambda held, depth: set(_listed(held, depth)),
    "z": lambda held, depth: frozenset(_listed(held, depth)),
    "q": lambda held, depth: deque(_listed(held, depth)),
    "n": lambda held, depth: iter(_listed(held, depth)),
    "b": lambda held, _: bytes.fromhex(held),
    "y": lambda held, _: bytearray.fromhex(held),
    "c": _complex,
    "r": lambda held, depth: range(*_listed(held, depth)),
    "x": lambda held, depth: Fraction(*_listed(held, depth)),
    "m": lambda held, _: Decimal(held if type(held) is str else "x"),
}


def decode(data: bytes) -> Any:
    """Return the JSON in a frame, or raise `BadFrame`."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise BadFrame("no_json") from None


# --- frames -------------------------------------------------------------------------------


def send(link: socket.socket, message: Any) -> None:
    """Send one frame; raises `Unencodable` before a byte is sent, `OSError` where nobody reads."""
    link.sendall(encode(message))


def receive(link: socket.socket) -> Any:
    """Return the next frame's JSON; raises `BadFrame`, `EOFError` at the end, `OSError`."""
    (length,) = _LENGTH.unpack(_exactly(link, _LENGTH.size))
    if length > MAX_FRAME:
        raise BadFrame("too_large")
    return decode(_exactly(link, length))


def _exactly(link: socket.socket, wanted: int) -> bytes:
    data = link.recv(wanted)
    if len(data) == wanted:
        return data
    blocks = [data]
    left = wanted - len(data)
    while left and blocks[-1]:
        blocks.append(link.recv(min(left, 1 << 16)))
        left -= len(blocks[-1])
    if left:
        raise EOFError
    return b"".join(blocks)
