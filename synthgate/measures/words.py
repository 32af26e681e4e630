"""How much the words of the rows have in common with those of real rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table
from synthgate.measures.text import ALL, Words, budget

if TYPE_CHECKING:
    from synthgate.clusters import Numbers


class InCommon:
    """1 less the Jensen-Shannon divergence (bits) of the words from real ones, at equal words.

    It asks "different?", not "narrower?": it also rises when a generator gets blander, because
    such text has fewer words of its own.
    """

    name = "words"
    title = "Words in common (1 - divergence)"
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

        def value(rows: Numbers) -> float:
            ours = self._words.counts(rows, int(self._a_row * len(rows)))
            share = ours / max(1, ours.sum())
            both = (usual > 0) & (share > 0)
            one, other = usual[both], share[both]
            # What only one side says is as far apart as can be, and adds nothing here.
            mean = (one + other) / 2
            apart = one * np.log2(one / mean) + other * np.log2(other / mean)
            return float((one + other - apart).sum() / 2)

        return value
