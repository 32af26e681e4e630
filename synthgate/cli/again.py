"""Rows that are read more than once, or only looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synthgate.errors import BadLine
from synthgate.jsonl import Source
from synthgate.rows import Row


class Again:
    """Rows whose first pass has begun, and that can be read again from the start."""

    def __init__(self, first: Iterator[Row], source: Source) -> None:
        self._first: Iterator[Row] | None = first
        self._source = source

    def __iter__(self) -> Iterator[Row]:
        first, self._first = self._first, None
        return first if first is not None else iter(self._source)

    @property
    def seekable(self) -> bool:
        return self._source.seekable

    def only(self, numbers: Iterable[int]) -> Iterator[Row]:
        return self._source.only(numbers)


def glance(source: Source, on_error: str) -> Iterator[Row]:
    """Yield the rows of a source for a look at the first of them: it counts none as read."""
    on_bad = refuse_line if on_error == "error" else _leave_line
    return iter(Source(source.paths, source.stamp, on_bad, max_line=source.max_line))


def refuse_line(file: str, line: int, _raw: bytes, error: BadLine) -> None:
    """End the run at a bad line."""
    raise error.at(file, line)


def _leave_line(_file: str, _line: int, _raw: bytes, _error: BadLine) -> None:
    """Leave a bad line to whoever counts it."""
