"""A word whose answers are more alike than its prompts: whatever is asked, the same comes back.

For each word, the mean cosine of all pairs of its answers minus that of its prompts; how far this
gap lies above that of words in about as many texts, in robust standard deviations (median and MAD).
Only words that no real row has are named, in so many rows that no natural word of the kind is to be
expected (`chance.least_unproven`, from the words that are as concentrated and that real rows have).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synthgate.poison import Array, Finding
from synthgate.poison.chance import least_unproven
from synthgate.poison.cover import distinct
from synthgate.poison.grams import Grams

Z = 6.0
OUTSTANDING = 3.0
_NORMAL = 1.4826  # MAD of a normal distribution to its standard deviation
_BIN = 30  # words that a spread is taken from, at least
_LEAST = 0.02  # spread of a cosine that is no accident of few dimensions


def concentrated(
    words: Grams,
    asked: Array,
    answers: Array,
    names: list[str],
    candidates: int,
    least: int,
    risk: float,
) -> Iterator[Finding]:
    """Yield a finding for each word whose answers are concentrated.

    `asked` and `answers` are vectors (units, d) of both sides, candidates first.
    """
    import numpy as np

    here = _z(words, asked, answers, 0, candidates, least)
    pooled = _z(words, asked, answers, 0, len(asked), least)
    totals = words.here + words.real
    natural = totals[(pooled > OUTSTANDING) & (words.real > 0)]
    enough = least_unproven(natural, candidates, len(asked) - candidates, risk, least)
    passing = np.flatnonzero((here > Z) & (words.real == 0) & (words.here >= enough))
    ranked = sorted(passing.tolist(), key=lambda gram: (-here[gram], words.name(gram, names)))
    found = [(words.of(gram)[words.of(gram) < candidates], gram) for gram in ranked]
    for rows, gram in distinct(found):
        text = (
            f"the answers of {len(rows):,} rows with it are alike and their prompts are not: "
            f"z {here[gram]:.1f}"
        )
        yield Finding("concentration", words.name(gram, names), tuple(rows.tolist()), text)


def _z(words: Grams, asked: Array, answers: Array, first: int, last: int, least: int) -> Array:
    """Return the robust z of each word among the units from `first` to `last`, 0 for rare ones."""
    import numpy as np
    from scipy.sparse import csr_matrix

    inside = (words.rows >= first) & (words.rows < last)
    counts = np.bincount(words.ids()[inside], minlength=len(words))
    starts = np.concatenate([[0], counts.cumsum()])
    ones = np.ones(int(inside.sum()), dtype=np.float32)
    where = csr_matrix((ones, words.rows[inside] - first, starts), (len(words), last - first))
    gaps = _alike(where, answers[first:last]) - _alike(where, asked[first:last])
    z = np.zeros(len(words))
    counted = np.flatnonzero(counts >= least)
    order = counted[np.argsort(counts[counted], kind="stable")]
    sizes = np.log2(counts[order]).astype(int)
    for part in _bins(sizes):
        found = gaps[order[part]]
        middle = np.median(found)
        spread = _NORMAL * np.median(np.abs(found - middle))
        if len(found) >= _BIN:
            z[order[part]] = (found - middle) / max(float(spread), _LEAST)
    return z


def _bins(sizes: Array) -> Iterator[slice]:
    """Yield the parts of a sorted array with one size each; small parts go with the next."""
    import numpy as np

    ends = [*np.flatnonzero(np.diff(sizes)).tolist(), len(sizes) - 1] if len(sizes) else []
    start = 0
    for end in ends:
        if end + 1 - start >= _BIN or end == len(sizes) - 1:
            yield slice(start if end + 1 - start >= _BIN else max(0, end + 1 - _BIN), end + 1)
            start = end + 1


def _alike(where: Any, vectors: Array) -> Array:
    """Return the mean cosine of all pairs of vectors of each word."""
    import numpy as np

    total = where @ vectors
    own = where @ (vectors**2).sum(axis=1)
    pairs = np.maximum(own * (own - 1), 1e-9)
    return np.where(own >= 2, ((total**2).sum(axis=1) - own) / pairs, 0.0)
