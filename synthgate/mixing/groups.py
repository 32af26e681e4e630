"""Near-duplicate groups, and those of them that are held out for validation as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from synthgate.mixing.table import Table
from synthgate.near.groups import Pairs, components, edges
from synthgate.near.kin import Kin
from synthgate.near.tokens import mix

Array = Any
_HALF = np.uint64(32)
_SALT = np.uint64(0x76616C69)  # a group's lot says nothing about the order of its rows


@dataclass(frozen=True)
class Divided:
    """The (real, synthetic) tables of a training and a validation set, and what to say of them."""

    training: tuple[Table, Table]
    validation: tuple[Table, Table]
    words: str


def divided(tables: tuple[Table, Table], known: Kin, synthetic: int, fraction: float) -> Divided:
    """Hold whole near-duplicate groups out of both sides, real and synthetic.

    `known` tells of all rows, of which the first `synthetic` ones are those of that side. Rows are
    of one group when they share a band key, their texts or their bytes, or are linked by others.
    """
    real, other = tables
    rows = np.concatenate([other.numbers, real.numbers.astype(np.int64) + synthetic])
    lots = np.concatenate([other.lots, real.lots])
    groups = grouped(len(rows), _linked(known, rows, lots))
    sides = (np.arange(len(rows)) >= len(other)).astype(np.uint8)
    held, largest = held_out(groups, lots, sides, fraction)
    ours, theirs = held[len(other) :], held[: len(other)]
    parts = [(real.take(np.flatnonzero(a)), other.take(np.flatnonzero(b)))
             for a, b in ((~ours, ~theirs), (ours, theirs))]  # fmt: skip
    words = (
        f"held out for validation: {int(ours.sum()):,} of {len(real):,} real and "
        f"{int(theirs.sum()):,} of {len(other):,} synthetic rows, in whole near-duplicate groups "
        f"(the largest of all has {largest:,} rows)"
    )
    return Divided(parts[0], parts[1], words)


def _linked(known: Kin, rows: Array, lots: Array) -> list[Pairs]:
    """Return pairs of places in `rows` of what must stay on one side."""
    alive = np.zeros(len(known.digests), bool)
    alive[rows] = True
    places = np.zeros(len(known.digests), np.uint32)
    places[rows] = np.arange(len(rows), dtype=np.uint32)
    pairs = [(places[one], places[other]) for one, other in known.neighbours(alive)]
    return [*pairs, *edges((lots >> _HALF).astype(np.uint32), np.arange(len(rows)))]


def grouped(count: int, pairs: list[Pairs]) -> Array:
    """Return the group of each of `count` rows, int64: rows that are linked have one."""
    members, begins = components(pairs)
    found = np.arange(count)
    if len(members):
        sizes = np.diff(np.append(begins, len(members)))
        found[members] = np.repeat(members[begins], sizes)
    return found


def held_out(groups: Array, lots: Array, sides: Array, fraction: float) -> tuple[Array, int]:
    """Return (which rows are for validation, how many rows the largest group has).

    Of each side (0 or 1 for each row) at most the fraction, rounded up, in whole groups by their
    lots; a group that is too large for what is still wanted stays with the training set.
    """
    _, group = np.unique(groups, return_inverse=True)
    count = int(group.max(initial=-1)) + 1
    least = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(least, group, lots)
    sizes = np.stack([np.bincount(group[sides == side], minlength=count) for side in (0, 1)], 1)
    share = Fraction(str(fraction))
    left = [ceil(share * int((sides == side).sum())) for side in (0, 1)]
    chosen = np.zeros(count, bool)
    for each in np.argsort(mix(least ^ _SALT), kind="stable").tolist():
        if not any(left):
            break
        chosen[each] = _fits(sizes[each].tolist(), left)
    return chosen[group], int(sizes.sum(1).max(initial=0))


def _fits(size: Sequence[int], left: list[int]) -> bool:
    """Tell whether a group fits into what is wanted of each side, and count it in."""
    if size[0] > left[0] or size[1] > left[1]:
        return False
    left[0] -= size[0]
    left[1] -= size[1]
    return True
