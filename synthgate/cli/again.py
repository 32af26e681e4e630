"""The rows of a command that reads them more than once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
