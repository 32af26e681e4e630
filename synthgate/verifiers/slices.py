"""How many rows of each slice come in and go out, with bounded memory, and which are starved."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from synthgate.formats import dig
from synthgate.rows import Row
from synthgate.stats.interval import chance_of_so_few

ALWAYS = ("source", "generator")
MOST = 10_000  # values of a field that are counted one by one
SHOWN = 100
LONGEST = 200  # characters of a value
NONE = "(none)"
FEW = 20  # rows below which a slice says nothing
ALPHA = 0.01
Counts = dict[str, list[int]]


class Slices:
    """Rows in and out for each value of `source`, `generator` and some fields of the rows."""

    def __init__(self, by: Collection[str] = ()) -> None:
        self._by = tuple(by)
        self._source: str | None = None
        self._generator: str | None = None
        self._last = [0, 0]
        self._found: dict[tuple[str, ...], list[int]] = {}
        self._counts: dict[str, Counts] = {name: {} for name in dict.fromkeys((*ALWAYS, *by))}
        self._more = dict.fromkeys(self._counts, 0)
        self.unseen = set(by)
        """Fields that no row had so far."""

    def add(self, row: Row, kept: bool) -> None:
        """Count one row."""
        provenance = row.provenance
        source, generator = provenance.source, provenance.generator
        if source != self._source or generator != self._generator or self._by:
            self._source, self._generator = source, generator
            self._last = self._counts_of(row)
        self._last[kept] += 1

    def _value(self, row: Row, name: str) -> str:
        value = dig(row.value, name)
        if value is None:
            return NONE
        self.unseen.discard(name)
        return str(value)[:LONGEST]

    def _counts_of(self, row: Row) -> list[int]:
        """Return the numbers of dropped and of kept rows with the values of this one."""
        values = tuple(self._value(row, name) for name in self._by)
        provenance = row.provenance
        key = (provenance.source or NONE, provenance.generator or NONE, *values)
        if key not in self._found and len(self._found) >= MOST:
            self._fold()
        return self._found.setdefault(key, [0, 0])

    def _fold(self) -> None:
        """Add up, field by field, what was counted for each combination of values."""
        names = (*ALWAYS, *self._by)
        for key, (dropped, kept) in self._found.items():
            for name, value in dict(zip(names, key, strict=True)).items():
                self._count(name, value, dropped + kept, kept)
        self._found.clear()
        self._source = self._generator = None

    def _count(self, name: str, value: str, seen: int, kept: int) -> None:
        counts = self._counts[name]
        if value not in counts and len(counts) >= MOST:
            self._more[name] += seen
        else:
            both = counts.setdefault(value, [0, 0])
            both[0] += seen
            both[1] += kept

    def counts(self) -> tuple[dict[str, Counts], dict[str, int], set[str]]:
        """Return what was counted, as data that `absorb` adds up."""
        self._fold()
        return self._counts, self._more, self.unseen

    def absorb(self, counted: tuple[dict[str, Counts], dict[str, int], set[str]]) -> None:
        """Add what was counted of other rows, which come behind these."""
        self._fold()
        counts, more, unseen = counted
        for name, values in counts.items():
            for value, (seen, kept) in values.items():
                self._count(name, value, seen, kept)
            self._more[name] += more[name]
        self.unseen &= unseen

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return {`field=value`: rows in, out and rate}, the largest slices of a field first."""
        self._fold()
        shown: dict[str, dict[str, Any]] = {}
        for name, counts in self._counts.items():
            largest = sorted(counts.items(), key=lambda each: (-each[1][0], each[0]))
            for value, (seen, kept) in largest[:SHOWN]:
                rate = round(kept / seen, 4)
                shown[f"{name}={value}"] = {"rows_in": seen, "rows_out": kept, "rate": rate}
            if rest := sum(seen for _, (seen, _) in largest[SHOWN:]) + self._more[name]:
                shown[f"{name}: and more"] = {"rows_in": rest}
        return shown

    def starved(self) -> Iterator[tuple[str, int, int]]:
        """Yield (`field=value`, rows in, rows out) of the slices that hardly anything is left of.

        Of at least 20 rows none is kept, or so few that half of the rate of all rows would give as
        few in less than 1 of 100 cases.
        """
        self._fold()
        counts = next(iter(self._counts.values()))
        rows, kept = (sum(each[at] for each in counts.values()) for at in (0, 1))
        half = kept / rows / 2 if rows else 0.0
        for name, found in self._counts.items():
            for value, (seen, out) in sorted(found.items()):
                few = not out or chance_of_so_few(out, seen, half) < ALPHA
                if half and seen >= FEW and few:
                    yield f"{name}={value}", seen, out
