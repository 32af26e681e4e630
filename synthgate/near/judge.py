"""Which rows of a group repeat which: exact comparison, in the order of preference.

Rows are taken in their order. A row that is near, or alike, a row that was kept before it is
dropped and names that row; any other is kept. So every survivor is a kept row, every dropped row
was compared with its survivor, and no chain of small steps drops what resembles nothing kept.

A row is compared with kept rows that share a key with it, those that share most keys first. Of
each key the first 64 kept rows count, so that the time grows with the number of rows even where
all rows share a key.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from synthgate.near import alike
from synthgate.near.scan import Texts, sides, sought
from synthgate.near.settings import Settings
from synthgate.near.shingles import Shingled, jaccard, shingled

_KEPT = 64  # rows of one key that later ones are compared with
_COMPARED = 64  # kept rows that one row is compared with
_EVEN = 1e-9  # a similarity is a quotient: what is equal in numbers may differ in the last bit


@dataclass(frozen=True)
class Repeat:
    """A row of a group that repeats another: positions in the group, why, how much."""

    row: int
    survivor: int
    reason: str
    similarity: float


def judge(group: list[Texts], settings: Settings) -> list[Repeat]:
    """Return the rows of a group, given in the order of preference, that repeat kept ones."""
    texts = [side for prompt, response in group for side in sides(prompt, response, settings.on)]
    found = shingled(texts, settings.sides)
    bands, (owners, short) = sought(found, settings)
    bench = _Bench(texts, found, settings, frozenset(owners.tolist()))
    keys: list[list[int]] = bands.tolist() if bands is not None else [[] for _ in group]
    for owner, key in zip(owners.tolist(), short.tolist(), strict=True):
        keys[owner].append(-1 - key)
    kept: dict[int, list[int]] = {}
    repeats = []
    for row, own in enumerate(keys):
        repeat = bench.repeat(row, Counter(r for key in own for r in kept.get(key, ())))
        if repeat is not None:
            repeats.append(repeat)
            continue
        for key in own:
            holders = kept.setdefault(key, [])
            if len(holders) < _KEPT:
                holders.append(row)
    return repeats


class _Bench:
    """The rows of a group, their shingles made into sets when they are first compared."""

    def __init__(
        self, texts: list[bytes], found: Shingled, settings: Settings, short: frozenset[int]
    ) -> None:
        self._texts, self._found, self._settings = texts, found, settings
        self._short = short
        self._step = settings.sides
        self._sets: dict[int, frozenset[int]] = {}
        self._words: dict[int, list[alike.Side]] = {}

    def repeat(self, row: int, candidates: Counter[int]) -> Repeat | None:
        """Return which kept row a row repeats, None if it repeats none."""
        for kept in sorted(candidates, key=lambda other: (-candidates[other], other))[:_COMPARED]:
            near = self._near(row, kept) if self._settings.near else 0.0
            if near and near >= self._settings.near - _EVEN:
                return Repeat(row, kept, "near", near)
            fuzzy = self._alike(row, kept) if row in self._short else 0.0
            if fuzzy and fuzzy >= self._settings.fuzzy - _EVEN:
                return Repeat(row, kept, "fuzzy", fuzzy)
        return None

    def _alike(self, row: int, other: int) -> float:
        return alike.ratio(self._of(row), self._of(other)) if other in self._short else 0.0

    def _near(self, row: int, other: int) -> float:
        """Return the Jaccard similarity of two rows, of the side where it is less."""
        return min(
            jaccard(self._set(row * self._step + side), self._set(other * self._step + side))
            for side in range(self._step)
        )

    def _set(self, side: int) -> frozenset[int]:
        found = self._sets.get(side)
        if found is None:
            found = self._sets[side] = frozenset(self._found.of(side).tolist())
        return found

    def _of(self, row: int) -> list[alike.Side]:
        found = self._words.get(row)
        if found is None:
            texts = self._texts[row * self._step : (row + 1) * self._step]
            found = self._words[row] = [alike.sided(text) for text in texts]
        return found
