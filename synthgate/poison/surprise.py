"""Answers that the language of the real rows does not explain: where to look, never proof.

A model of word pairs (interpolated, Laplace-smoothed words) is trained on half of the real rows;
the other half gives the surprise, in bits a word, that one row in 200 exceeds by nature. So clean
rows are among those above it.
"""

from __future__ import annotations

from collections.abc import Iterator

from synthgate.poison import Array, Finding
from synthgate.poison.vocabulary import Texts

NATURAL = 0.995
ENOUGH = 200  # real rows of five words or more that the natural surprise is taken from
_WORDS = 5  # of an answer; shorter ones say too little
_WEIGHT = 5.0  # of single words beside pairs


def surprise(here: Texts, real: Texts, half: Array, words: int) -> Array:
    """Return which candidates are more surprising than nearly all real rows.

    `half` says of which real texts the model learns; `words` is the size of the vocabulary.
    """
    import numpy as np

    model = _Model(real.only(half), words)
    natural = model.bits(real.only(~half))[~half]
    natural = natural[natural > 0]
    if len(natural) < ENOUGH:
        return np.zeros(len(here), dtype=bool)
    return model.bits(here) > np.quantile(natural, NATURAL)


def surprising(here: Texts, real: Texts, half: Array, words: int) -> Iterator[Finding]:
    """Yield one finding with the surprising rows, if there are any."""
    import numpy as np

    rows = np.flatnonzero(surprise(here, real, half, words))
    if len(rows):
        share = len(rows) / len(here)
        text = f"{share:.2%} of the rows, naturally {1 - NATURAL:.1%}: more bits a word than usual"
        yield Finding("surprise", "", tuple(rows.tolist()), text, blocking=False)


class _Model:
    """Word pairs of some texts."""

    def __init__(self, texts: Texts, words: int) -> None:
        import numpy as np

        self._words = words
        self._singles = np.bincount(texts.words, minlength=words)
        self._share = (self._singles + 1) / (len(texts.words) + words)
        pairs, _ = self._pairs(texts)
        self._known, self._counts = np.unique(pairs, return_counts=True)

    def _pairs(self, texts: Texts) -> tuple[Array, Array]:
        """Return (the pairs of neighbours within a text, where the second word stands)."""
        import numpy as np

        rows = np.repeat(np.arange(len(texts)), texts.counts)
        second = np.flatnonzero(rows[1:] == rows[:-1]) + 1
        return texts.words[second - 1] * self._words + texts.words[second], second

    def bits(self, texts: Texts) -> Array:
        """Return the mean surprise of each text's words; 0 for short ones."""
        import numpy as np

        chance = self._share[texts.words].copy()
        pairs, second = self._pairs(texts)
        if len(self._known) and len(pairs):
            at = np.minimum(np.searchsorted(self._known, pairs), len(self._known) - 1)
            seen = np.where(self._known[at] == pairs, self._counts[at], 0)
            before = self._singles[texts.words[second - 1]]
            chance[second] = (seen + _WEIGHT * chance[second]) / (before + _WEIGHT)
        rows = np.repeat(np.arange(len(texts)), texts.counts)
        total = np.bincount(rows, weights=-np.log2(chance), minlength=len(texts))
        return np.where(texts.counts >= _WORDS, total / np.maximum(texts.counts, 1), 0.0)
