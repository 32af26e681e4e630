"""What the measures read of texts, once for all deals: bytes, words, lengths.

Memory: the texts again as bytes, and 4 bytes a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthgate.measures.deals import Table
from synthgate.text import folded

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

CHARS = 4096
"""Characters of a text that are read."""

ALL = 1 << 62
"""More words than there are."""


@dataclass(frozen=True)
class Words:
    """Words of all texts as numbers in one flat array; `names` are what the numbers stand for."""

    names: list[bytes]
    flat: Any
    starts: Numbers
    lengths: Numbers

    def of(self, rows: Numbers, most: int) -> Any:
        """Return the words (k,) of these rows one after the other, `most` at most."""
        import numpy as np

        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        total = int(ends[-1]) if len(ends) else 0
        places = np.repeat(self.starts[rows] - ends + lengths, lengths) + np.arange(total)
        return self.flat[places[:most]]

    def counts(self, rows: Numbers, most: int) -> Any:
        """Return how often each word stands in these rows, (number of words,)."""
        import numpy as np

        return np.bincount(self.of(rows, most), minlength=len(self.names))


def words_of(texts: list[str]) -> Words:
    """Return the words of texts: as dedupe sees them, in any script."""
    import numpy as np

    from synthgate.near.tokens import split

    known: dict[bytes, int] = {}
    flat: list[int] = []
    lengths = np.zeros(len(texts), dtype=np.int64)
    for row, text in enumerate(texts):
        found = split(folded(text[:CHARS]))
        flat += [known.setdefault(word, len(known)) for word in found]
        lengths[row] = len(found)
    starts = np.cumsum(lengths) - lengths
    return Words(list(known), np.array(flat, dtype=np.int32), starts, lengths)


def budget(table: Table, lengths: Numbers) -> float:
    """Return how much of each part's text is measured, a row: as much as the shortest part has."""
    parts = [part for deal in table.deals for part in (deal.rows, deal.one, deal.other)]
    least = min(int(lengths[part].sum()) for part in parts)
    return least / table.size
