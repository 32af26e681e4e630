"""What the rows that match have in common: sources, generators, prompts, runs and slices by lift.

Memory: 100 bytes a row, and a counter for each distinct value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from synthgate.formats import dig
from synthgate.poison.chance import fisher
from synthgate.rows import Row
from synthgate.stats.holm import holm

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

    def ranking(self) -> list[Ranked]:
        """Return the values that some row that matches has: those that stand out, then by lift."""
        found = [each for kind in self._counts for each in self._ranked(kind)]
        kinds = list(self._counts)
        return sorted(
            found,
            key=lambda each: (
                kinds.index(each.kind), not each.stands_out, -each.lift, -each.matched, each.value,
            ),
        )  # fmt: skip

    def _ranked(self, kind: str) -> Iterator[Ranked]:
        counts, known = self._counts[kind], dict[tuple[int, int], float]()
        for rows, hits in {(rows, hits) for rows, hits in counts.values()}:
            elsewhere = self.matched - hits, self.rows - rows
            known[rows, hits] = fisher(hits, rows, *elsewhere)
        chances = [known[rows, hits] for rows, hits in counts.values()]
        for (value, (rows, hits)), chance, fair in zip(
            counts.items(), chances, holm(chances), strict=True
        ):
            if hits:
                share = hits / rows
                lift = share * self.rows / self.matched
                numbers = map(_short, (share, lift, chance, fair))
                yield Ranked(kind, value or NONE, rows, hits, *numbers)


def _short(number: float) -> float:
    """Return a number with six digits: what lies behind depends on the machine."""
    return float(f"{number:.6g}")


def _slice(value: Any) -> str:
    return NONE if value is None else str(value)[:_LONGEST]
