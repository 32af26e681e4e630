"""Rows as pages that are read twice: what stages of two passes are handed."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from synthgate.errors import BadLine
from synthgate.jsonl.pages import Bad, Line, LinesPage, Page, RowsPage
from synthgate.rows import Row

_ROWS = 1024  # of a page in memory


class Found(Protocol):
    """What is reported of a page after the first pass: see `Looked`."""

    @property
    def numbers(self) -> array[int]: ...
    @property
    def starts(self) -> array[int]: ...
    @property
    def lines(self) -> int: ...
    @property
    def bad(self) -> list[Bad]: ...
    @property
    def edited(self) -> int: ...
    @property
    def check(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page and what pass 1 found there.

    `file` is its number among the inputs and `before` the lines of that file before the page;
    `numbers` is None where each line is a row, `bad` are the places of lines that are none and
    `check` is the sum over its bytes.
    """

    page: Page
    file: int
    name: str
    before: int
    rows: int
    numbers: array[int] | None
    starts: array[int] | None
    bad: frozenset[int]
    check: int = 0

    def line(self, row: int) -> int:
        """Return the line number of a row of this page in its file."""
        return self.before + (row + 1 if self.numbers is None else self.numbers[row])


class Pages(Protocol):
    """Rows as pages. After the first pass each page is reported, in order."""

    @property
    def handles(self) -> tuple[int, ...]:
        """The descriptors that another process must inherit to read the pages."""

    @property
    def seekable(self) -> bool:
        """Whether `pick` takes the time of the rows that are asked for, and not of all."""

    def first(self) -> Iterator[Page]:
        """Yield the pages for the first pass."""

    def took(self, found: Found) -> None:
        """Take down what was found of the next page."""

    def pick(self, numbers: Sequence[int]) -> Page:
        """Return a page of some rows, by their numbers from 0, ascending."""


class HeldPages:
    """Rows in memory as pages."""

    handles: tuple[int, ...] = ()
    seekable = True

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def first(self) -> Iterator[Page]:
        """Yield the pages for the first pass."""
        for start in range(0, len(self._rows), _ROWS):
            yield RowsPage(list(self._rows[start : start + _ROWS]))

    def took(self, found: Found) -> None:
        """Nothing is to be remembered: the rows are here."""

    def pick(self, numbers: Sequence[int]) -> Page:
        """Return a page of some rows."""
        return RowsPage([self._rows[number] for number in numbers])


def sliced(page: Page, most: int) -> Iterator[Page]:
    """Yield the lines of a page as pages of so many at most."""
    if isinstance(page, RowsPage):
        yield from (RowsPage(page.rows[at : at + most]) for at in range(0, len(page.rows), most))
        return
    lines = page.lines()
    while held := list(islice(lines, most)):
        yield LinesPage(held, len(held))


def gathered(
    lines: Iterable[tuple[int, bytes | BadLine]], name: str, size: int
) -> Iterator[LinesPage]:
    """Yield numbered lines of a file, which are read from its start, as pages of about a size."""
    held: list[Line] = []
    before = last = held_bytes = 0
    for last, raw in lines:
        at = last - before
        if isinstance(raw, BadLine):
            held.append((at, 0, Bad(at, b"", raw.reason, raw.detail, raw.column)))
            continue
        held.append((at, 0, raw))
        held_bytes += len(raw)
        if held_bytes >= size:
            yield LinesPage(held, at, before, name=name)
            held, before, held_bytes = [], last, 0
    if held:
        yield LinesPage(held, last - before, before, name=name)
