"""Rows that can be read again: what a stage of two passes is handed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from synthgate.rows import Row


@runtime_checkable
class Again(Protocol):
    """Rows that can be read from the start again, and some of them by their numbers from 0.

    `only` takes ascending numbers; unless `seekable`, each call takes the time of a whole pass.
    """

    @property
    def seekable(self) -> bool:
        """Whether a call of `only` takes the time of the rows that it yields."""

    def __iter__(self) -> Iterator[Row]: ...

    def only(self, numbers: Iterable[int]) -> Iterator[Row]:
        """Yield some rows, which may have no line number."""


class Held:
    """Rows held in memory."""

    seekable = True

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def only(self, numbers: Iterable[int]) -> Iterator[Row]:
        """Yield some rows."""
        return (self._rows[number] for number in numbers)
