"""Whether a value is the one that a case expects, where the expected one is written as JSON."""

from __future__ import annotations

import math
from typing import Any

_CLOSE, _NOTHING = 1e-9, 1e-12  # relative; absolute, where nothing is expected


def same(answer: Any, expected: Any) -> bool:
    """Tell whether an answer is the expected one.

    A tuple equals a list, because JSON has no tuples; nothing else equals a list. A float equals
    a float within 1e-9 of its size, and a whole number exactly; NaN equals NaN. A number is no
    boolean, and text is no number.
    """
    if isinstance(answer, bool) or isinstance(expected, bool) or answer is None:
        return type(answer) is type(expected) and bool(answer == expected)
    if isinstance(answer, int | float) and isinstance(expected, int | float):
        return _same_number(answer, expected)
    if isinstance(expected, list):
        same_size = isinstance(answer, list | tuple) and len(answer) == len(expected)
        return same_size and all(map(same, answer, expected))
    if isinstance(expected, dict):
        return _same_dict(answer, expected)
    return type(answer) is type(expected) and bool(answer == expected)


def _same_number(answer: float, expected: float) -> bool:
    if answer == expected:
        return True
    if isinstance(answer, int) or isinstance(expected, int):
        return False
    return close(answer, expected) or (answer != answer and expected != expected)


def close(one: float, other: float) -> bool:
    """Tell whether two floats differ by no more than the order of their operations may cause."""
    if other == 0:
        return abs(one) <= _NOTHING
    return math.isclose(one, other, rel_tol=_CLOSE)


def _same_dict(answer: Any, expected: dict[str, Any]) -> bool:
    """JSON has text keys only: a key that is no text equals its JSON writing."""
    if not isinstance(answer, dict) or len(answer) != len(expected):
        return False
    named = {key if isinstance(key, str) else repr(key): value for key, value in answer.items()}
    return named.keys() == expected.keys() and all(same(named[k], v) for k, v in expected.items())
