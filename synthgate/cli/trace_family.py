"""The rows of a trace by descent, and which of them go with what is excluded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgate.descent import Barred, Kin, closed, excluded, key
from synthgate.rows import Row
from synthgate.sample import set_digest
from synthgate.tracing.origins import origins
from synthgate.tracing.ranking import Ranked

_ID = 32  # bytes


@dataclass(frozen=True)
class Gone:
    """The ids of rows that go, sorted; how many of them are named, and the digest of all."""

    ids: list[str]
    named: int
    digest: str


class Family:
    """All rows that were looked at: ids, descent, and what is named of them.

    `matches` is the number of the reason for which rows that match go, -1 if they do not.
    """

    def __init__(self, named: Barred, matches: int) -> None:
        self._named, self._matches = named, matches
        self._kin, self._ids = Kin(), bytearray()
        self._names: dict[str, int] = {}
        self._sources, self._hits = array("I"), array("b")
        self._values: dict[str, set[str]] = {
            kind: set() for kind in ("source", "generator", "prompt", "run")
        }

    def __len__(self) -> int:
        return len(self._kin)

    def add(self, row: Row, matched: bool | None, *, counted: bool = False) -> None:
        """Look at a row; only the command's own ones are `counted` for where matches come from."""
        said = row.provenance
        number = self._named.of(said)
        self._kin.look(said, self._matches if matched and number < 0 else number)
        self._ids += bytes.fromhex(said.id)
        self._sources.append(self._names.setdefault(said.source, len(self._names)))
        self._hits.append(int(matched) if counted and matched is not None else -1)
        for kind, values in self._values.items():
            values.add(getattr(said, kind))

    def values(self, kind: str) -> set[str] | None:
        """Return the names of a kind that some row has; None of ids, which need no row."""
        return self._values.get(kind)

    def id_of(self, number: int) -> str:
        """Return the id of a row."""
        return self._ids[_ID * number : _ID * (number + 1)].hex()

    def gone(self) -> Gone:
        """Return which rows go."""
        numbers = excluded([self._kin], self._named)
        ids = sorted({self.id_of(number) for number in numbers})
        own = np.flatnonzero(np.asarray(self._kin.named) >= 0).tolist()
        named = len({self.id_of(number) for number in own})
        return Gone(ids, named, set_digest(bytes.fromhex(each) for each in ids))

    def starting(self, prefix: str) -> list[str]:
        """Return the ids that begin so."""
        ids = {self.id_of(number) for number in range(len(self))}
        return sorted(each for each in ids if each.startswith(prefix))

    def origins(self) -> tuple[list[Ranked], int]:
        """Return the sources that the rows that match were made from, and how many there are."""
        keys, hits = np.asarray(self._kin.keys), np.asarray(self._hits)
        return origins(keys, np.asarray(self._sources), list(self._names), hits, *self._steps())

    def _steps(self) -> tuple[Any, Any]:
        """Return the keys above and below each step of descent."""
        kin = self._kin
        children = np.asarray(kin.children, np.int64)[np.asarray(kin.steps, np.int64)]
        return np.asarray(kin.above, np.uint64), np.asarray(kin.keys, np.uint64)[children]

    def line(self, row_id: str, *, up: bool) -> set[int]:
        """Return the keys of the rows that a row was made from, or that were made from it."""
        above, below = self._steps()
        root = np.array([key(row_id)], np.uint64)
        found: Any = closed(below, above, root) if up else closed(above, below, root)
        return set(found.tolist()) - {key(row_id)}
