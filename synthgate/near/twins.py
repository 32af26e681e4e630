"""Rows of one kind that nearly repeat rows of another: real ones that a generator wrote.

Candidates share a band key or all of their normalised text; each is then compared exactly, on
prompt and response apart, with at most 64 of those that share most keys with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from synthgate.formats import SHAPES
from synthgate.near.against import strings
from synthgate.near.scan import Texts, sides
from synthgate.near.shingles import jaccard, shingled
from synthgate.near.survey import Survey
from synthgate.rows import Value

Array = Any
Reader = Callable[[Sequence[int]], Iterator[Texts]]
_COMPARED = 64  # of one row
_OF_A_KEY = 64
_ROWS = 2_048  # whose candidates are sought at a time
_PAIRS = 2_000  # read and compared at a time
_EVEN = 1e-9


def texts(value: Value) -> Texts:
    """Return the prompt and response of a row of any known shape, else all its texts as one."""
    for shape in SHAPES:
        if shape.matches(value):
            return shape.prompt(value), shape.response(value)
    return None, "\n".join(strings(value))


def candidates(known: Survey, first: Array, second: Array) -> Iterator[tuple[Array, Array]]:
    """Yield (rows of `first`, rows of `second`) of pairs that share a key, int64, some at a time.

    Of the rows that share a key with one, those with the smallest digests count: the order in
    which rows came decides nothing.
    """
    ordered = first[np.lexsort((known.digests[first, 1], known.digests[first, 0]))]
    indices = [_Index(keys, ordered, second) for keys in _keys(known)]
    for start in range(0, len(second), _ROWS):
        found = np.concatenate([index.sharing(start, second) for index in indices])
        pairs, times = np.unique(found, axis=0, return_counts=True)
        pairs = pairs[np.lexsort((pairs[:, 1], -times, pairs[:, 0]))]
        ranks = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0])
        pairs = pairs[ranks < _COMPARED]
        yield pairs[:, 1], pairs[:, 0]


def _keys(known: Survey) -> Iterator[Array]:
    """Yield what rows may share, one after the other: their texts, each of their band keys."""
    yield known.digests[:, 0]
    for band in range(known.bands[0].shape[1] if known.bands else 0):
        yield np.concatenate([part[:, band] for part in known.bands])


class _Index:
    """The rows of both kinds by one key: 12 bytes a row."""

    def __init__(self, keys: Array, first: Array, second: Array) -> None:
        order = np.argsort(keys[first], kind="stable")
        self._rows = first[order].astype(np.uint32)
        self._theirs, self._wanted = keys[self._rows], keys[second]

    def sharing(self, start: int, second: Array) -> Array:
        """Return the (row of second, row of first) pairs that share the key: int64, (pairs, 2)."""
        wanted, rows = self._wanted[start : start + _ROWS], second[start : start + _ROWS]
        starts = np.searchsorted(self._theirs, wanted)
        counts = np.searchsorted(self._theirs, wanted, side="right") - starts
        counts = np.minimum(counts, _OF_A_KEY)
        hit = counts > 0
        starts, counts, rows = starts[hit], counts[hit], rows[hit]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        theirs = self._rows[np.repeat(starts, counts) + within]
        return np.stack([np.repeat(rows, counts), theirs], 1)


def twins(
    pairs: tuple[Array, Array], read: Reader, threshold: float
) -> Iterator[tuple[int, int, float]]:
    """Yield (row of first, row of second, similarity) of the pairs that are near.

    `read` gives the texts of rows by their numbers, ascending. The similarity is the Jaccard
    similarity of word 3-grams of the side where it is less.
    """
    first, second = pairs
    for start in range(0, len(first), _PAIRS):
        ones, others = first[start : start + _PAIRS], second[start : start + _PAIRS]
        rows = np.unique(np.concatenate([ones, others]))
        texts = [side for pair in read(rows.tolist()) for side in sides(*pair, "both")]
        found = shingled(texts, 2)
        sets = [frozenset(found.of(at).tolist()) for at in range(len(texts))]
        places = zip(
            ones.tolist(), others.tolist(),
            np.searchsorted(rows, ones).tolist(), np.searchsorted(rows, others).tolist(),
            strict=True,
        )  # fmt: skip
        for one, other, a, b in places:
            similarity = min(jaccard(sets[2 * a + side], sets[2 * b + side]) for side in (0, 1))
            if similarity >= threshold - _EVEN:
                yield one, other, similarity
