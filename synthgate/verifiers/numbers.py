"""Numbers as people write them, read exactly: `$5,600`, `3.0`, `1/2`, `2 1/2`, `-1.8 billion`.

Values are fractions, never floats. What would be astronomically large (`1e999999999`, thousands
of digits) is not read at all: the text is hostile, and nothing is built from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

MAX_DIGITS = 400
DECIMAL = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
MINUS = r"\-\u2212"  # in a character class
CURRENCY = "$\u20ac\u00a3\u00a5\u20b9"

_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NUMBER = re.compile(
    rf"(?P<sign>[+{MINUS}]?)[{CURRENCY}]?(?P<after>[{MINUS}]?)(?P<whole>{DECIMAL})"
    r"(?:[eE](?P<exponent>[-+]?\d{1,9}))?"
    r"(?:(?P<mixed>\s\d{1,9})?\s?/\s?(?P<below>\d+))?"
    rf"(?P<rest>\s?%|[{CURRENCY}]|\s(?:{'|'.join(_SCALES)})\b)?",
    re.IGNORECASE,
)
# What makes a number a part of something else: a time, a date, a range, a variable, a sum, a
# product, a power, a root, one of two answers.
_GOES_ON = re.compile(
    rf"[.,:/'\u2019]\d|\d|[abiknxyzKMB]\b|[{MINUS}\u2013]\d"
    rf"|\s*[{MINUS}\u2013]\s*(?:[\d(]|[b-z]\b)|\s*[+\u00d7\u00f7]\s*[\w(]|\s*\*\s*[\d(]|\*\w"
    r"|\s*/\s*[\d(]|\s*[\^\u00b2\u00b3\u00b9\u2070-\u2079\u03c0\u221a]"
    r"|[\s)\]}]*\\(?!q?quad|degree|circ|percent|euro|text|mathrm|blacksquare|square|Box)[A-Za-z]"
    rf"|\s*[%{CURRENCY}]?\s*(?:,|;|&|\bor\b|\band\b|\bto\b|\bthrough\b)\s*[-+$]*\d"
)
_START = re.compile(rf"(?<![\w.,:/^{MINUS}\u2013])[+{MINUS}]?[{CURRENCY}]?[{MINUS}]?(?:\d|\.\d)")


def decimal(text: str) -> Fraction | None:
    """Return the value of unsigned digits with commas and a point, None beyond 400 digits."""
    return Fraction(text.replace(",", "")) if len(text) <= MAX_DIGITS else None


def leading(text: str) -> tuple[Fraction, int] | None:
    """Return (value, where it ends) of the number that a text starts with.

    None where there is no number, or where it is only a part of something else: `12:30`,
    `10-12`, `2^10`, `5 or 6`. A percent sign, a currency and a unit are not part of the value.
    """
    found = _NUMBER.match(text)
    if found is None or _GOES_ON.match(text, found.end()):
        return None
    value = _value(found)
    return None if value is None else (value, found.end())


def _value(found: re.Match[str]) -> Fraction | None:
    value, exponent = decimal(found["whole"]), int(found["exponent"] or 0)
    if value is None or abs(exponent) > MAX_DIGITS:
        return None
    value *= Fraction(10) ** exponent
    if found["below"] is not None:
        below = decimal(found["below"])
        if not below:
            return None
        mixed = found["mixed"]
        value = value + Fraction(int(mixed)) / below if mixed else value / below
    value *= _SCALES.get((found["rest"] or "").strip().lower(), 1)
    minus = (found["sign"] not in ("", "+")) != (found["after"] != "")
    return -value if minus else value


def starts(text: str) -> Iterator[int]:
    """Yield where numbers start in a text; digits inside a word (`CO2`) are none."""
    return (found.start() for found in _START.finditer(text))
