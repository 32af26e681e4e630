"""The lines of a source once more, in any order: what the second of two passes copies."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right

from synthgate.errors import InputError
from synthgate.jsonl.reading import Source
from synthgate.jsonl.shelf import Shelf


class Recall:
    """The lines of the rows of a source, by their number from 0: 16 bytes a row held.

    Plain files and what was kept of stdin are read where the rows lie; the rows of compressed
    files and of arrays are put aside. A line that is not what it was is an error, so that nothing
    is copied that was not looked at.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._shelf = Shelf()
        self._digests = array("Q")  # keyed by the process: nobody can prepare a line to collide
        self._runs, self._ahead = array("Q"), array("q")  # where lines fall behind rows, by what
        self._bounds: list[tuple[int, int]] = []
        self._firsts: list[int] = []
        self._handles: list[int] = []

    def __len__(self) -> int:
        return len(self._digests)

    def note(self, raw: bytes, line: int) -> None:
        """Take down the row that the source has just yielded."""
        ahead = line - len(self._digests)
        if not self._ahead or self._ahead[-1] != ahead:
            self._runs.append(len(self._digests))
            self._ahead.append(ahead)
        self._digests.append(hash(raw) & 0xFFFFFFFFFFFFFFFF)
        if not self._source.places[-1].seekable:
            self._shelf.put(raw)

    def place(self, number: int) -> tuple[str, int]:
        """Return (file, line) of a row."""
        line = number + self._ahead[bisect_right(self._runs, number) - 1]
        return self._source.streams[self._file(number)].path, line

    def line(self, number: int) -> bytes:
        """Return the line of a row as it was read, or raise `InputError` where it has changed."""
        at = self._file(number)
        first, aside = self._bounds[at]
        places = self._source.places[at]
        if places.seekable:
            line = places.line(self._handles[at], number - first, self._source.max_line + 2)
        else:
            line = self._shelf.take(number - first + aside)
        if hash(line) & 0xFFFFFFFFFFFFFFFF != self._digests[number]:
            file, place = self.place(number)
            raise InputError(f"{file}:{place}: changed while it was being read")
        return line

    def _file(self, number: int) -> int:
        if not self._firsts:
            self._settle()
        return bisect_right(self._firsts, number) - 1

    def _settle(self) -> None:
        """Take down which rows lie in which input, once all have been read."""
        first = aside = 0
        for at, places in enumerate(self._source.places):
            self._bounds.append((first, aside))
            self._firsts.append(first)
            self._handles.append(self._source.handle(at) if places.seekable else -1)
            first += len(places)
            aside += 0 if places.seekable else len(places)

    def close(self) -> None:
        """Close the files that were opened."""
        for handle in self._handles:
            if handle >= 0:
                os.close(handle)
