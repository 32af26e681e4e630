"""What is left of the rare words and of the rare slices of real rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table
from synthgate.measures.slices import LEAST
from synthgate.measures.slices import RARE as RARE_SLICE
from synthgate.measures.text import ALL, Words, budget

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

RARE = 2
"""A word that stands so often in real rows at most is a rare one."""

_SHOWN = 50
_LONGEST = 40  # characters of a word


class Rare:
    """Share of the rare words and slices of real rows that the others have: less is narrower.

    A mean of the words' share and of that of each field with rare slices. Words are compared at
    equal words, slices at equal rows.
    """

    name = "rare"
    title = "Rare words and slices that are kept"
    sees = "the tail: what real people say only now and then"
    misses = "how often common things are said; a small loss, unless there are thousands of rows"
    directed = True

    def __init__(self, table: Table, words: Words) -> None:
        self._words = words
        self._a_row = budget(table, words.lengths)
        self._fields = [codes_of(values) for values in table.slices.values()]

    def against(self, reference: Numbers) -> Value:
        rare = rare_words(self._words.counts(reference, ALL))
        sliced = [(codes, _rare_slices(codes[reference])) for codes in self._fields]
        sliced = [(codes, few) for codes, few in sliced if len(few)]

        def value(rows: Numbers) -> float:
            import numpy as np

            ours = self._words.counts(rows, int(self._a_row * len(rows)))
            shares = [recall(ours, rare)]
            shares += [float(np.isin(few, codes[rows]).mean()) for codes, few in sliced]
            return sum(shares) / len(shares)

        return value


def missing(words: Words, rows: Numbers, real: Numbers) -> dict[str, Any]:
    """Return how many words of the real rows are rare, how many the rows have, and some others."""
    import numpy as np

    ours, theirs = words.counts(rows, ALL), words.counts(real, ALL)
    rare = rare_words(theirs)
    lost = np.flatnonzero(rare & (ours == 0))
    lost = lost[np.argsort(-theirs[lost], kind="stable")][:_SHOWN]
    names = [words.names[word].decode("utf-8", "replace") for word in lost.tolist()]
    return {
        "real": int(rare.sum()),
        "recalled": int((rare & (ours > 0)).sum()),
        "missing": [name[:_LONGEST] for name in names],
    }


def rare_words(counts: Any) -> Any:
    """Tell which words are rare by how often they stand in real rows."""
    return (counts > 0) & (counts <= RARE)


def recall(counts: Any, rare: Any) -> float:
    """Return the share of the rare words that stand somewhere."""
    return float((counts[rare] > 0).sum() / max(1, rare.sum()))


def codes_of(values: list[str]) -> Any:
    """Return a number for each value, -1 for "" (n,)."""
    import numpy as np

    known: dict[str, int] = {"": -1}
    return np.array([known.setdefault(value, len(known) - 1) for value in values], dtype=np.int64)


def _rare_slices(codes: Any) -> Any:
    """Return the codes that few of these rows have, but more than one."""
    import numpy as np

    counts = np.bincount(codes[codes >= 0], minlength=1)
    return np.flatnonzero((counts >= LEAST) & (counts <= RARE_SLICE * len(codes)))
