"""Whether a value is the one that a case expects, where the expected one is written as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

_CLOSE = 1e-9  # relative; what two orders of the same float operations may differ by


def same(answer: Any, expected: Any) -> bool:
    """Tell whether an answer is the expected one.

    Tuples, iterators and ranges equal lists, sets equal lists in any order, floats are equal
    within 1e-9 of their size, NaN equals NaN; a number is not a boolean, and text is no number.
    """
    if isinstance(answer, bool) or isinstance(expected, bool) or answer is None:
        return type(answer) is type(expected) and bool(answer == expected)
    if isinstance(answer, int | float) and isinstance(expected, int | float):
        return _same_number(answer, expected)
    if isinstance(expected, list):
        return _same_list(answer, expected)
    if isinstance(expected, dict):
        return _same_dict(answer, expected)
    return type(answer) is type(expected) and bool(answer == expected)


def _same_number(answer: float, expected: float) -> bool:
    if answer == expected:
        return True
    if isinstance(answer, int) and isinstance(expected, int):
        return False
    try:
        one, other = float(answer), float(expected)
    except OverflowError:
        return False
    both_nan = one != one and other != other
    return both_nan or math.isclose(one, other, rel_tol=_CLOSE, abs_tol=1e-12)


def _same_list(answer: Any, expected: list[Any]) -> bool:
    if isinstance(answer, set | frozenset):
        return len(answer) == len(expected) and all(item in answer for item in expected)
    if isinstance(answer, str | bytes | dict) or not isinstance(answer, Iterable):
        return False
    items = list(answer)
    return len(items) == len(expected) and all(map(same, items, expected))


def _same_dict(answer: Any, expected: dict[str, Any]) -> bool:
    """JSON has text keys only: a key that is no text equals its JSON writing."""
    if not isinstance(answer, dict) or len(answer) != len(expected):
        return False
    named = {key if isinstance(key, str) else repr(key): value for key, value in answer.items()}
    return named.keys() == expected.keys() and all(same(named[k], v) for k, v in expected.items())
