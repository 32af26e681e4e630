"""Lines put aside on disk while a stage decides about them."""

from __future__ import annotations

import tempfile
import weakref
from array import array
from typing import IO


class Shelf:
    """Lines put aside in a temporary file and taken back in any order: 16 bytes a line held."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as we
        weakref.finalize(self, self._file.close)
        self._ends = array("Q", [0])
        self._at_end = True

    def __len__(self) -> int:
        return len(self._ends) - 1

    def put(self, line: bytes) -> int:
        """Put a line aside and return its number."""
        if not self._at_end:
            self._file.seek(self._ends[-1])
            self._at_end = True
        self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        return len(self._ends) - 2

    def take(self, number: int) -> bytes:
        """Return the line of that number."""
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        self._at_end = False
        return self._file.read(end - start)
