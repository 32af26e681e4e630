"""Which rows of a side are used and how often, and why the others are not: by lot, per slice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from synthgate.mixing.table import Table

Array = Any
KEPT, OVER_FRACTION, SURPLUS_REAL, OVER_CAP, OVER_WEIGHT, EXCLUDED, REPEATS, NOT_ASKED = range(8)
REASONS = (
    "", "over_fraction", "surplus_real", "over_cap", "over_weight", "excluded",
    "repeats_synthetic", "not_asked",
)  # fmt: skip


def cut(side: Table, order: Array, keys: Array, most: Mapping[int, int]) -> Array:
    """Return the places of the rows past the first `most` of their key, in the order of lots.

    A key that is not named has no limit.
    """
    ranks = ranked(keys[order])
    limits = np.full(int(keys.max(initial=0)) + 1, len(side), np.int64)
    for key, limit in most.items():
        if key < len(limits):
            limits[key] = limit
    return order[ranks >= limits[keys[order]]]


def ranked(keys: Array) -> Array:
    """Return how many equal keys stand before each: int64."""
    by_key = np.argsort(keys, kind="stable")
    sorted_keys = keys[by_key]
    fresh = np.flatnonzero(np.diff(sorted_keys, prepend=np.int64(-1)))
    counts = np.diff(np.append(fresh, len(keys)))
    found = np.empty(len(keys), np.int64)
    found[by_key] = np.arange(len(keys)) - np.repeat(fresh, counts)
    return found


def uses(side: Table, order: Array, keys: Array, quotas: Mapping[int, int]) -> Array:
    """Return how often each row is used, uint16: a key's quota dealt out in the order of lots.

    The uses of two rows of a key differ by at most one.
    """
    counts = np.bincount(keys, minlength=1) if len(keys) else np.zeros(1, np.int64)
    wanted = np.zeros(len(counts), np.int64)
    for key, quota in quotas.items():
        if key < len(counts):
            wanted[key] = quota
    whole, rest = np.divmod(wanted, np.maximum(counts, 1))
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = ranked(keys[order])
    return (whole[keys] + (ranks < rest[keys])).astype(np.uint16)
