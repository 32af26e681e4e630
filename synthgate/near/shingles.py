"""The word 3-grams of the sides of rows: what Jaccard similarity is measured on.

A row has one side (its prompt or its response) or both. The shingles of a side never reach into
the other, and those of the two sides are kept apart, so that a long prompt which two rows share
does not hide that their answers differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np

from synthgate.near.tokens import chained, mix, words

SIZE = 3
Array = Any
_BLOCK = 200_000  # bytes of text
_SALT = np.uint32(0xD6E8FEB8)


@dataclass(frozen=True)
class Shingled:
    """The shingles of some sides, one after the other.

    `shingles` uint32, `ends` and `counts` (words) int64 with one entry a side, `words` uint64.
    """

    shingles: Array
    ends: Array
    words: Array
    counts: Array

    def of(self, side: int) -> Array:
        """Return the shingles of one side."""
        return self.shingles[self.ends[side - 1] if side else 0 : self.ends[side]]


def shingled(texts: list[bytes], sides: int, *, marked: bool = True) -> Shingled:
    """Return the shingles of normalised texts, which come side by side, `sides` to a row.

    A side of one or two words has one shingle; so has a side without any word, made of its text.
    An empty side has none. For `marked` see `words`.
    """
    parts = [_shingled(block, sides, marked) for block in _blocks(texts, sides)]
    if len(parts) == 1:
        return parts[0]
    shingles, words, counts = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("shingles", "words", "counts")
    )
    return Shingled(shingles, _sizes(counts).cumsum(), words, counts)


def _blocks(texts: list[bytes], sides: int) -> Iterator[list[bytes]]:
    """Yield whole rows whose arrays stay in the cache: half the time of a page at once."""
    ends = np.cumsum([len(text) for text in texts])[sides - 1 :: sides]
    cuts = np.flatnonzero(np.diff(ends // _BLOCK)) + 1
    for start, end in pairwise([0, *(cuts * sides).tolist(), len(texts)]):
        yield texts[start:end]


def _sizes(counts: Array) -> Array:
    """Return how many shingles sides of so many words have."""
    return np.where(counts >= SIZE, counts - SIZE + 1, np.minimum(counts, 1))


def _shingled(texts: list[bytes], sides: int, marked: bool) -> Shingled:
    hashes, counts = words(texts, marked=marked)
    hashes, counts = _worded(texts, hashes, counts)
    ends = np.cumsum(counts)
    starts = ends - counts
    grams = np.zeros(len(hashes), dtype=np.uint64)
    whole = chained(hashes, SIZE)
    grams[: len(whole)] = whole
    one, two = starts[counts == 1], starts[counts == 2]
    grams[one] = mix(hashes[one] + np.uint64(1))
    grams[two] = mix(mix(hashes[two] + np.uint64(2)) + hashes[two + 1])
    valid = np.ones(len(hashes), dtype=bool)
    valid[ends[counts > 0] - 1] = False  # no 3-gram begins with the last two words of a side
    valid[ends[counts > 1] - 2] = False
    valid[one] = valid[two] = True
    shingles, sizes = (grams[valid] >> np.uint64(32)).astype(np.uint32), _sizes(counts)
    if sides > 1:  # the same words say something else as a prompt than as a response
        salts = np.arange(len(counts), dtype=np.uint32) % np.uint32(sides) * _SALT
        shingles ^= np.repeat(salts, sizes)
    return Shingled(shingles, sizes.cumsum(), hashes, counts)


def _worded(texts: list[bytes], hashes: Array, counts: Array) -> tuple[Array, Array]:
    """Give a text that is not empty but has no word (`?!`) its own bytes as its only word."""
    wordless = [at for at in np.flatnonzero(counts == 0).tolist() if texts[at]]
    if not wordless:
        return hashes, counts
    instead = [
        int.from_bytes(blake2b(texts[at], digest_size=8).digest(), "little") for at in wordless
    ]
    places = np.cumsum(counts)[wordless]
    counts = counts.copy()
    counts[wordless] = 1
    return np.insert(hashes, places, np.array(instead, dtype=np.uint64)), counts
