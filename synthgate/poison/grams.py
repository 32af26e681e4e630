"""In which texts each word, and each two or three words in a row, stand.

A run of words is counted only if its parts stand in enough texts (the apriori rule), so that most
runs cost nothing. Memory: 16 bytes for each place of a counted run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synthgate.poison import Array
from synthgate.poison.vocabulary import Texts

SIZES = (1, 2, 3)


@dataclass(frozen=True)
class Grams:
    """The runs of one length; run g stands in the texts `rows[starts[g]:starts[g + 1]]`.

    `parts` (runs, size) are the numbers of the words. `here` and `real` count the candidates and
    the real rows among those texts.
    """

    size: int
    parts: Array
    starts: Array
    rows: Array
    here: Array
    real: Array

    def __len__(self) -> int:
        return len(self.parts)

    def of(self, gram: int) -> Array:
        """Return the numbers of the texts in which a run stands."""
        return self.rows[self.starts[gram] : self.starts[gram + 1]]

    def ids(self) -> Array:
        """Return which run each entry of `rows` is about."""
        import numpy as np

        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def name(self, gram: int, names: list[str]) -> str:
        """Return a run as it can be read."""
        return " ".join(names[word] for word in self.parts[gram])


def frequencies(levels: Sequence[Grams]) -> Array:
    """Return in how many texts each word stands, by its number; 0 where it is not counted."""
    import numpy as np

    single = levels[0]
    found = np.zeros(int(single.parts.max(initial=-1)) + 1, dtype=np.int64)
    found[single.parts[:, 0]] = single.here + single.real
    return found


def fit_as_name(grams: Grams, gram: int, frequency: Array) -> int:
    """Return how well a run names its texts, small is good, among runs with the same texts.

    A run of words that hardly stand elsewhere names them best, the longer the better; else the
    shorter, because what stands around a trigger in a template is no part of it.
    """
    own = 2 * (int(grams.here[gram]) + int(grams.real[gram]))
    tight = all(frequency[word] <= own for word in grams.parts[gram])
    return -grams.size if tight else grams.size


def grams(texts: Texts, candidates: int, least: int) -> Iterator[Grams]:
    """Yield the runs of one, two and three words that stand in `least` texts or more."""
    import numpy as np

    words, rows = texts.words, np.repeat(np.arange(len(texts)), texts.counts)
    base = int(words.max(initial=0)) + 1
    at = np.arange(len(words))  # where a run of the size before begins
    codes, parts = words, np.arange(base)[:, None]
    for size in SIZES:
        if size > 1:
            at, codes, parts = _longer(at, codes, parts, words, rows, base, size)
        found, numbers = _counted(codes, rows[at], parts, candidates, least, len(texts))
        yield found
        kept = numbers[codes] >= 0
        at, codes, parts = at[kept], numbers[codes[kept]], found.parts


def _longer(
    at: Array, codes: Array, parts: Array, words: Array, rows: Array, base: int, size: int
) -> tuple[Array, Array, Array]:
    """Return (where they begin, their numbers, their words) of the runs with one word more.

    A run goes on only where the run that begins one word later is counted, too.
    """
    import numpy as np

    goes_on = np.zeros(len(words) + 1, dtype=bool)
    goes_on[at] = True
    last = at + size - 1
    fits = last < len(words)
    fits[fits] = (rows[last[fits]] == rows[at[fits]]) & goes_on[at[fits] + 1]
    at, codes = at[fits], codes[fits]
    keys, numbers = np.unique(codes * base + words[at + size - 1], return_inverse=True)
    return at, numbers, np.column_stack([parts[keys // base], keys % base])


def _counted(
    codes: Array, rows: Array, parts: Array, candidates: int, least: int, texts: int
) -> tuple[Grams, Array]:
    """Return the runs that stand in enough texts, and the new number of each run, -1 for none."""
    import numpy as np

    places = np.unique(codes * texts + rows) if texts else codes
    which, where = np.divmod(places, max(texts, 1))
    counts = np.bincount(which, minlength=len(parts))
    kept = counts >= least
    numbers = np.where(kept, np.cumsum(kept) - 1, -1)
    stays = kept[which]
    which, where = numbers[which[stays]], where[stays]
    total = int(kept.sum())
    here = np.bincount(which[where < candidates], minlength=total)
    starts = np.concatenate([[0], counts[kept].cumsum()])
    size = parts.shape[1]
    return Grams(size, parts[kept], starts, where, here, counts[kept] - here), numbers
