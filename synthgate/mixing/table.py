"""What is known of the rows of one side of a mix, one entry a row."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from synthgate.near.tokens import mix

Array = Any  # numpy arrays: their element types are named where it matters
Line = Callable[[int], bytes]
_AT_A_TIME = 4_096


@dataclass(frozen=True)
class Table:
    """The rows of one side: lots uint64, sources, slices and classes as numbers of their names.

    Slices have quotas of their own, classes are balanced; `sizes` (uint32 characters) only where
    the mix is one of characters; `numbers` (uint32) are those that the rows have with the caller,
    who is asked for their lines by them.
    """

    lots: Array
    sources: Array
    slices: Array
    sizes: Array
    numbers: Array
    classes: Array
    source_names: tuple[str, ...] = ("",)
    slice_names: tuple[str, ...] = ("",)
    class_names: tuple[str, ...] = ("",)
    line: Line = field(default=lambda number: b"%d" % number)

    def __len__(self) -> int:
        return len(self.lots)

    def take(self, rows: Array) -> Table:
        """Return the table of some of the rows, by their places in this one, ascending."""
        if len(rows) == len(self):
            return self
        names = ("lots", "sources", "slices", "numbers", "classes")
        parts = {name: getattr(self, name)[rows] for name in names}
        sizes = self.sizes[rows] if len(self.sizes) else self.sizes
        return replace(self, **parts, sizes=sizes)

    def order(self, epoch: int = 0) -> Array:
        """Return the places of the rows by lot, uint32; rows with one lot by the bytes of lines.

        So the order is the same whatever order the rows came in. Each epoch has lots of its own,
        made from those of the first.
        """
        lots = self.lots
        if epoch:
            lots = mix(lots ^ mix(np.array([epoch], np.uint64)))
        order = np.argsort(lots, kind="stable").astype(np.uint32)
        for start, end in _ties(lots[order]):
            tied = order[start:end]
            order[start:end] = sorted(tied.tolist(), key=self._text)
        return order

    def _text(self, place: int) -> bytes:
        return self.line(int(self.numbers[place]))


def listed(values: Array) -> Iterator[int]:
    """Yield the elements of an array as Python's own: as objects they would take 36 bytes each."""
    for start in range(0, len(values), _AT_A_TIME):
        yield from values[start : start + _AT_A_TIME].tolist()


def _ties(values: Array) -> list[tuple[int, int]]:
    """Return (first, past the last) of each run of equal values longer than one."""
    same = np.concatenate(([False], values[1:] == values[:-1], [False])).astype(np.int8)
    changes = np.diff(same)
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return [(int(start), int(end) + 1) for start, end in zip(starts, ends, strict=True)]


def table(
    lots: Sequence[int] | array[int],
    line: Line,
    sources: Sequence[int] | array[int] = (),
    slices: Sequence[int] | array[int] = (),
    sizes: Sequence[int] = (),
    source_names: Sequence[str] = ("",),
    slice_names: Sequence[str] = ("",),
    classes: Sequence[int] | array[int] = (),
    class_names: Sequence[str] = ("",),
) -> Table:
    """Return the table of a side; without sources, slices or classes all have the first one."""
    count = len(lots)

    def numbered(values: Sequence[int] | array[int]) -> Array:
        if not len(values):
            return np.broadcast_to(np.uint8(0), count)  # takes no memory
        return np.asarray(values, None if isinstance(values, array) else np.uint32)

    return Table(
        np.asarray(lots, np.uint64),
        numbered(sources),
        numbered(slices),
        np.asarray(sizes, np.uint32),
        np.arange(count, dtype=np.uint32),
        numbered(classes),
        tuple(source_names),
        tuple(slice_names),
        tuple(class_names),
        line,
    )
