"""Texts as directions, cheaply: the words of a text, weighed by rarity, in 64 random dimensions.

A word's signs are the bits of its hash, so that the same text has the same vector in every run
(random projection, Achlioptas 2003). It tells texts of the same words from others, no meanings.
Memory: 256 bytes a text.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from synthgate.poison import Array
from synthgate.poison.vocabulary import Texts

DIMENSIONS = 64


def signs(names: list[str]) -> Array:
    """Return the signs of words, (words, 64) float32."""
    import numpy as np

    digests = b"".join(
        blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIMENSIONS // 8).digest()
        for name in names
    )
    bits = np.unpackbits(np.frombuffer(digests, np.uint8)).reshape(-1, DIMENSIONS)
    return bits.astype(np.float32) * 2 - 1


def counted(texts: Texts, words: int) -> Any:
    """Return how often each word stands in each text, as a sparse matrix (texts, words)."""
    import numpy as np
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], texts.ends])
    ones = np.ones(len(texts.words), dtype=np.float32)
    found = csr_matrix((ones, texts.words, starts), shape=(len(texts), words))
    found.sum_duplicates()
    return found


def vectors(texts: Texts, projection: Array) -> Array:
    """Return unit vectors, (texts, 64) float32; a text without words is all zeros."""
    import numpy as np

    found = counted(texts, len(projection))
    in_texts = np.bincount(found.indices, minlength=len(projection))
    rarity = np.log((1 + len(texts)) / (1 + in_texts)).astype(np.float32)
    made = found @ (projection * rarity[:, None])
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    return made / np.where(lengths > 0, lengths, 1)
