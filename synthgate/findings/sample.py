"""Some of the rows, drawn by lot, so that what is measured on texts takes bounded memory.

The rows with the smallest lots are held, as many as fit: at most `rows` of them with at most
`characters` in all, each text cut at 20,000. Which ones these are depends on the rows alone, not on
their order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ROWS = 100_000
CHARACTERS = 1 << 26  # 64 million: 64 to 256 MiB
LONGEST = 20_000  # characters of a text: one long row must not push out a thousand others


@dataclass(frozen=True)
class Drawn:
    """What is held of a row: its prompt, its response, and its values of some fields."""

    prompt: str
    response: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many characters it holds."""
        return len(self.prompt) + len(self.response)


@dataclass
class Lots:
    """A growing sample. `seen` counts all rows that were offered, `cut` says that some went."""

    rows: int = ROWS
    characters: int = CHARACTERS
    seen: int = 0
    _held: list[tuple[int, int, Drawn]] = field(default_factory=list)
    _size: int = 0
    _limit: int = 1 << 64

    @property
    def cut(self) -> bool:
        """Whether there were more rows than are held."""
        return self.seen > len(self._held)

    def wants(self, lot: int) -> bool:
        """Count a row, and tell whether one with this lot may be held."""
        self.seen += 1
        return lot < self._limit

    def add(self, lot: int, row: Drawn) -> None:
        """Hold a row, and let those with the largest lots go where it is too much."""
        heapq.heappush(self._held, (-lot, -self.seen, row))
        self._size += row.size
        while len(self._held) > self.rows or self._size > self.characters:
            self._limit = -self._held[0][0]
            while self._held and -self._held[0][0] >= self._limit:  # equal rows go together
                self._size -= heapq.heappop(self._held)[2].size

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Drawn]:
        """Yield the held rows in the order of their lots."""
        for _, _, row in sorted(self._held, key=lambda each: (-each[0], -each[1])):
            yield row
