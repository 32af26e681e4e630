"""Rows that share a key, found by several processes: each is given a share of the keys.

What `groups` finds in all rows at once is found here in shares of the keys and put together again:
the same repeats, the same groups. A share is what `spread` makes of the keys of some rows; the rows
of later parts have larger numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgate.near import bands, groups
from synthgate.near.survey import Survey

Array = Any
Pairs = tuple[Array, Array]


@dataclass(frozen=True)
class Equal:
    """Rows (n,) uint32 of one share with the digests (n, 2) that they may have in common.

    `worth` (n,) is by what rows are preferred, empty where the first one is.
    """

    rows: Array
    digests: Array
    worth: Array


@dataclass(frozen=True)
class Keyed:
    """Rows (n,) uint32 of one share, their sketches (n, bands), and the keys that they have there.

    `keys` holds (places in `rows`, keys uint32) of each band; `short` (rows, keys) of short texts.
    """

    rows: Array
    sketch: Array
    keys: list[Pairs]
    short: Pairs


def equal(digests: Array, worth: Array, alive: Array, first: int, shares: int) -> list[Equal]:
    """Return the shares of the rows that are `alive`; their numbers begin with `first`."""
    rows = np.flatnonzero(alive)
    share = digests[rows, 0] % np.uint64(shares)
    found = []
    for number in range(shares):
        chosen = rows[share == number]
        numbers = (chosen + first).astype(np.uint32)
        found.append(Equal(numbers, digests[chosen], worth[chosen] if len(worth) else worth))
    return found


def repeats(parts: Iterable[Equal]) -> Pairs:
    """Return (rows that repeat another, the preferred ones) of one share, rows ascending."""
    held = list(parts)
    rows = _joined([part.rows for part in held], np.uint32)
    digests = np.concatenate([np.zeros((0, 2), np.uint64), *(part.digests for part in held)])
    worth = _joined([part.worth for part in held], np.float64)
    survivors = groups.repeated(digests, preferred(worth, len(rows)), np.ones(len(rows), bool))
    gone = np.flatnonzero(survivors >= 0)
    gone = gone[np.argsort(rows[gone])]
    return rows[gone], rows[survivors[gone]]


def preferred(worth: Array, count: int) -> Array:
    """Return the place of each row in the order of preference, equals in their order."""
    ranks = np.arange(count, dtype=np.uint32)
    if len(worth):
        ranks[np.argsort(-worth, kind="stable")] = np.arange(count, dtype=np.uint32)
    return ranks


def keyed(known: Survey, alive: Array, first: int, shares: int) -> list[Keyed]:
    """Return the shares of the keys of rows that are `alive`; their numbers begin with `first`."""
    rows = np.flatnonzero(alive)
    keys = np.stack([keys[rows] for keys in known.keys], axis=1) if known.keys else None
    sketch = known.sketch[rows] if known.keys else None
    owners, marks = known.short
    living = alive[owners]
    owners, marks = (owners[living] + first).astype(np.uint32), marks[living]
    return [
        _share(rows + first, keys, sketch, (owners, marks), number, shares)
        for number in range(shares)
    ]


def _share(
    rows: Array, keys: Array | None, sketch: Array | None, short: Pairs, number: int, shares: int
) -> Keyed:
    mine = short[1] % np.uint32(shares) == number
    texts = short[0][mine], short[1][mine]
    if keys is None or sketch is None:
        return Keyed(np.zeros(0, np.uint32), np.zeros((0, 0), np.uint8), [], texts)
    chosen = keys % np.uint32(shares) == number
    used = np.flatnonzero(chosen.any(axis=1))
    places = np.cumsum(chosen.any(axis=1)) - 1
    columns = []
    for band in range(keys.shape[1]):
        at = np.flatnonzero(chosen[:, band])
        columns.append((places[at].astype(np.uint32), keys[at, band]))
    return Keyed(rows[used].astype(np.uint32), sketch[used], columns, texts)


def linked(parts: Iterable[Keyed], threshold: float) -> Pairs:
    """Return pairs (row, first row of its group) of the rows that one share of the keys links."""
    held = list(parts)
    rows = _joined([part.rows for part in held], np.uint32)
    begins = np.cumsum([0, *(len(part.rows) for part in held)])[:-1]
    sketched = [part.sketch for part in held if len(part.rows)]
    sketch = np.concatenate(sketched) if sketched else None
    pairs: list[Pairs] = []
    for band in range(max((len(part.keys) for part in held), default=0)):
        columns = [part.keys[band] if part.keys else _NONE for part in held]
        places = [at + start for (at, _), start in zip(columns, begins.tolist(), strict=True)]
        keys = _joined([keys for _, keys in columns], np.uint32)
        for found in groups.edges(keys, _joined(places, np.uint32), groups.REACH):
            one, other = groups.taken(found, bands.likely(*found, sketch, threshold))
            pairs.append((rows[one], rows[other]))
    owners = _joined([part.short[0] for part in held], np.uint32)
    pairs += groups.edges(_joined([part.short[1] for part in held], np.uint32), owners)
    return forest(pairs)


def forest(pairs: list[Pairs]) -> Pairs:
    """Return as few pairs as link the same rows: (row, first row of its group)."""
    rows, begins = groups.components(pairs)
    sizes = np.diff(np.append(begins, len(rows)))
    return rows.astype(np.uint32), np.repeat(rows[begins], sizes).astype(np.uint32)


_NONE: Pairs = (np.zeros(0, np.uint32), np.zeros(0, np.uint32))


def _joined(parts: list[Array], kind: Any) -> Array:
    return np.concatenate([np.zeros(0, kind), *parts]).astype(kind)
