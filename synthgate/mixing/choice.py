"""Which rows of a side are used and how often, and why the others are not: by lot, per slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Array = Any
REASONS = (
    "", "over_fraction", "surplus_real", "over_cap", "over_weight", "excluded", "repeats_synthetic",
    "repeats_real",
)  # fmt: skip
OVER_FRACTION, SURPLUS_REAL, OVER_CAP, OVER_WEIGHT, EXCLUDED, REPEATS, REPEATS_REAL = range(
    1, len(REASONS)
)


def over(order: Array, keys: Array, most: Mapping[int, int]) -> Array:
    """Return the rows of an order past the first `most` of their key; a key not named has none."""
    ranks = ranked(keys[order])
    limits = np.full(int(keys.max(initial=0)) + 1, len(keys), np.int64)
    for key, limit in most.items():
        limits[key] = limit
    return order[ranks >= limits[keys[order]]]


def ranked(keys: Array) -> Array:
    """Return how many equal keys stand before each: uint32."""
    count = np.arange(len(keys), dtype=np.uint32)
    if not keys.max(initial=0):
        return count
    by_key = np.argsort(keys, kind="stable").astype(np.uint32)
    ordered = keys[by_key]
    fresh = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])).astype(np.uint32)
    found = np.empty(len(keys), np.uint32)
    found[by_key] = count - np.repeat(fresh, np.diff(np.append(fresh, len(keys))))
    return found


def uses(order: Array, keys: Array, quotas: Mapping[int, int]) -> Array:
    """Return how often each row is used, uint32: the quota of a key, dealt out in an order.

    Rows that are not in the order are not used; the uses of two others of a key differ by at
    most one.
    """
    size = int(keys.max(initial=0)) + 1
    wanted = np.zeros(size, np.uint32)
    for key, quota in quotas.items():
        wanted[key] = quota
    chosen = keys[order]
    counts = np.bincount(chosen, minlength=size).astype(np.uint32)
    whole, rest = np.divmod(wanted, np.maximum(counts, 1))
    found = np.zeros(len(keys), np.uint32)
    found[order] = whole[chosen] + (ranked(chosen) < rest[chosen])
    return found
