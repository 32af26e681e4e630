"""A few cheap figures of one run: what is watched over the generations of a loop."""

from __future__ import annotations

from typing import Any

from synthgate.measures import Sample
from synthgate.measures.deals import chosen
from synthgate.measures.rare import rare_words, recall
from synthgate.measures.text import words_of
from synthgate.text import digest, normalise

MOST = 5000
"""Rows a side whose words are counted."""


def figures(rows: Sample, real: Sample, seed: str) -> dict[str, float]:
    """Return `rare_recall`, `entropy` and `duplicates`: see `narrowing.summary`."""
    import numpy as np

    theirs, _ = chosen(seed, "real", real, MOST)
    ours, _ = chosen(seed, "rows", rows, len(theirs))
    texts = [rows.texts[row] for row in ours] + [real.texts[row] for row in theirs]
    words = words_of(texts)
    most = int(words.lengths[len(ours) :].sum())
    numbers = np.arange(len(texts))
    counts = words.counts(numbers[: len(ours)], most)
    usual = words.counts(numbers[len(ours) :], most)
    rare = rare_words(usual)
    return {
        "rare_recall": round(recall(counts, rare), 4),
        "entropy": round(_entropy(counts), 4),
        "duplicates": round(_duplicates(rows.texts), 4),
    }


def _entropy(counts: Any) -> float:
    """Return the entropy of counts, in bits."""
    import numpy as np

    shares = counts[counts > 0] / max(1, counts.sum())
    return float(-(shares * np.log2(shares)).sum())


def _duplicates(texts: list[str]) -> float:
    known = {digest(normalise(text)) for text in texts}
    return 1 - len(known) / len(texts) if texts else 0.0
