"""How many rows of each class are used so that the classes stand as evenly as they can.

How many rows each side gives is settled before that. What has to go goes from the fullest classes,
what is used again is of the emptiest: water filling. It makes the smallest class as large as can
be, then the next one. The classes of one slice are levelled with each other, never with others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgate.mixing.table import Table

Array = Any
Wanted = Mapping[int, int]


@dataclass(frozen=True)
class _Cells:
    """The cells of a side, a quota's rows of one class: what they are of, how many rows they have.

    `cells` has the cell of each row; `places` says which class of which slice a cell belongs to.
    """

    cells: Array
    quotas: Array
    places: Array
    rows: Array


def balanced(
    sides: Sequence[Table],
    orders: Sequence[Array],
    keys: Sequence[Array],
    wanted: Sequence[Wanted],
    most: int,
) -> tuple[list[Array], list[dict[int, int]]]:
    """Return finer keys and quotas: those of each class within those given, the sums unchanged.

    Both sides are (real, synthetic); a real row may be used `most` times, and is used once before
    another one is used again. No real row is used again while one is left out.
    """
    places, count = _places(sides)
    parts = [_cells(*each, count) for each in zip(keys, places, orders, strict=True)]
    limits = [_limits(parts[at], wanted[at], (most, 1)[at]) for at in (0, 1)]
    used = [limits[0][0].copy(), parts[1].rows.copy()]  # where both begin: one of them is exact
    sizes = np.zeros(count, np.int64)
    for at in (0, 1):
        np.add.at(sizes, parts[at].places, used[at])
    for at in (0, 1):
        low, high = limits[at]
        for cells in _by_quota(parts[at].quotas):
            beside = sizes[parts[at].places[cells]] - used[at][cells]
            total = wanted[at].get(int(parts[at].quotas[cells[0]]), 0)
            used[at][cells] = levelled(beside, low[cells], high[cells], total)
            sizes[parts[at].places[cells]] = beside + used[at][cells]
    return [part.cells for part in parts], [dict(enumerate(each.tolist())) for each in used]


def levelled(beside: Array, low: Array, high: Array, total: int) -> Array:
    """Return how many rows each class gives, int64: between `low` and `high`, `total` in all.

    `beside` are the rows that a class has already. Of classes that are equal the first gets the
    row that is left. `total` must lie between the sums of `low` and `high`.
    """

    def given(level: int) -> Array:
        return np.clip(level - beside, low, high)

    least, top = int((beside + low).min()), int((beside + high).max())
    while least < top:
        level = (least + top + 1) // 2
        fits = int(given(level).sum()) <= total
        least, top = (level, top) if fits else (least, level - 1)
    found = given(least)
    found[np.flatnonzero(given(least + 1) > found)[: total - int(found.sum())]] += 1
    return found


def _places(sides: Sequence[Table]) -> tuple[list[Array], int]:
    """Return the number of each row's class within its slice, shared by both sides; how many."""
    width = len(sides[0].class_names)
    if not any(side.slices.any() for side in sides):
        return [side.classes for side in sides], width
    pairs = [side.slices.astype(np.int64) * width + side.classes for side in sides]
    known, found = np.unique(np.concatenate(pairs), return_inverse=True)
    return [found[: len(sides[0])], found[len(sides[0]) :]], len(known)


def _cells(keys: Array, places: Array, order: Array, count: int) -> _Cells:
    numbers = keys.astype(np.int64) * count + places
    pairs = np.unique(numbers)
    cells = np.searchsorted(pairs, numbers).astype(np.uint32)
    rows = np.bincount(cells[order], minlength=len(pairs))
    return _Cells(cells, pairs // max(1, count), pairs % max(1, count), rows)


def _limits(part: _Cells, wanted: Wanted, most: int) -> tuple[Array, Array]:
    """Return the fewest and the most uses of each cell: all rows at least once, or at most."""
    held: dict[int, int] = {}
    for quota, rows in zip(part.quotas.tolist(), part.rows.tolist(), strict=True):
        held[quota] = held.get(quota, 0) + rows
    all_used = np.array([wanted.get(each, 0) >= held[each] for each in part.quotas.tolist()], bool)
    return part.rows * all_used, part.rows * np.where(all_used, most, 1)


def _by_quota(quotas: Array) -> list[Array]:
    """Return the cells of each quota; they lie in the order of their quotas."""
    if not len(quotas):
        return []
    return np.split(np.arange(len(quotas)), np.flatnonzero(np.diff(quotas)) + 1)
