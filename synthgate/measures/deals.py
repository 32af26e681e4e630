"""Rows dealt into parts of equal size, again and again: which rows a measure compares with which.

Real rows are dealt into a reference and two parts of n rows; n of the other rows are dealt beside
them. What a measure says of the two real parts is what chance does. No deal depends on the order of
the rows or on a random state: a row's place is a hash of the seed, its text and the deal's number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthgate.measures import Sample
from synthgate.rows import lot

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

DEALS = 40
MOST = 2000
"""Rows of a part at most."""

FEWEST = 20
_MORE = 4  # parts' worth of the other rows that is used
_DEEP = 12  # the same of real rows


@dataclass(frozen=True)
class Deal:
    """Numbers of rows: n of those that are measured, n and n real ones, the other real ones."""

    rows: Numbers
    one: Numbers
    other: Numbers
    reference: Numbers


@dataclass(frozen=True)
class Table:
    """What is dealt, `rows` rows first and then `real` ones, and all deals of their numbers."""

    texts: list[str]
    slices: dict[str, list[str]]
    rows: int
    real: int
    size: int
    deals: tuple[Deal, ...]
    halves: tuple[Numbers, ...]
    lots: Any

    def drawn(self, times: int, most: int) -> list[Numbers]:
        """Return up to `most` of the real rows, 0 the first of them, so many times over."""
        return [_shuffled(self.lots, 2 * DEALS + draw)[:most] for draw in range(times)]

    @property
    def spread(self) -> float:
        """Variance of a ratio, of what chance does, as a share of that between two real parts.

        The measured rows are used `rows / n` times over and the real ones `real / n` times; a mean
        over deals varies as a mean over all of them does, and a little for the draw of the deals.
        """
        draws = len(self.deals)
        theirs, ours = self.size / self.rows, self.size / self.real
        chance = (1 - theirs) / draws + (1 - ours) / (2 * draws)
        return (theirs + ours + chance) / 2


def chosen(seed: str, side: str, sample: Sample, most: int) -> tuple[list[int], Any]:
    """Return the numbers of up to `most` rows, and their lots as uint64, the least first.

    Equal rows are told apart by how many stood before; which of them is which does not matter.
    """
    import numpy as np

    seen: Counter[str] = Counter()
    lots = np.empty(len(sample.texts), dtype=np.uint64)
    fields = list(sample.slices.values())
    for row, text in enumerate(sample.texts):
        key = "\n".join([*(values[row] for values in fields), text])
        lots[row] = lot(f"{seed}\n{side}", f"{seen[key]}\n{key}")
        seen[key] += 1
    order = np.argsort(lots, kind="stable")[:most]
    return order.tolist(), lots[order]


def sizes(rows: int, real: int) -> tuple[int, int, int]:
    """Return (rows in a part, rows used, real rows used)."""
    size = min(rows, real // 3, MOST)
    return size, min(rows, _MORE * size), min(real, _DEEP * size, 3 * MOST)


def table(seed: str, rows: Sample, real: Sample) -> Table:
    """Return the rows that are dealt and the deals."""
    size, some, others = sizes(len(rows.texts), len(real.texts))
    row_numbers, row_lots = chosen(seed, "rows", rows, some)
    real_numbers, real_lots = chosen(seed, "real", real, others)
    both = _joined(rows.part(row_numbers), real.part(real_numbers))
    deals = tuple(_deal(row_lots, real_lots, size, draw) for draw in range(DEALS))
    # Half samples vary as bootstrap samples do, and repeat no row.
    halves = tuple(_shuffled(row_lots, DEALS + draw)[: some // 2] for draw in range(DEALS))
    return Table(both.texts, both.slices, some, others, size, deals, halves, real_lots)


def _deal(row_lots: Any, real_lots: Any, size: int, draw: int) -> Deal:
    mine = _shuffled(row_lots, draw)[:size]
    theirs = len(row_lots) + _shuffled(real_lots, draw)
    return Deal(mine, theirs[:size], theirs[size : 2 * size], theirs[2 * size :])


def _joined(rows: Sample, real: Sample) -> Sample:
    """Return the rows and then the real ones, with the fields that have a value in common."""
    shared = {
        name: [*rows.slices[name], *values]
        for name, values in real.slices.items()
        if (set(rows.slices.get(name, ())) - {""}) & set(values)
    }
    return Sample([*rows.texts, *real.texts], shared)


def _shuffled(lots: Any, draw: int) -> Any:
    """Return the numbers 0 to n - 1 in the order of one draw."""
    import numpy as np

    from synthgate.near.tokens import mix

    step = mix(np.array([draw + 1], dtype=np.uint64))
    return np.argsort(mix(lots ^ step), kind="stable")
