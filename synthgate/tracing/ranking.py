"""What the rows that match have in common: sources, generators, prompts, runs and slices by lift.

Memory: 100 bytes a row, and a counter for each distinct value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from synthgate.formats import dig
from synthgate.rows import Row
from synthgate.stats.compare import holm, more_often

FIELDS = ("source", "generator", "prompt", "run")
NONE = "(none)"
CERTAIN = 0.05
_LONGEST = 200  # characters of a slice's name


class Ranked(NamedTuple):
    """A value and how the rows that have it stand out.

    `share` of its `rows` match, `lift` times that of all rows. `chance` is that of so many or more
    by chance (Fisher's exact test, one-sided), `corrected` for all values of its kind (Holm).
    """

    kind: str
    value: str
    rows: int
    matched: int
    share: float
    lift: float
    chance: float
    corrected: float

    @property
    def stands_out(self) -> bool:
        """Whether chance alone is no explanation."""
        return self.corrected < CERTAIN


class Tally:
    """Counts rows, each once however often its bytes come: the stages' files repeat each other.

    A row that could not be told from one that matches is in no count but `untold`.
    """

    def __init__(self, slices: Sequence[str] = ()) -> None:
        self._slices = tuple(slices)
        self._seen: set[int] = set()
        self._counts: dict[str, dict[str, list[int]]] = {
            kind: {} for kind in (*FIELDS, *self._slices)
        }
        self.rows = self.matched = self.untold = 0

    def add(self, row: Row, matched: bool | None) -> bool:
        """Count a row; return whether it is the first of its kind."""
        said = row.provenance
        values = [getattr(said, kind) for kind in FIELDS]
        once = hash((said.id, *values))
        if once in self._seen:
            return False
        self._seen.add(once)
        if matched is None:
            self.untold += 1
            return True
        self.rows += 1
        self.matched += matched
        values += [_slice(dig(row.value, name)) for name in self._slices]
        for counts, value in zip(self._counts.values(), values, strict=True):
            count = counts.setdefault(value, [0, 0])
            count[0] += 1
            count[1] += matched
        return True

    def compared(self) -> dict[str, int]:
        """Return how many values of each kind were compared."""
        return {kind: len(counts) for kind, counts in self._counts.items()}

    def ranking(self, more: Iterable[Ranked] = ()) -> list[Ranked]:
        """Return the values that some row that matches has: those that stand out, then by lift."""
        found = list(more)
        for kind, counts in self._counts.items():
            found += ranked(
                kind, {k: (n, m) for k, (n, m) in counts.items()}, self.matched, self.rows
            )
        return sorted(found, key=self._place)

    def _place(self, each: Ranked) -> tuple[Any, ...]:
        kinds = [*self._counts, each.kind]
        order = not each.stands_out, -each.lift, -each.matched, each.value
        return kinds.index(each.kind), *order


def ranked(
    kind: str, counts: Mapping[str, tuple[int, int]], matched: int, rows: int
) -> Iterator[Ranked]:
    """Yield what stands in some counts, {value: (rows, those that match)}; matches only."""
    known = {(of, hits): more_often(hits, of, matched, rows) for of, hits in set(counts.values())}
    fair = holm([known[count] for count in counts.values()])
    for (value, (of, hits)), corrected in zip(counts.items(), fair, strict=True):
        if hits:
            share = hits / of
            numbers = (share, share * rows / matched, known[of, hits], corrected)
            yield Ranked(kind, value or NONE, of, hits, *map(_short, numbers))


def _short(number: float) -> float:
    """Return a number with six digits: what lies behind depends on the machine."""
    return float(f"{number:.6g}")


def _slice(value: Any) -> str:
    return NONE if value is None else str(value)[:_LONGEST]
