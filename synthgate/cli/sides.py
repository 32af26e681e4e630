"""One side of a blend: its rows on disk, what decides about them in memory."""

from __future__ import annotations

from array import array

from synthgate.jsonl import Shelf, Source
from synthgate.provenance import Stamp, emit, read
from synthgate.rows import Row, lot

_STAMP = Stamp().provenance


class Side:
    """The rows of one side, put aside on disk: their lots and where they came from in memory."""

    def __init__(self, source: Source | None, seed: int) -> None:
        self.source, self._seed, self._shelf = source, seed, Shelf()
        self.lots, self._numbers = array("Q"), array("Q")
        self._files: list[str] = []
        self.waiting = ""  # the first row that needs a person

    def __len__(self) -> int:
        return len(self.lots)

    def add(self, row: Row) -> None:
        """Put a row aside."""
        self._shelf.put(emit(row))
        self.lots.append(lot(self._seed, row.id))
        self._numbers.append(row.line)
        self._files.append(row.file)

    def line(self, number: int) -> bytes:
        """Return the line of a row."""
        return self._shelf.take(number)

    def row(self, number: int) -> Row:
        """Return a row, as it was read."""
        return read(self.line(number), self._files[number], self._numbers[number], _STAMP)

    def marked(self, number: int, mark: str) -> bytes:
        """Return the line of a row with one more reason in its `override`."""
        row = self.row(number)
        return emit(row.marked(override="; ".join(filter(None, [row.provenance.override, mark]))))
