"""Where the rows of an input lie, so that some of them can be read again."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator

from synthgate.errors import BadLine


class Places:
    """The rows of one input: 8 bytes each where they lie in a plain file.

    Of a compressed file or an array only the bad lines are remembered: all of it is read again.
    """

    def __init__(self, *, seekable: bool) -> None:
        self.seekable = seekable
        self.starts = array("Q")  # of all lines so far, blank ones apart, bad ones until `drop`
        self._bad: set[int] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def note(self, start: int) -> None:
        """Take down where the next line begins."""
        if self.seekable:
            self.starts.append(start)

    def keep(self) -> None:
        """Count the last line as a row."""
        self._count += 1

    def drop(self) -> None:
        """Forget the last line: it is no row."""
        if not self.seekable:
            self._bad.add(self._count + len(self._bad))
        elif self.starts:
            self.starts.pop()

    def lines(self, handle: int, wanted: list[int], longest: int) -> Iterator[bytes]:
        """Yield the lines of some rows, by their numbers, from an open file."""
        for number in wanted:
            yield self.line(handle, number, longest)

    def line(self, handle: int, number: int, longest: int) -> bytes:
        """Return the line of one row from an open file."""
        start = self.starts[number]
        end = self.starts[number + 1] if number + 1 < len(self.starts) else start + longest
        line = os.pread(handle, min(end - start, longest), start)
        return line[: line.find(b"\n") % (len(line) + 1)].rstrip(b" \t\r")

    def sift(
        self, lines: Iterator[tuple[int, bytes | BadLine]], wanted: list[int]
    ) -> Iterator[bytes]:
        """Yield the lines of some rows, by their numbers, ascending, out of all lines."""
        left = iter(wanted)
        row, sought = -1, next(left, None)
        for at, (_, line) in enumerate(lines):
            if sought is None:
                return
            if at in self._bad or isinstance(line, BadLine):
                continue
            row += 1
            if row == sought:
                yield line
                sought = next(left, None)
