"""MinHash band keys: rows that are near share one with a known probability.

The signature is the minimum of k hashes of a row's shingles; b bands of r minima each become a
32-bit key. A pair of similarity s shares a key with probability 1 - (1 - s^r)^b, and r and b are
chosen so that this is at least 98 % at the threshold itself. Every candidate is compared exactly
afterwards, so that a key that two rows share by chance costs time and nothing else.

Minima of multiples modulo 2^32 in numpy cost 35 ns a row and hash, less than half of what it costs
to fetch a signature out of a native library through Python integers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from synthgate.near.tokens import mix

Array = Any
_MOST = 96  # hashes; more cost more than the false candidates that they would save
_MISSED = 0.02  # pairs at the threshold that share no key
_SKETCHED = 4  # minima of a band that the sketch holds two bits of
_PAIRS = 1 << 16  # at a time
_BLOCK = 1 << 17  # shingles at a time, so that they stay in the cache


def plan(threshold: float) -> tuple[int, int]:
    """Return (bands, rows of a band) for a similarity above 0."""
    rows = 1
    while (rows + 1) * _bands(threshold, rows + 1) <= _MOST:
        rows += 1
    return _bands(threshold, rows), rows


def _bands(threshold: float, rows: int) -> int:
    if threshold >= 1:
        return 1
    return math.ceil(math.log(_MISSED) / math.log1p(-(threshold**rows)))


def multipliers(count: int) -> Array:
    """Return odd 32-bit numbers: always the same ones."""
    return (mix(np.arange(1, count + 1, dtype=np.uint64)) >> np.uint64(32)).astype(np.uint32) | 1


def keys(shingles: Array, ends: Array, threshold: float) -> tuple[Array, Array]:
    """Return (band keys, sketch) of rows, uint32 and uint8, one line a row and one column a band.

    `ends` says where rows end. The sketch holds two bits of up to four minima of each band. A row
    without shingles has keys, too, which mean nothing.
    """
    bands, size = plan(threshold)
    factors = multipliers(bands * size)
    found = np.zeros((len(ends), bands), dtype=np.uint32)
    sketch = np.zeros((len(ends), bands), dtype=np.uint8)
    starts = np.concatenate(([0], ends[:-1])).astype(np.intp)
    filled = np.flatnonzero(ends > starts)
    at = 0
    while at < len(filled):
        stop = np.searchsorted(ends[filled], starts[filled[at]] + _BLOCK, side="right")
        block = filled[at : max(int(stop), at + 1)]
        first = starts[block[0]]
        part = shingles[first : ends[block[-1]]]
        minima = _minima(part, starts[block] - first, factors)
        found[block] = _folded(minima, bands, size)
        sketch[block] = _sketched(minima, size)
        at += len(block)
    return found, sketch


def _minima(shingles: Array, starts: Array, factors: Array) -> Array:
    """Return the minimum of each multiple over each row: uint32, (hash, row)."""
    found = np.empty((len(factors), len(starts)), dtype=np.uint32)
    product = np.empty_like(shingles)
    for number, factor in enumerate(factors):
        np.multiply(shingles, factor, out=product)
        np.minimum.reduceat(product, starts, out=found[number])
    return found


def _folded(minima: Array, bands: int, size: int) -> Array:
    folded = np.repeat(np.arange(bands, dtype=np.uint64)[:, None], minima.shape[1], axis=1)
    for row in range(size):
        folded = mix(folded + minima[row::size])
    return (folded >> np.uint64(32)).astype(np.uint32).T


def _sketched(minima: Array, size: int) -> Array:
    found = np.zeros((len(minima) // size, minima.shape[1]), dtype=np.uint8)
    for row in range(min(size, _SKETCHED)):
        bits = (minima[row::size] >> np.uint32(16)).astype(np.uint8) & np.uint8(3)
        found |= bits << np.uint8(2 * row)
    return found.T


def likely(first: Array, second: Array, sketch: Array, threshold: float) -> Array:
    """Tell of pairs of rows whether their sketches leave it possible that they are near.

    Two bits of the minimum agree with probability s + (1 - s) / 4 at similarity s. A pair at the
    threshold is missed where fewer agree than four standard deviations below the mean: 1 in 30,000.
    """
    bands, size = plan(threshold)
    count = bands * min(size, _SKETCHED)
    chance = threshold + (1 - threshold) / 4
    least = count * chance - 4 * math.sqrt(count * chance * (1 - chance))
    unused = bands * (_SKETCHED - min(size, _SKETCHED))  # bits that are always equal
    found = np.empty(len(first), dtype=bool)
    for at in range(0, len(first), _PAIRS):
        part = slice(at, at + _PAIRS)
        equal = _EQUAL[sketch[first[part]] ^ sketch[second[part]]].sum(axis=1) - unused
        found[part] = equal >= least
    return found


def _agreeing(byte: int) -> int:
    return sum(not byte >> shift & 3 for shift in (0, 2, 4, 6))


_EQUAL = np.array([_agreeing(byte) for byte in range(256)], dtype=np.int64)
