"""Numbers as a report says them. What is no number is a dash, never a zero."""

from __future__ import annotations

from math import isfinite
from typing import Any

NONE = DASH = "–"  # noqa: RUF001 (between two numbers a hyphen would be a minus)
TIMES = "×"  # noqa: RUF001 (a ratio, not a letter)


def number(value: Any) -> float | None:
    """Return a finite number, or None for anything else: a finding that is missing is no zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isfinite(value) else None


def count(value: Any) -> str:
    """Return a count, its thousands parted."""
    found = number(value)
    return NONE if found is None else f"{round(found):,}"


def rows(value: Any) -> str:
    """Return how many rows, in words."""
    return "1 row" if value == 1 else f"{count(value)} rows"


def plain(value: Any) -> str:
    """Return a number with three figures, whatever its size."""
    found = number(value)
    if found is None:
        return NONE
    return f"{found:,.0f}" if abs(found) >= 1000 or found == int(found) else f"{found:.3g}"


def percent(value: Any) -> str:
    """Return a fraction as a percentage; small ones keep a figure that says something."""
    found = number(value)
    if found is None:
        return NONE
    digits = 1 if not found or abs(found) >= 0.001 else 2
    return f"{100 * found:.{digits}f} %"


def ratio(value: Any) -> str:
    """Return a ratio to real data, or a lift."""
    found = number(value)
    if found is None:
        return NONE
    return f"{found:.2f}{TIMES}" if abs(found) < 100 else f"{found:,.0f}{TIMES}"


def chance(value: Any) -> str:
    """Return a p value; below a millionth its size says nothing more."""
    found = number(value)
    if found is None:
        return NONE
    if found < 1e-6:
        return "< 0.000001"
    return f"{found:.4f}" if found >= 0.0001 else f"{found:.6f}"


def between(low: Any, high: Any, say: Any = percent) -> str:
    """Return an interval; `say` is how its ends are said."""
    if number(low) is None or number(high) is None:
        return NONE
    first, last = say(low), say(high)
    for unit in (" %", TIMES):
        if first.endswith(unit) and last.endswith(unit):
            first = first.removesuffix(unit)
    return f"{first} {DASH} {last}"
