"""Attributes: named axes of values, and stratified draws from them.

Each value of an axis is drawn as often as any other, in an order that `hash(seed, id)` gives, and
no combination comes twice before all have come (AttrPrompt, arXiv 2306.15895, draws at random). Two
axes do not keep step: they soon meet in most of their pairs, as in a Latin square. A draw depends
on the seed row and the sample alone, not on the rows beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from synthgate.errors import UsageError
from synthgate.rows import OURS, REJECT, Row, lot

Axes = dict[str, tuple[str, ...]]


def read_axes(settings: Iterable[str], text: Callable[[str, str], str]) -> Axes:
    """Return the axes that `NAME=VALUE|VALUE` and `NAME=@FILE` (a value a line) spell out."""
    axes: Axes = {}
    for setting in settings:
        name, equals, given = setting.partition("=")
        name = name.strip()
        if not name or not equals or name in (OURS, REJECT):
            raise UsageError(f"--attribute must be NAME=VALUE|VALUE or NAME=@FILE, not {setting!r}")
        listed = text(given[1:], "attribute").splitlines() if given[:1] == "@" else given.split("|")
        values = tuple(dict.fromkeys(each.strip() for each in listed if each.strip()))
        if not values or name in axes:
            why = "is named twice" if name in axes else "has no values"
            raise UsageError(f"--attribute {name}: {why}")
        axes[name] = values
    return axes


def row_axes(row: Row) -> Axes:
    """Return the axes that a row names in its field `attributes`, {name: [values]}."""
    given = row.value.get("attributes")
    if given is None:
        return {}
    if type(given) is not dict:
        raise _wrong(row, "must be an object of lists of texts")
    return {name: _values(row, name, values) for name, values in given.items()}


def _values(row: Row, name: str, values: Any) -> tuple[str, ...]:
    listed = [values] if type(values) is str else values
    if type(listed) is not list or not listed or not all(type(each) is str for each in listed):
        raise _wrong(row, f"{name!r} must be a list of texts")
    return tuple(dict.fromkeys(listed))


def _wrong(row: Row, why: str) -> UsageError:
    return UsageError(f"{row.file}:{row.line}: the field 'attributes': {why}")


def draw(axes: Axes, seed: int, row_id: str, sample: int) -> dict[str, str]:
    """Return one value of each axis for a sample of a row.

    No combination comes twice before all have come: the axes advance together, and each is shifted
    by one whenever it and those before it would start to repeat. An axis that fits into those
    before it would keep step with one of them all that time, a tone always with the same speaker:
    it is shifted by a drawn amount after each of its cycles as well.
    """
    drawn, period = {}, 1
    for name, values in sorted(axes.items(), key=lambda axis: -len(axis[1])):
        key, size = f"{seed}\n{name}", len(values)
        order = _order(values, f"{key}\n{row_id}")
        shift = sample % (period * size) // math.lcm(period, size)
        if period % size == 0:
            shift += int(pick(_numbers(size), key, row_id, sample % period // size))
        drawn[name] = order[(sample + shift) % size]
        period *= size
    return {name: drawn[name] for name in axes}


def pick(values: tuple[str, ...], seed: str, row_id: str, turn: int) -> str:
    """Return the value of a turn: each value once in `len(values)` turns, in a drawn order."""
    cycle, place = divmod(turn, len(values))
    return _order(values, f"{seed}\n{row_id}\n{cycle}")[place]


@lru_cache(maxsize=64)
def _order(values: tuple[str, ...], seed: str) -> list[str]:
    return sorted(values, key=lambda value: lot(seed, value))


@lru_cache(maxsize=64)
def _numbers(size: int) -> tuple[str, ...]:
    return tuple(map(str, range(size)))
