"""Formulas over numbers in JSON: `total == sum(lines.qty * lines.price)`, read once, run often.

    formula = sum (("==" | "!=" | "<=" | ">=" | "<" | ">") sum)+
    sum     = product (("+" | "-") product)*
    product = signed (("*" | "/") signed)*
    signed  = "-" signed | number | path | function "(" sum ("," sum)* ")" | "(" sum ")"
    path    = step ("." step)*          step = name | digits | "quoted name"

A path through a list is a list of numbers, one of each item. Arithmetic between lists goes item by
item, a comparison of lists holds where it holds for every item. Numbers are exact fractions,
bounded in size; nothing is ever handed to the interpreter.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from synthgate.verifiers.rules.operands import (
    FUNCTIONS,
    Node,
    NoValue,
    Operand,
    arithmetic,
    each,
    length,
    many,
    mapped,
    path,
)

MAX_DEPTH = 30


class BadFormula(Exception):
    """A text that is no formula; the message says why."""


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le,
    ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_STEP = r"""(?:[^\W\d]\w*|[0-9]+|"[^"]*"|'[^']*')"""
_TOKEN = re.compile(
    rf"""\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)(?![\w.])|(?P<path>(?![0-9]){_STEP}(?:\.{_STEP})*)"""
    r"""|(?P<symbol>==|!=|<=|>=|[-+*/(),<>]))\s*"""
)
_STEPS = re.compile(_STEP)


@dataclass(frozen=True)
class Formula:
    """A formula: `holds(data, tolerance)`, and the paths that it names."""

    sides: tuple[Node, ...]
    symbols: tuple[str, ...]
    paths: frozenset[str]

    def holds(self, data: Any, tolerance: Fraction) -> bool:
        """Tell whether the formula holds for a JSON value, or raise `NoValue`.

        `==`, `<=` and `>=` still hold where they fail by no more than the tolerance.
        """
        values = [side(data) for side in self.sides]
        return all(
            _compare(symbol, values[at], values[at + 1], tolerance)
            for at, symbol in enumerate(self.symbols)
        )


def _compare(symbol: str, left: Operand, right: Operand, tolerance: Fraction) -> bool:
    """Tell whether two values, or every pair of them, are related as a symbol says."""
    compare = _COMPARISONS[symbol]

    def related(a: Fraction, b: Fraction) -> bool:
        if symbol == "!=":
            return abs(a - b) > tolerance
        return compare(a, b) or ("=" in symbol and abs(a - b) <= tolerance)

    pairs: list[bool] = many(each(symbol, related, left, right))  # type: ignore[assignment]
    if not pairs:  # nothing was compared, and that must not count as a pass
        raise NoValue("no_numbers", symbol)
    return all(pairs)


def read(text: str) -> Formula:
    """Return the formula that a text is, or raise `BadFormula`."""
    parser = _Parser(_tokens(text))
    sides, symbols = [parser.sum(0)], []
    marks = [0]
    while parser.tokens and parser.tokens[-1][1] in _COMPARISONS:
        marks.append(len(parser.tokens))
        symbols.append(parser.tokens.pop()[1])
        sides.append(parser.sum(0))
    if parser.tokens:
        raise BadFormula(f"{parser.tokens[-1][1]!r} is not understood")
    if not symbols:
        raise BadFormula("compares nothing: use ==, !=, <, <=, > or >=")
    if not parser.paths:
        raise BadFormula("names no field: it says the same of every row")
    _refuse_same(text)
    return Formula(tuple(sides), tuple(symbols), frozenset(parser.paths))


def _refuse_same(text: str) -> None:
    """Refuse `x == x`."""
    sides = re.split(r"==|<=|>=", text)
    if len(sides) > 1 and len({re.sub(r"\s", "", side) for side in sides}) == 1:
        raise BadFormula("compares a value with itself: it always holds")


def _tokens(text: str) -> list[tuple[str, str]]:
    """Return (kind, text) of the tokens, the first one last."""
    tokens, at = [], 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadFormula(f"{text[at : at + 20]!r} is not understood")
        at = found.end()
        kind = found.lastgroup or ""
        tokens.append((kind, found[kind]))
    return tokens[::-1]


class _Parser:
    """Recursive descent over a stack of tokens; every method returns a node."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.paths: set[str] = set()

    def _next(self, wanted: str) -> str:
        if self.tokens and self.tokens[-1][0] == "symbol" and self.tokens[-1][1] in wanted:
            return self.tokens.pop()[1]
        return ""

    def sum(self, depth: int) -> Node:
        """Return the node of a sum."""
        if depth > MAX_DEPTH:
            raise BadFormula(f"nested deeper than {MAX_DEPTH}")
        node = self._product(depth)
        while symbol := self._next("+-"):
            node = arithmetic(symbol, node, self._product(depth))
        return node

    def _product(self, depth: int) -> Node:
        node = self._signed(depth)
        while symbol := self._next("*/"):
            node = arithmetic(symbol, node, self._signed(depth))
        return node

    def _signed(self, depth: int) -> Node:
        minus = False
        while self._next("-"):
            minus = not minus
        node = self._atom(depth)
        return (lambda data: mapped(node(data), operator.neg)) if minus else node

    def _atom(self, depth: int) -> Node:
        if self._next("("):
            node = self.sum(depth + 1)
            self._close()
            return node
        kind, text = self.tokens.pop() if self.tokens else ("", "")
        if kind == "number":
            value = Fraction(text)
            return lambda _: value
        if kind != "path":
            raise BadFormula(f"{text!r} stands where a value should" if text else "ends too early")
        if self._next("("):
            return self._call(text, depth)
        return path(self._steps(text))

    def _steps(self, text: str) -> tuple[str, ...]:
        self.paths.add(text)
        return tuple(step.strip("\"'") for step in _STEPS.findall(text))

    def _call(self, name: str, depth: int) -> Node:
        if name == "len":
            kind, text = self.tokens.pop() if self.tokens else ("", "")
            if kind != "path":
                raise BadFormula("len takes one field")
            node = length(self._steps(text))
            self._close()
            return node
        if name not in FUNCTIONS:
            raise BadFormula(f"unknown function {name!r}: known are len {' '.join(FUNCTIONS)}")
        apply, given = FUNCTIONS[name], [self.sum(depth + 1)]
        while self._next(","):
            given.append(self.sum(depth + 1))
        self._close()
        return lambda data: apply([node(data) for node in given])

    def _close(self) -> None:
        if not self._next(")"):
            raise BadFormula("a bracket is not closed")
