"""Short texts that differ by the spelling of one word.

In a short text one changed word changes so many shingles that Jaccard similarity says nothing.
There two rows are alike when they have the same words in the same order, but for one that is
spelt a little differently, and rapidfuzz's ratio of the two texts is high enough. No word is more
or less, and numbers are equal: `refund` and `do not refund`, `3 + 4` and `3 + 5` are never alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from synthgate.near.tokens import mix, split

Array = Any
_LEAST = 5  # letters of a word that may be misspelt
_LARGE = 8  # letters of a word that may be misspelt twice
_FURTHEST = 64


def reach(threshold: float) -> int:
    """Return how many words a text needs for one changed word to leave it near.

    The change of one word of n replaces 3 of n - 2 shingles.
    """
    if not threshold or threshold >= 1:
        return _FURTHEST
    return min(_FURTHEST, math.ceil((5 + threshold) / (1 - threshold)))


def keys(words: Array, counts: Array, most: int) -> tuple[Array, Array]:
    """Return (row, key) pairs, int64 and uint32: each short row once without each of its words.

    The key holds the first letter of the word left out, which is the same where it is misspelt.
    `words` are the hashes of all rows and `counts` how many each has; rows of one word, or of
    `most` and more, have no key. Two rows that differ in one word share the key without it.
    """
    short = (counts > 1) & (counts < most)
    owners = np.repeat(np.arange(len(counts)), counts)
    chosen = short[owners]
    if not chosen.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint32)
    places = (np.arange(len(words)) - np.repeat(np.cumsum(counts) - counts, counts))[chosen]
    terms = mix(words[chosen] + mix(places.astype(np.uint64)))
    sizes = counts[short]
    sums = np.add.reduceat(terms, np.cumsum(sizes) - sizes)
    letters = ((words[chosen] & np.uint64(63)) + np.uint64(1)) << np.uint64(32)
    without = mix(np.repeat(sums, sizes) - terms + mix(places.astype(np.uint64) + letters))
    return owners[chosen], (without >> np.uint64(32)).astype(np.uint32)


Side = tuple[bytes, list[bytes]]


def sided(text: bytes) -> Side:
    """Return a normalised text and its words."""
    return text, split(text)


def ratio(one: list[Side], other: list[Side]) -> float:
    """Return the similarity of two rows, side by side, 0 to 1; 0 where they are not alike.

    Equal sides count 1, and of all words of a row one may differ.
    """
    from rapidfuzz import fuzz

    changed = [(a, b) for a, b in zip(one, other, strict=True) if a[0] != b[0]]
    if len(changed) > 1:
        return 0.0
    for (text, first), (other_text, second) in changed:
        pairs = [(x, y) for x, y in zip(first, second, strict=False) if x != y]
        if len(first) != len(second) or len(pairs) > 1 or not all(misspelt(x, y) for x, y in pairs):
            return 0.0
        texts = (text.decode("utf-8", "replace"), other_text.decode("utf-8", "replace"))
        return float(fuzz.ratio(*texts)) / 100
    return 1.0


def misspelt(one: bytes, other: bytes) -> bool:
    """Tell whether two words are one, spelt differently: long, no digits, the same first letter."""
    from rapidfuzz.distance import OSA

    if one[0] != other[0]:
        return False
    a, b = one.decode("utf-8", "replace"), other.decode("utf-8", "replace")
    least = min(len(a), len(b))
    if least < _LEAST or a[0] != b[0] or any(c.isnumeric() or c == "_" for c in a + b):
        return False
    return bool(OSA.distance(a, b) <= (1 if least < _LARGE else 2))
