"""A few cheap figures of one run: what is watched over the generations of a loop."""

from __future__ import annotations

from typing import Any

from synthgate.measures import Sample
from synthgate.measures.deals import chosen
from synthgate.measures.rare import rare_words, recall
from synthgate.measures.slices import rare_slices
from synthgate.measures.text import words_of
from synthgate.text import digest, normalise

MOST = 5000
"""Rows a side whose words are counted."""


def figures(rows: Sample, real: Sample, seed: str) -> dict[str, float]:
    """Return `rare_recall`, `entropy` and `duplicates`: see `narrowing.summary`."""
    import numpy as np

    theirs = real.part(chosen(seed, "real", real, MOST)[0])
    ours = rows.part(chosen(seed, "rows", rows, len(theirs.texts))[0])
    words = words_of([*ours.texts, *theirs.texts])
    numbers = np.arange(len(words.lengths))
    most = int(words.lengths[len(ours.texts) :].sum())
    counts = words.counts(numbers[: len(ours.texts)], most)
    usual = words.counts(numbers[len(ours.texts) :], most)
    slices = rare_slices(ours.slices, theirs.slices).values()
    shares = [recall(counts, rare_words(usual))]
    shares += [each["recalled"] / each["real"] for each in slices if each["real"]]
    return {
        "rare_recall": round(sum(shares) / len(shares), 4),
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
