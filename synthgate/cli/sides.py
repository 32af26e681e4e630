"""One side of a blend: where its rows lie, what decides about them in memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from synthgate.formats import dig
from synthgate.jsonl import Recall, Source
from synthgate.mixing.choice import REASONS
from synthgate.mixing.table import Table, listed, table
from synthgate.near.scan import Texts
from synthgate.provenance import emit, read, splice
from synthgate.rows import Row, lot

if TYPE_CHECKING:
    from typing import Any

AS_IT_IS, UNSTAMPED, OTHER = range(3)  # what has to be done to write a line again
ASSUMED, OWN = 1, 2  # what is to be recorded in a row
NO_SLICE = "(none)"


class Names:
    """Names as numbers, in the order in which they are met; several sides may share them."""

    def __init__(self, first: tuple[str, ...] = ()) -> None:
        self._numbers = {name: number for number, name in enumerate(first)}

    def number(self, name: str) -> int:
        """Return the number of a name."""
        return self._numbers.setdefault(name, len(self._numbers))

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)


class Numbers:
    """Numbers that take as few bytes each as the largest of them needs."""

    def __init__(self) -> None:
        self.values = array("B")

    def append(self, number: int) -> None:
        """Add a number of at most 32 bits."""
        try:
            self.values.append(number)
        except OverflowError:
            self.values = array("H" if self.values.typecode == "B" else "I", self.values)
            self.append(number)


class Column:
    """The values of a field, one a row, as numbers of their names; two sides share the names."""

    def __init__(self, field: str, names: Names) -> None:
        self.field, self._names, self._numbers = field, names, Numbers()

    def add(self, row: Row) -> None:
        """Take down the value of a row; without a field nothing is kept."""
        if self.field:
            value = dig(row.value, self.field)
            name = NO_SLICE if value is None else str(value)[:200]
            self._numbers.append(self._names.number(name))

    @property
    def values(self) -> array[int]:
        """The numbers of the rows' values."""
        return self._numbers.values

    @property
    def names(self) -> tuple[str, ...]:
        """The values of the rows of both sides, by their numbers."""
        return tuple(self._names)

    @property
    def missing(self) -> bool:
        """Tell whether there are rows, and none of them has the field."""
        return bool(len(self.values)) and not np.asarray(self.values).any()


def columns(field: str) -> tuple[Column, Column]:
    """Return the columns of a field for two sides; rows without it are number 0."""
    names = Names((NO_SLICE if field else "",))
    return Column(field, names), Column(field, names)


class Side:
    """The rows of one side: about 30 bytes each, their lines stay where they are.

    Slices have quotas of their own, classes are balanced; `lengths` says that characters are
    counted, and `alike` that a stamp is known without the row's fields.
    """

    def __init__(
        self,
        source: Source | None,
        seed: int,
        slices: Column,
        classes: Column,
        *,
        lengths: bool = False,
        alike: bool = True,
    ) -> None:
        self.source, self._seed = source, seed
        self.slices, self.classes = slices, classes
        self._unstamped = UNSTAMPED if alike else OTHER
        self._recall = Recall(source) if source else None
        self._source_names = Names()
        self._lots, self._sources = array("Q"), Numbers()
        self._sizes = array("I") if lengths else None
        self._kinds, self._flags = bytearray(), bytearray()
        self.reasons = np.zeros(0, np.uint8)
        self.waiting = ""  # the first row that needs a person

    def __len__(self) -> int:
        return len(self._lots)

    def add(self, row: Row, texts: Texts, flags: int = 0) -> None:
        """Take down the row that the source has just yielded."""
        said = row.provenance
        if self._recall is not None:
            self._recall.note(row.raw, row.line)
        self._lots.append(lot(self._seed, said.id))
        self._sources.append(self._source_names.number(said.source))
        self.slices.add(row)
        self.classes.add(row)
        if self._sizes is not None:
            self._sizes.append(len(texts[0] or "") + len(texts[1] or ""))
        self._kinds.append(self._kind(row))
        self._flags.append(flags)

    def _kind(self, row: Row) -> int:
        """Tell what has to be done to write a row again."""
        if row.raw == row.payload:
            return self._unstamped
        return AS_IT_IS if row.raw == emit(row) else OTHER

    def close(self) -> None:
        """Say that all rows have been added."""
        self.reasons = np.zeros(len(self), np.uint8)

    @property
    def lots(self) -> Any:
        """The lots of all rows, uint64."""
        return np.asarray(self._lots)

    @property
    def flagged(self) -> int:
        """All flags that some row has."""
        return int(np.bitwise_or.reduce(np.frombuffer(self._flags, np.uint8), initial=0))

    def drop(self, numbers: Any, reason: str) -> None:
        """Take rows out of what is mixed."""
        self.reasons[numbers] = REASONS.index(reason)

    def dropped(self) -> Iterator[tuple[int, str]]:
        """Yield (number, reason) of the rows that were taken out, by lot."""
        if not self.reasons.any():
            return
        order = self.whole().order()
        for number in listed(order[self.reasons[order] > 0]):
            yield number, REASONS[self.reasons[number]]

    @property
    def source_names(self) -> tuple[str, ...]:
        """The sources of the rows, by their numbers."""
        return tuple(self._source_names)

    def table(self) -> Table:
        """Return what is known of the rows that are still in."""
        found = self.whole()
        return found.take(np.flatnonzero(self.reasons == 0)) if self.reasons.any() else found

    def whole(self) -> Table:
        """Return what is known of all rows, dropped ones too."""
        return table(
            self._lots, self.line, self._sources.values, self.slices.values, self._sizes or (),
            self.source_names, self.slices.names, self.classes.values, self.classes.names,
        )  # fmt: skip

    def release(self) -> None:
        """Close the files that lines were read from."""
        if self._recall is not None:
            self._recall.close()

    # --- lines --------------------------------------------------------------------------

    def place(self, number: int) -> str:
        """Return `file:line` of a row."""
        file, line = self._recall.place(number) if self._recall else ("", 0)
        return f"{file}:{line}"

    def line(self, number: int) -> bytes:
        """Return the line of a row, as it was read."""
        return self._recall.line(number) if self._recall else b""

    def row(self, number: int) -> Row:
        """Return a row, as it was read."""
        if self.source is None or self._recall is None:
            raise IndexError(number)
        file, line = self._recall.place(number)
        return read(self.line(number), file, line, self.source.stamp)

    def written(self, number: int, marks: dict[int, str], mark: str, generation: int) -> bytes:
        """Return the line that a row is written as.

        `mark` goes into its `override`, and so do those of `marks` whose flag it has; a row of
        unknown generation gets the one that is assumed.
        """
        flags = self._flags[number]
        if not flags and not mark:
            if self._kinds[number] == AS_IT_IS:
                return self.line(number)
            if self._kinds[number] == UNSTAMPED and self.source and self._recall:
                payload, file = self.line(number), self._recall.place(number)[0]
                return splice(payload, self.source.stamp(payload, {}, file))
        row = self.row(number)
        said = [row.provenance.override, *(text for flag, text in marks.items() if flags & flag)]
        fields: dict[str, Any] = {"override": "; ".join(filter(None, [*said, mark]))}
        if flags & ASSUMED:
            fields["generation"] = generation
        return emit(row.marked(**fields))
