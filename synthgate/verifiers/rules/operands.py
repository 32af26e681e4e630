"""What a formula computes with: exact fractions and lists of them, read from JSON by a path.

Everything is bounded in size, because the data are hostile; what cannot be computed raises
`NoValue`, which names the path or the function.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from synthgate.verifiers.rules.figures import figure

Many = list[Fraction]
Operand = Fraction | Many
Node = Callable[[Any], Operand]
MAX_BITS = 8000
_MISSING = object()


class NoValue(Exception):
    """The data have no value for a formula: `reason`, and which path or function."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.what = what


# --- values -----------------------------------------------------------------------------


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise NoValue("too_large", "a number")
    return value


def each(what: str, apply: Callable[[Any, Any], Any], left: Operand, right: Operand) -> Any:
    """Apply an operation to two numbers, to a number and each of a list, or item by item."""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            raise NoValue("lengths", what)
        return [apply(a, b) for a, b in zip(left, right, strict=True)]
    if isinstance(left, list):
        return [apply(a, right) for a in left]
    if isinstance(right, list):
        return [apply(left, b) for b in right]
    return apply(left, right)


def _divide(left: Fraction, right: Fraction) -> Fraction:
    if not right:
        raise NoValue("division_by_zero", "/")
    return left / right


_ARITHMETIC: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: _bounded(a + b),
    "-": lambda a, b: _bounded(a - b),
    "*": lambda a, b: _bounded(a * b),
    "/": lambda a, b: _bounded(_divide(a, b)),
}


def arithmetic(symbol: str, left: Node, right: Node) -> Node:
    """Return the node of an operation on two nodes."""
    apply = _ARITHMETIC[symbol]
    return lambda data: each(symbol, apply, left(data), right(data))


def many(value: Operand) -> Many:
    """Return a value as a list."""
    return value if isinstance(value, list) else [value]


def _some(name: str, values: list[Operand]) -> Many:
    found = [number for value in values for number in many(value)]
    if not found:
        raise NoValue("no_numbers", name)
    return found


def _total(values: list[Operand]) -> Fraction:
    total = Fraction(0)
    for value in values:
        for number in many(value):
            total = _bounded(total + number)
    return total


def _round(values: list[Operand]) -> Operand:
    places = values[1] if len(values) == 2 else Fraction(0)
    if len(values) > 2 or isinstance(places, list) or places.denominator != 1 or abs(places) > 30:
        raise NoValue("bad_places", "round")
    scale = Fraction(10) ** int(places)
    return mapped(values[0], lambda x: _half_away(x * scale) / scale)


def _half_away(value: Fraction) -> Fraction:
    """Round to a whole number, halves away from zero, as amounts of money are."""
    whole = Fraction((abs(value) + Fraction(1, 2)).__floor__())
    return -whole if value < 0 else whole


def _abs(values: list[Operand]) -> Operand:
    if len(values) != 1:
        raise NoValue("bad_places", "abs")
    return mapped(values[0], abs)


def mapped(value: Operand, apply: Callable[[Fraction], Fraction]) -> Operand:
    """Apply a function to a number, or to each of a list."""
    return [apply(x) for x in value] if isinstance(value, list) else apply(value)


FUNCTIONS: dict[str, Callable[[list[Operand]], Operand]] = {
    "sum": _total,
    "min": lambda values: min(_some("min", values)),
    "max": lambda values: max(_some("max", values)),
    "mean": lambda values: _total(values) / len(_some("mean", values)),
    "count": lambda values: Fraction(sum(len(many(value)) for value in values)),
    "abs": _abs,
    "round": _round,
}


# --- paths ------------------------------------------------------------------------------


def path(steps: tuple[str, ...]) -> Node:
    """Return the node of the numbers that lie at a path."""
    name = ".".join(steps)

    def node(data: Any) -> Operand:
        return _numbers(_follow(data, steps), name)

    return node


def _follow(data: Any, steps: tuple[str, ...]) -> Any:
    """Return what lies at a path; through a list, the list of what lies in each item."""
    for at, step in enumerate(steps):
        if type(data) is list and not step.isdecimal():
            return [_follow(item, steps[at:]) for item in data]
        if type(data) is list and int(step) < len(data):
            data = data[int(step)]
        elif type(data) is dict:
            data = data.get(step, _MISSING)
        else:
            return _MISSING
    return data


def _numbers(value: Any, name: str) -> Operand:
    if type(value) is not list:
        return _number(value, name)
    found: Many = []
    for item in value:
        found.extend(many(_numbers(item, name)))
    return found


def _number(value: Any, name: str) -> Fraction:
    if value is _MISSING or value is None:
        raise NoValue("missing", name)
    number = figure(value)
    if number is None:
        raise NoValue("no_number", name)
    return _bounded(number)


def length(steps: tuple[str, ...]) -> Node:
    """Return the length of a list, an object or a text, whatever is in it."""
    name = ".".join(steps)

    def node(data: Any) -> Operand:
        held = _follow(data, steps)
        if type(held) not in (list, dict, str):
            raise NoValue("missing" if held is _MISSING else "no_length", name)
        return Fraction(len(held))

    return node
