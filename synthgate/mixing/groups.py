"""Near-duplicate groups, and those of them that are held out for validation as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from synthgate.near.tokens import mix

Array = Any
_SALT = np.uint64(0x76616C69)  # a group's lot says nothing about the order of its rows


def grouped(count: int, members: Array, begins: Array) -> Array:
    """Return the group of each of `count` rows, int64, given those that are not alone in theirs."""
    found = np.arange(count)
    sizes = np.diff(np.append(begins, len(members)))
    if len(members):
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
    left = [ceil(fraction * int((sides == side).sum()) - 1e-9) for side in (0, 1)]
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
