"""A small evaluator of written arithmetic: exact fractions, bounded in every direction.

    sum      = product (("+" | "-") product)*
    product  = signed (("*" | "/") signed)*
    signed   = ("+" | "-") signed | power
    power    = atom ("^" signed)?
    atom     = number "%"? | "(" sum ")"

Nothing is ever handed to the interpreter, and nothing large is ever built: a text that is too
long, too deep or too large is `Unreadable`, like one that is no expression.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from synthgate.verifiers.numbers import CURRENCY, DECIMAL, decimal

MAX_CHARS = 400
MAX_DEPTH = 30
MAX_EXPONENT = 64
MAX_BITS = 4000

_TOKEN = re.compile(
    rf"\s*(?:[{CURRENCY}]?(?P<number>{DECIMAL})(?P<percent>\s?%)?[{CURRENCY}]?"
    r"|(?P<symbol>\*\*|[-+*/^()xX\u00d7\u00f7\u2212\u00b7]))\s*"
)
_NUMBER = re.compile(
    rf"\s*(?P<sign>[-\u2212]?)[{CURRENCY}]?(?P<whole>{DECIMAL})(?P<percent>\s?%)?[{CURRENCY}]?\s*"
)
_SAME = dict(zip(("x", "X", "\u00d7", "\u00b7", "\u00f7", "\u2212", "**"), "****/-^", strict=True))
_Token = str | Fraction


class Unreadable(Exception):
    """Not an expression, or one that is too long, too deep or too large."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: its value, its digits, those behind the point, a percent sign."""

    value: Fraction
    digits: int
    places: int
    percent: bool


def number(text: str) -> Number | None:
    """Return the number that is all of a text, or None."""
    found = _NUMBER.fullmatch(text) if len(text) <= MAX_CHARS else None
    value = decimal(found["whole"]) if found else None
    if found is None or value is None:
        return None
    places = len(found["whole"].partition(".")[2])
    digits = len(found["whole"].replace(",", "").replace(".", "").lstrip("0"))
    signed = -value if found["sign"] else value
    return Number(signed, digits, places, found["percent"] is not None)


def evaluate(text: str) -> Fraction:
    """Return the value of an expression, or raise `Unreadable` or `ZeroDivisionError`."""
    parser = _Parser(_tokens(text))
    value = parser.sum(0)
    if parser.tokens:
        raise Unreadable
    return value


def _tokens(text: str) -> list[_Token]:
    """Return the tokens of an expression, the first one last."""
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or len(text) > MAX_CHARS:
            raise Unreadable
        at = found.end()
        tokens.append(_token(found))
    return tokens[::-1]


def _token(found: re.Match[str]) -> _Token:
    if found["symbol"]:
        return _SAME.get(found["symbol"], found["symbol"])
    value = decimal(found["number"])
    if value is None:
        raise Unreadable
    return value / 100 if found["percent"] else value


class _Parser:
    """Recursive descent over a stack of tokens; every method returns a bounded value."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens

    def _next(self, wanted: str) -> str:
        """Take the next token if it is one of the wanted symbols, else return nothing."""
        token = self.tokens[-1] if self.tokens else ""
        if isinstance(token, str) and token and token in wanted:
            self.tokens.pop()
            return token
        return ""

    def sum(self, depth: int) -> Fraction:
        """Return the value of a sum."""
        if depth > MAX_DEPTH:
            raise Unreadable
        value = self._product(depth)
        while symbol := self._next("+-"):
            right = self._product(depth)
            value = _bounded(value + right if symbol == "+" else value - right)
        return value

    def _product(self, depth: int) -> Fraction:
        value = self._signed(depth)
        while symbol := self._next("*/"):
            right = self._signed(depth)
            value = _bounded(value * right if symbol == "*" else value / right)
        return value

    def _signed(self, depth: int) -> Fraction:
        minus = False
        while symbol := self._next("+-"):
            minus ^= symbol == "-"
        value = self._power(depth)
        return -value if minus else value

    def _power(self, depth: int) -> Fraction:
        base = self._atom(depth)
        if not self._next("^"):
            return base
        exponent = self._signed(depth + 1) if depth < MAX_DEPTH else Fraction(MAX_BITS)
        if exponent.denominator != 1 or abs(exponent) > MAX_EXPONENT:
            raise Unreadable
        return _bounded(_bounded(base, MAX_BITS // MAX_EXPONENT) ** int(exponent))

    def _atom(self, depth: int) -> Fraction:
        if self._next("("):
            value = self.sum(depth + 1)
            if not self._next(")"):
                raise Unreadable
            return value
        token = self.tokens.pop() if self.tokens else ""
        if isinstance(token, str):
            raise Unreadable
        return token


def _bounded(value: Fraction, bits: int = MAX_BITS) -> Fraction:
    """Return a value that is small enough to go on with."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > bits:
        raise Unreadable
    return value
