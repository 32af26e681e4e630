"""Which rows are excluded: those that are named, and all that were made from them.

Two steps, one pass each. Rows are looked at in any order, by any number of processes (`Kin`); then
every line of descent is followed once, from what is named downwards (`excluded`). A row is known
by its id: a row with the very bytes of an excluded one is excluded, too. Ids are held as 64-bit
hashes, so that of a million rows one is mistaken for another with a chance below one in a million.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synthgate.exclusions import Exclusion
from synthgate.rows import Provenance, lot

Array = Any
_FIELDS = ("source", "generator", "run", "prompt", "id")  # the first one that is named says why


class Barred:
    """What is excluded by name; `whys` are the reasons, by number."""

    def __init__(self, exclusions: Iterable[Exclusion]) -> None:
        self.whys: list[str] = []
        self._by: dict[str, dict[str, int]] = {kind: {} for kind in _FIELDS}
        for each in sorted(set(exclusions), key=lambda e: (e.kind, e.value, e.reason)):
            if each.value not in self._by[each.kind]:
                self._by[each.kind][each.value] = len(self.whys)
                self.whys.append(f"{each.kind} {each.value}: {each.reason}")
        self._fields = [(name, self._by[name]) for name in _FIELDS if self._by[name]]

    def of(self, row: Provenance) -> int:
        """Return the number of the reason for which a row is excluded by name, -1 for none."""
        for name, known in self._fields:
            number = known.get(getattr(row, name))
            if number is not None:
                return number
        return -1

    def also(self, why: str) -> int:
        """Return the number of one more reason, for rows that have no name of their own."""
        self.whys.append(why)
        return len(self.whys) - 1

    def why(self, kind: str, value: str) -> str:
        """Return why a name is excluded, "" where it is not."""
        number = self._by[kind].get(value, -1)
        return self.whys[number] if number >= 0 else ""

    @property
    def ids(self) -> Iterable[str]:
        """The ids that are excluded, whether or not their rows are seen."""
        return self._by["id"]


def key(row_id: str) -> int:
    """Return what stands for an id: 64 bits, whatever text a row gives as the id of a parent."""
    return lot("descent", row_id)


@dataclass
class Kin:
    """What is kept of rows in order to follow their descent; it can be pickled.

    `keys` and `named` have one entry a row. Of each row with parents `children` has the number and
    `parents` the text; of each of its parents `steps` has its place there and `above` the key.
    """

    keys: array[int] = field(default_factory=lambda: array("Q"))
    named: array[int] = field(default_factory=lambda: array("i"))
    children: array[int] = field(default_factory=lambda: array("I"))
    parents: list[str] = field(default_factory=list)
    steps: array[int] = field(default_factory=lambda: array("I"))
    above: array[int] = field(default_factory=lambda: array("Q"))

    def look(self, row: Provenance, named: int) -> None:
        """Take down one more row; `named` is the number of the reason why it goes, -1 for none."""
        if row.parents:
            self.children.append(len(self.keys))
            for parent in row.parents.split():
                self.steps.append(len(self.parents))
                self.above.append(key(parent))
            self.parents.append(row.parents)
        self.keys.append(key(row.id))
        self.named.append(named)

    def __len__(self) -> int:
        return len(self.keys)


def kin_of(rows: Iterable[Provenance], named: Barred) -> Kin:
    """Return what is kept of some rows."""
    found = Kin()
    for row in rows:
        found.look(row, named.of(row))
    return found


def excluded(parts: Sequence[Kin], named: Barred) -> dict[int, str]:
    """Return {number: why} of the rows that are excluded; rows are numbered through all parts."""
    begins = np.cumsum([0, *map(len, parts)])
    keys, own = _joined(parts, "keys", np.uint64), _joined(parts, "named", np.int64)
    above = _joined(parts, "above", np.uint64)
    owners = [
        np.asarray(part.children, np.int64)[np.asarray(part.steps, np.int64)] + begin
        for part, begin in zip(parts, begins.tolist(), strict=False)
    ]
    below = keys[np.concatenate([np.zeros(0, np.int64), *owners])]
    roots = np.array([key(row_id) for row_id in named.ids], np.uint64)
    gone = closed(above, below, np.concatenate([roots, keys[own >= 0]]))
    found: dict[int, str] = {}
    going = set(gone.tolist())
    for number in np.flatnonzero(own >= 0).tolist():
        found[number] = named.whys[own[number]]
    for part, begin in zip(parts, begins.tolist(), strict=False):
        for child, text in zip(part.children, part.parents, strict=True):
            if child + begin not in found and (parent := _first(text, going)):
                found[child + begin] = f"made from {parent}"
    for number in np.flatnonzero(np.isin(keys, gone)).tolist():
        found.setdefault(number, "has the bytes of a row that is excluded")
    return dict(sorted(found.items()))


def _joined(parts: Sequence[Kin], name: str, kind: Any) -> Array:
    return np.concatenate(
        [np.zeros(0, kind), *(np.asarray(getattr(part, name), kind) for part in parts)]
    )


def _first(parents: str, going: set[int]) -> str:
    """Return the first of some parents that goes, "" for none."""
    return next((parent for parent in parents.split() if key(parent) in going), "")


def closed(above: Array, below: Array, roots: Array) -> Array:
    """Return the keys that are reached from `roots`, roots too: see `Steps`."""
    return Steps(above, below).reached(roots)


class Steps:
    """The steps of descent, from `above` to `below`: two arrays of keys, uint64 and as long."""

    def __init__(self, above: Array, below: Array) -> None:
        self._nodes, places = np.unique(np.concatenate([above, below]), return_inverse=True)
        upper, lower = places[: len(above)], places[len(above) :]
        self._lower = lower[np.argsort(upper, kind="stable")]
        self._counts = np.bincount(upper, minlength=len(self._nodes))
        self._starts = np.cumsum(self._counts) - self._counts

    def reached(self, roots: Array) -> Array:
        """Return the keys that are reached from some, these too, sorted.

        Every step is followed once, whatever the order and the depth; rings end.
        """
        reached = np.isin(self._nodes, roots)
        level = np.flatnonzero(reached)
        while len(level):
            following = np.unique(self._lower[_ranges(self._starts[level], self._counts[level])])
            level = following[~reached[following]]
            reached[level] = True
        return np.union1d(self._nodes[reached], roots)


def _ranges(starts: Array, counts: Array) -> Array:
    """Return all numbers from each start on, as many as its count."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - counts), counts)


class Heirs:
    """The same row by row, for rows that come after those that they were made from."""

    def __init__(self, barred: Barred) -> None:
        self._barred = barred
        self._gone = set(map(key, barred.ids))

    def why(self, row: Provenance) -> str:
        """Return why a row is excluded, "" where it is not."""
        number = self._barred.of(row)
        parent = "" if number >= 0 else _first(row.parents, self._gone)
        if number < 0 and not parent:
            return ""
        self._gone.add(key(row.id))
        return self._barred.whys[number] if number >= 0 else f"made from {parent}"

    def bar(self, row: Provenance) -> None:
        """Say that a row is excluded."""
        self._gone.add(key(row.id))
