"""Pass 1: every row is looked at once, and about 100 bytes of it are kept in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synthgate.near import groups
from synthgate.near.against import Overlap
from synthgate.near.scan import Scanned, Texts

Array = Any
_ROWS, _CHARACTERS = 1024, 1 << 19  # of a batch


@dataclass
class Survey:
    """What is known of all rows, one entry a row.

    `faults` uint8, `digests` (rows, 2) uint64, `sizes` uint32, `bands` a list of (rows, bands)
    uint32, `prompts` and `responses` uint64, `short` a list of (row, key) pairs.
    """

    faults: Array
    digests: Array
    sizes: Array
    bands: list[Array]
    prompts: Array
    responses: Array
    short: list[tuple[Array, Array]]
    overlaps: dict[int, Overlap] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.faults)

    def neighbours(self, alive: Array) -> list[tuple[Array, Array]]:
        """Return pairs of rows that are `alive` and share a key."""
        rows = np.flatnonzero(alive)
        found = []
        for band in range(self.bands[0].shape[1] if self.bands else 0):
            keys = np.concatenate([part[:, band] for part in self.bands])
            found.append(groups.edges(keys[rows], rows))
        owners = np.concatenate([np.zeros(0, np.uint32), *(pair[0] for pair in self.short)])
        keys = np.concatenate([np.zeros(0, np.uint32), *(pair[1] for pair in self.short)])
        living = alive[owners]
        found.append(groups.edges(keys[living], owners[living]))
        return found


def survey(parts: Iterable[Scanned]) -> Survey:
    """Return what batches were found to be, as one."""
    faults, digests, sizes = [np.zeros(0, np.uint8)], [np.zeros((0, 2), np.uint64)], []
    prompts: list[Array] = []
    responses: list[Array] = []
    made = Survey(faults[0], digests[0], faults[0], [], faults[0], faults[0], [])
    rows = 0
    for part in parts:
        faults.append(part.faults)
        digests.append(part.digests)
        sizes.append(part.sizes)
        made.bands += [] if part.bands is None else [part.bands]
        prompts += [] if part.prompts is None else [part.prompts]
        responses += [] if part.responses is None else [part.responses]
        owners, keys = part.short
        made.short.append(((owners + rows).astype(np.uint32), keys))
        made.overlaps |= {row + rows: found for row, found in part.overlaps.items()}
        rows += len(part.faults)
    made.faults, made.digests = np.concatenate(faults), np.concatenate(digests)
    made.sizes = np.concatenate([np.zeros(0, np.uint32), *sizes])
    made.prompts = np.concatenate([np.zeros(0, np.uint64), *prompts])
    made.responses = np.concatenate([np.zeros(0, np.uint64), *responses])
    return made


def batches(texts: Iterable[Texts]) -> Iterator[list[Texts]]:
    """Yield the prompts and responses of rows in batches of bounded size."""
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
