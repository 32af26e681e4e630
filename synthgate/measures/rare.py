"""What is left of the rare words of real rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table
from synthgate.measures.text import ALL, Words, budget

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

RARE = 2
"""A word that stands so often in the reference at most is a rare one."""

_SHOWN = 50
_LONGEST = 40  # characters of a word


class Rare:
    """Share of the rare words of real rows that stand in the others: less is narrower."""

    name = "rare"
    title = "Rare words that are kept"
    sees = "the tail: what real people say only now and then"
    misses = "how often the common things are said; it needs many rows"
    directed = True

    def __init__(self, table: Table, words: Words) -> None:
        self._words = words
        self._a_row = budget(table, words.lengths)

    def against(self, reference: Numbers) -> Value:

        counts = self._words.counts(reference, ALL)
        rare = (counts > 0) & (counts <= RARE)

        def value(rows: Numbers) -> float:
            ours = self._words.counts(rows, int(self._a_row * len(rows)))
            return float((ours[rare] > 0).sum() / max(1, rare.sum()))

        return value

    def described(self, rows: Numbers, real: Numbers) -> dict[str, Any]:
        """Return how many words of the real rows are rare, and how many the rows have."""
        import numpy as np

        ours, theirs = self._words.counts(rows, ALL), self._words.counts(real, ALL)
        rare = (theirs > 0) & (theirs <= RARE)
        missing = np.flatnonzero(rare & (ours == 0))
        missing = missing[np.argsort(-theirs[missing], kind="stable")][:_SHOWN]
        names = [self._words.names[word].decode("utf-8", "replace") for word in missing.tolist()]
        return {
            "real": int(rare.sum()),
            "recalled": int((rare & (ours > 0)).sum()),
            "missing": [name[:_LONGEST] for name in names],
        }
