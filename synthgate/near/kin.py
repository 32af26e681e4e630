"""What near repeats among any rows are told by: digests of their texts and MinHash band keys.

Memory: 9 bytes a row, and 65 more for the band keys and their sketches at a similarity of 0.8.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from synthgate.formats import SHAPES
from synthgate.near import bands, groups
from synthgate.near.against import strings
from synthgate.near.scan import Texts, sides
from synthgate.near.shingles import shingled
from synthgate.rows import Value

Array = Any
_ROWS, _CHARACTERS = 1024, 1 << 19  # of a batch


def texts_of(value: Value) -> Texts:
    """Return the prompt and response of a row of any known shape, else all its texts as one."""
    for shape in SHAPES:
        if shape.matches(value):
            return shape.prompt(value), shape.response(value)
    return None, "\n".join(strings(value))


@dataclass
class Kin:
    """One entry a row: `digests` uint64, `written` (has it any text) bool.

    `bands` and `sketches` are the band keys (uint32) and sketches (uint8) of the batches, none at a
    threshold of 0.
    """

    threshold: float
    digests: Array
    written: Array
    bands: list[Array] = field(default_factory=list)
    sketches: list[Array] = field(default_factory=list)

    def keys(self) -> Iterator[Array]:
        """Yield the keys of each band, uint32."""
        for band in range(self.bands[0].shape[1] if self.bands else 0):
            yield np.concatenate([keys[:, band] for keys in self.bands])

    def sketch(self) -> Array:
        """Return the sketches of all rows, from now on in one piece."""
        self.sketches = [np.concatenate(self.sketches or [np.zeros((0, 0), np.uint8)])]
        return self.sketches[0]

    def likely(self, first: Array, second: Array, sketch: Array) -> Array:
        """Tell of pairs whether they may be near."""
        if not self.bands:
            return np.ones(len(first), bool)
        return bands.likely(first, second, sketch, self.threshold)

    def neighbours(self, alive: Array) -> Iterator[groups.Pairs]:
        """Yield pairs of rows that are `alive`, and share a key or their texts, and may be near.

        Of many rows that share a key each is paired with the next ones only.
        """
        rows, sketch = np.flatnonzero(alive & self.written), self.sketch()
        texts = (self.digests[rows] >> np.uint64(32)).astype(np.uint32)
        yield from groups.edges(texts, rows)
        for keys in self.keys():
            for pairs in groups.edges(keys[rows], rows, groups.REACH):
                yield groups.taken(pairs, self.likely(*pairs, sketch))


def kin(texts: Iterable[Texts], threshold: float) -> Kin:
    """Look at the texts of rows; with a threshold of 0 they are told by their digests only."""
    digests, written = array("Q"), bytearray()
    found = Kin(threshold, None, None)
    for batch in _batches(texts):
        folded = sides(batch, "both")
        for at in range(0, len(folded), 2):
            whole = b"\0".join(folded[at : at + 2])
            digests.append(int.from_bytes(sha256(whole).digest()[:8], "little"))
            written.append(len(whole) > 1)
        if threshold:
            shingles = shingled(folded, 2, marked=False)
            keys, sketch = bands.keys(shingles.shingles, shingles.ends[1::2], threshold)
            found.bands.append(keys)
            found.sketches.append(sketch)
    found.digests, found.written = np.asarray(digests), np.frombuffer(written, bool)
    return found


def _batches(texts: Iterable[Texts]) -> Iterator[list[Texts]]:
    batch: list[Texts] = []
    size = 0
    for pair in texts:
        batch.append(pair)
        size += len(pair[0] or "") + len(pair[1] or "")
        if len(batch) == _ROWS or size >= _CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
