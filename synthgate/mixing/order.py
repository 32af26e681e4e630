"""The order of a mix: each time from what is furthest behind its share.

Within a source rows come by keyed hash, first all first uses, then all second ones; in a balanced
mix, where some are used more often than others, each row's uses are spread instead. The sources of
a side take turns by their numbers of rows, and the sides by the wanted fraction, so that every
prefix is within half a row of it; only the last rows carry what rounding has added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from synthgate.mixing.table import Table, listed

Array = Any
Use = tuple[int, int]


class Pick(NamedTuple):
    """One row of a mix: its side, its number there, and which use of it this is (from 0)."""

    real: bool
    number: int
    copy: int


def picks(
    real: Iterator[Use],
    synthetic: Iterator[Use],
    counts: tuple[int, int],
    fraction: Fraction,
) -> Iterator[Pick]:
    """Yield the rows of a mix of `counts` (real, synthetic) rows."""
    share, whole = fraction.numerator, fraction.denominator
    used, (most, others) = 0, counts
    for count in range(most + others):
        behind = 2 * (share * (count + 1) - used * whole) >= whole
        if used < most and (behind or count - used == others):
            yield Pick(True, *next(real))
            used += 1
        else:
            yield Pick(False, *next(synthetic))


def picks_by_length(
    sides: tuple[Iterator[Use], Iterator[Use]],
    lengths: tuple[Callable[[int], int], Callable[[int], int]],
    fraction: Fraction,
) -> Iterator[Pick]:
    """Yield the rows of a mix so that the real characters of every prefix are near their share.

    Each time the side comes that leaves less of a difference: at most half of the longest row.
    """
    share, whole = fraction.numerator, fraction.denominator
    heads = [next(side, None) for side in sides]
    ahead = 0  # real characters beyond their share, times `whole`
    while (real := heads[0]) is not None or heads[1] is not None:
        other = heads[1]
        steps = (
            None if real is None else ahead + (whole - share) * lengths[0](real[0]),
            None if other is None else ahead - share * lengths[1](other[0]),
        )
        side = _nearer(*steps)
        chosen, ahead = heads[side], steps[side] or 0
        heads[side] = next(sides[side], None)
        if chosen is not None:
            yield Pick(side == 0, *chosen)


def _nearer(real: int | None, synthetic: int | None) -> int:
    if real is None or synthetic is None:
        return int(real is None)
    return int(abs(real) > abs(synthetic))


def in_turn(side: Table, order: Array, uses: Array, spread: bool = False) -> Iterator[Use]:
    """Yield (number, copy) of all uses of the rows of a side, its sources in turns."""
    chosen = order[uses[order] > 0]
    each = _spread if spread else _rounds
    sources = np.unique(side.sources[chosen]).tolist()
    if len(sources) == 1:
        return each(side, chosen, uses)
    sources.sort(key=side.source_names.__getitem__)
    parts = [chosen[side.sources[chosen] == source] for source in sources]
    counts = [int(uses[part].sum()) for part in parts]
    return _turns([each(side, part, uses) for part in parts], counts)


def _rounds(side: Table, places: Array, uses: Array) -> Iterator[Use]:
    for copy in range(int(uses.max(initial=0))):
        for number in listed(side.numbers[places[uses[places] > copy]]):
            yield number, copy


def _spread(side: Table, places: Array, uses: Array) -> Iterator[Use]:
    """Yield the uses of each row at even distances, so that every part of the order is alike."""
    counts = uses[places].astype(np.int64)
    rows = np.repeat(np.arange(len(places)), counts)
    copies = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = np.argsort((copies + rows / max(1, len(places))) / counts[rows], kind="stable")
    numbers = side.numbers[places]
    yield from zip(listed(numbers[rows[order]]), listed(copies[order]), strict=True)


def _turns(parts: Sequence[Iterator[Use]], counts: Sequence[int]) -> Iterator[Use]:
    """Yield from several streams, each time from the one that is furthest behind its share."""
    total, used = sum(counts), [0] * len(parts)
    for done in range(1, total + 1):
        behind = [count * done - total * used[at] for at, count in enumerate(counts)]
        at = behind.index(max(behind))
        used[at] += 1
        yield next(parts[at])
