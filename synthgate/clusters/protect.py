"""Slices of rows: which are rare, what a cap takes from them, and a floor that it may not pass.

A slice is the rows with one value of a field, as codes (n,): -1 where a row has no such field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthgate.clusters import Flags, Numbers


def protected(kept: Flags, codes: Numbers, order: Numbers, floor: int) -> Flags:
    """Return which rows are kept when every slice keeps its first rows up to a floor.

    Only adds rows: those that were rejected, the first in the order first, until the slice has as
    many as the floor or has no more.
    """
    import numpy as np

    sliced = codes >= 0
    have = np.bincount(codes[sliced & kept], minlength=int(codes.max(initial=-1)) + 1)
    missing = np.maximum(0, floor - have)
    found = kept.copy()
    waiting = order[(sliced & ~kept)[order]]
    for row, code in zip(waiting.tolist(), codes[waiting].tolist(), strict=True):
        if missing[code]:
            missing[code] -= 1
            found[row] = True
    return found


def rare(codes: Numbers, most: int) -> Flags:
    """Tell which rows are in a slice of `most` rows at most."""
    import numpy as np

    sizes = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=-1)) + 1)
    small = np.zeros(len(codes), dtype=bool)
    small[codes >= 0] = sizes[codes[codes >= 0]] <= most
    return small
