"""Rows whose first ones are looked at before the others are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from synthgate.rows import Row


class Headed:
    """The same rows, with the first of them at hand; read again if they can be."""

    def __init__(self, rows: Iterable[Row], count: int) -> None:
        self._rows = rows
        self._rest: Iterator[Row] | None = iter(rows)
        self.head = list(islice(self._rest, count))

    def __iter__(self) -> Iterator[Row]:
        rest, self._rest = self._rest, None
        return iter(self._rows) if rest is None else chain(self.head, rest)
