"""Numbers in rows, exactly: JSON numbers, and texts that are nothing but a decimal number."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

_DECIMAL = re.compile(r"\s*[-+]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})\s*")


def figure(value: Any) -> Fraction | None:
    """Return the number that a value is, None where it is none; true and false are none.

    A float is the decimal number that it is written as: 0.1 is a tenth.
    """
    if type(value) is int:
        return Fraction(value)
    if type(value) is float:
        return Fraction(repr(value))
    if type(value) is str and _DECIMAL.fullmatch(value):
        return Fraction(value.strip().removesuffix("."))
    return None
