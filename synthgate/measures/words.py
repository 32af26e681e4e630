"""Which words the rows use, beside those of real rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table
from synthgate.measures.text import ALL, Words, budget

if TYPE_CHECKING:
    from synthgate.clusters import Numbers


class Divergence:
    """Jensen-Shannon divergence (bits) of the words from those of real rows, at equal words.

    It asks "different?", not "narrower?": it falls when a generator gets blander.
    """

    name = "words"
    title = "Divergence of words"
    sees = "other words than in real data, whichever way"
    misses = "whether that is narrower: it cannot tell, and blander text may look nearer"
    directed = False

    def __init__(self, table: Table, words: Words) -> None:
        self._words = words
        self._a_row = budget(table, words.lengths)

    def against(self, reference: Numbers) -> Value:
        import numpy as np

        counts = self._words.counts(reference, ALL)
        usual = counts / max(1, counts.sum())
        known = usual > 0

        def value(rows: Numbers) -> float:
            ours = self._words.counts(rows, int(self._a_row * len(rows)))
            share = ours / max(1, ours.sum())
            both = known & (share > 0)
            # Where only one side has a word, its part is half its share in bits.
            mean = (usual[both] + share[both]) / 2
            shared = usual[both] * np.log2(usual[both] / mean) + share[both] * np.log2(
                share[both] / mean
            )
            alone = 2 - usual[both].sum() - share[both].sum()
            return float((shared.sum() + alone) / 2)

        return value
