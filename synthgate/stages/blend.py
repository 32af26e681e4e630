"""Mix real and synthetic rows at an exact fraction.

Shape: whole. Memory: about 30 bytes a row, in arrays; the rows themselves stay with the caller,
who asks for them by number.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from synthgate.mixing import choice, lengths
from synthgate.mixing.balance import balanced
from synthgate.mixing.counts import CAP, Quota, Shortage, holding, quotas, refuse_shortage, shared
from synthgate.mixing.order import Pick, in_turn, picks, picks_by_length
from synthgate.mixing.table import Table, listed

Array = Any
Names = Mapping[str, Any]


@dataclass(frozen=True)
class Wish:
    """What is wanted of a mix; weights and caps are by source."""

    fraction: Fraction
    shortage: Shortage = CAP
    weights: Mapping[str, Fraction] | None = None
    caps: Mapping[str, int] | None = None  # for `over_caps`, before anything is divided
    chars: bool = False
    epoch: int = 0
    balance: bool = False


@dataclass(frozen=True)
class Mixed:
    """A mix, decided: of each side (real, synthetic) its rows, how often each is used, why not.

    `uses` uint32; `reasons` uint8, numbers of `choice.REASONS`, 0 for rows that are used.
    """

    wish: Wish
    sides: tuple[Table, Table]
    quotas: list[Quota]
    uses: tuple[Array, Array]
    reasons: tuple[Array, Array]

    @property
    def counts(self) -> tuple[int, int]:
        """How many output rows are real, and how many synthetic."""
        return int(self.uses[0].sum()), int(self.uses[1].sum())

    @property
    def repeats(self) -> int:
        """How many output rows are a second or later use of a real row."""
        return self.counts[0] - int((self.uses[0] > 0).sum())

    @property
    def achieved(self) -> float:
        """The real share of the output in its unit; 0 if there is none."""
        real = sum(quota.real for quota in self.quotas)
        return real / max(1, real + sum(quota.synthetic for quota in self.quotas))

    def picks(self) -> Iterator[Pick]:
        """Yield the rows of the mix in their order."""
        real, synthetic = self.sides
        epoch, spread = self.wish.epoch, self.wish.balance
        turns = (
            in_turn(real, real.order(epoch), self.uses[0], spread),
            in_turn(synthetic, synthetic.order(epoch), self.uses[1]),
        )
        if not self.wish.chars:
            return picks(*turns, self.counts, self.wish.fraction)
        sizes = (_by_number(real), _by_number(synthetic))
        return picks_by_length(turns, sizes, self.wish.fraction)

    def drops(self) -> Iterator[tuple[Pick, str]]:
        """Yield the rows that are not used, each with its reason: synthetic ones first, by lot."""
        for real, at in ((False, 1), (True, 0)):
            side, reasons = self.sides[at], self.reasons[at]
            order = side.order()
            for place in listed(order[reasons[order] > 0]):
                yield Pick(real, int(side.numbers[place]), 0), choice.REASONS[reasons[place]]


def _by_number(side: Table) -> Callable[[int], int]:
    """Return what tells the size of a row by its number."""
    sizes = array("I", bytes(4 * (int(side.numbers.max(initial=0)) + 1)))
    np.asarray(sizes)[side.numbers] = side.sizes
    return sizes.__getitem__


def blend(real: Table, synthetic: Table, wish: Wish) -> Mixed:
    """Decide a mix: which rows, how often, and why the others are not used.

    First the weights of sources, then the fraction of each slice, then the balance of classes,
    where it is wanted; what goes within one of them is decided by lot.
    Raises `UsageError` where too few real rows are an error.
    """
    sides = (real, synthetic)
    reasons = tuple(np.zeros(len(side), np.uint8) for side in sides)
    orders = [side.order() for side in sides]
    shares = [_shares(side, wish.weights) for side in sides]
    most = 1 if wish.fraction == 1 else wish.shortage.most
    limits = [_counted(side, order) for side, order in zip(sides, orders, strict=True)]
    if shares[1]:
        fitting = _of_sources(synthetic, shared(holding(limits[1], shares[1]), shares[1]))
        reasons[1][_over_weight(sides, orders, fitting, wish)] = choice.OVER_WEIGHT
        orders[1] = orders[1][reasons[1][orders[1]] == 0]
    found, keys, wanted = _wanted(sides, orders, shares, limits, wish, most)
    if wish.balance:
        keys, wanted = balanced(sides, orders, keys, wanted, most)
    uses = tuple(choice.uses(orders[at], keys[at], wanted[at]) for at in (0, 1))
    for at, why in ((0, choice.SURPLUS_REAL), (1, choice.OVER_FRACTION)):
        reasons[at][(uses[at] == 0) & (reasons[at] == 0)] = why
    return Mixed(wish, sides, found, (uses[0], uses[1]), (reasons[0], reasons[1]))


def _over_weight(
    sides: tuple[Table, Table], orders: list[Array], fitting: dict[int, int], wish: Wish
) -> Array:
    """Return the synthetic rows past what fits of their source, by lot or of full classes."""
    keys = [sides[0].slices, sides[1].sources]
    if not wish.balance:
        return choice.over(orders[1], keys[1], fitting)
    known = fitting | {key: 0 for key in np.unique(keys[1]).tolist() if key not in fitting}
    cells, wanted = balanced(sides, orders, keys, [{0: len(orders[0])}, known], 1)
    return orders[1][choice.uses(orders[1], cells[1], wanted[1])[orders[1]] == 0]


def over_caps(side: Table, caps: Mapping[str, int] | None) -> Array:
    """Return the numbers of the rows past the cap of their source, by lot."""
    if not caps:
        return side.numbers[:0]
    return side.numbers[choice.over(side.order(), side.sources, _of_sources(side, caps))]


def held_back(wish: Wish) -> Wish:
    """Return what is wanted of rows held out for validation: no row of them comes twice."""
    return replace(wish, shortage=CAP, epoch=0)


def _of_sources(side: Table, values: Names | None) -> dict[int, Any]:
    """Return the values of the sources that this side has, by their numbers."""
    names = enumerate(side.source_names)
    return {number: values[name] for number, name in names if values and name in values}


def _counted(side: Table, order: Array) -> dict[str, int]:
    """Return how many rows of each source an order holds, by name."""
    counts = np.bincount(side.sources[order], minlength=len(side.source_names)).tolist()
    return {name: count for name, count in zip(side.source_names, counts, strict=False) if count}


def _shares(side: Table, weights: Mapping[str, Fraction] | None) -> dict[str, Fraction]:
    """Return the share of each source in its side, empty where none of them has a weight."""
    names = [side.source_names[number] for number in np.unique(side.sources).tolist()]
    if not weights or not any(name in weights for name in names):
        return {}
    total = sum((weights.get(name, Fraction(1)) for name in names), Fraction(0))
    return {name: weights.get(name, Fraction(1)) / total for name in names} if total else {}


def _wanted(
    sides: tuple[Table, Table],
    orders: list[Array],
    shares: list[dict[str, Fraction]],
    limits: list[dict[str, int]],
    wish: Wish,
    most: int,
) -> tuple[list[Quota], list[Array], list[dict[int, int]]]:
    """Return the quotas, the keys of the rows of each side, and the rows wanted of each key."""
    if wish.chars:
        found, wanted = _by_length(sides, orders, wish)
        return found, [side.slices for side in sides], wanted
    shortage = wish.shortage
    counts = _slices(sides, orders)
    if shares[0]:
        held = holding({name: limit * most for name, limit in limits[0].items()}, shares[0])
        counts = {"": (held, counts.get("", (0, 0))[1])}
        shortage = Shortage("error") if shortage.how == "error" else CAP
    found = quotas(counts, wish.fraction, shortage)
    keys, wanted = [], []
    for at, side in enumerate(sides):
        by_slice = {each.name: (each.real, each.synthetic)[at] for each in found}
        numbers = {name: number for number, name in enumerate(side.slice_names)}
        by_key = {numbers[name]: count for name, count in by_slice.items() if name in numbers}
        if shares[at]:
            by_key = _of_sources(side, shared(sum(by_slice.values()), shares[at]))
        keys.append(side.sources if shares[at] else side.slices)
        wanted.append(_present(keys[-1], by_key))
    return found, keys, wanted


def _present(keys: Array, wanted: dict[int, int]) -> dict[int, int]:
    top = int(keys.max(initial=0))
    return {key: count for key, count in wanted.items() if key <= top}


def _slices(sides: tuple[Table, Table], orders: list[Array]) -> dict[str, tuple[int, int]]:
    """Return (real, synthetic) rows of each slice that has any, by name."""
    names = sides[0].slice_names
    counts = [
        np.bincount(side.slices[order], minlength=len(names)).tolist()
        for side, order in zip(sides, orders, strict=True)
    ]
    return {
        name: (real, synthetic)
        for name, real, synthetic in zip(names, *counts, strict=True)
        if real or synthetic
    }


def _by_length(
    sides: tuple[Table, Table], orders: list[Array], wish: Wish
) -> tuple[list[Quota], list[dict[int, int]]]:
    """Return the quotas of the slices in characters, and the rows wanted of each."""
    found: list[Quota] = []
    wanted: list[dict[int, int]] = [{}, {}]
    for number, name in enumerate(sides[0].slice_names):
        real, synthetic = (
            side.sizes[order[side.slices[order] == number]]
            for side, order in zip(sides, orders, strict=True)
        )
        if not len(real) and not len(synthetic):
            continue
        totals = (int(real.sum()), int(synthetic.sum()))
        if wish.shortage.how == "error" and wish.fraction != 1:
            refuse_shortage({name: totals}, wish.fraction / (1 - wish.fraction), "characters")
        rows = lengths.quota(real, synthetic, wish.fraction, wish.shortage)
        for at, count in enumerate(rows):
            wanted[at][number] = count
        rounds, rest = divmod(rows[0], max(1, len(real)))
        used = rounds * totals[0] + int(real[:rest].sum())
        found.append(Quota(name, *totals, used, int(synthetic[: rows[1]].sum())))
    for at, side in enumerate(sides):
        wanted[at] = _present(side.slices, wanted[at])
    return found, wanted
