"""Pass 1: every row is looked at once, and what is kept of it lies in arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synthgate.descent import Barred, Kin, excluded
from synthgate.near import bands, groups
from synthgate.near.against import Overlap
from synthgate.near.scan import Scanned

Array = Any
_LISTS = ("faults", "digests", "worth", "prompts", "responses", "forms")


@dataclass
class Survey:
    """What is known of all rows, one entry a row, as in `Scanned`.

    `bands` and `short` are lists of arrays, which are emptied once they have been used; `excluded`
    says why rows are.
    """

    faults: Array
    digests: Array
    worth: Array
    prompts: Array
    responses: Array
    forms: Array
    bands: list[tuple[Array, Array]]
    short: list[tuple[Array, Array]]
    overlaps: dict[int, Overlap] = field(default_factory=dict)
    excluded: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.faults)

    def neighbours(self, alive: Array, threshold: float) -> list[tuple[Array, Array]]:
        """Return pairs of rows that are `alive`, share a key and may be near, or alike.

        Of many rows that share a key each is paired with the next ones only.
        """
        rows = np.flatnonzero(alive)
        found = []
        sketch = np.concatenate([part for _, part in self.bands]) if self.bands else None
        for band in range(self.bands[0][0].shape[1] if self.bands else 0):
            keys = np.concatenate([part[:, band] for part, _ in self.bands])
            pairs = groups.edges(keys[rows], rows, groups.REACH)
            found.append(groups.taken(pairs, bands.likely(*pairs, sketch, threshold)))
        owners = np.concatenate([np.zeros(0, np.uint32), *(pair[0] for pair in self.short)])
        keys = np.concatenate([np.zeros(0, np.uint32), *(pair[1] for pair in self.short)])
        living = alive[owners]
        found.append(groups.edges(keys[living], owners[living]))
        return found


def survey(
    parts: Iterable[Scanned], took: Callable[[Scanned], None], barred: Barred | None = None
) -> Survey:
    """Return what pages were found to be, as one; `took` is told of each of them, in order."""
    kept: dict[str, list[Array]] = {name: [] for name in _LISTS}
    keys: list[tuple[Array, Array]] = []
    short: list[tuple[Array, Array]] = []
    overlaps: dict[int, Overlap] = {}
    kin: list[Kin] = []
    rows = 0
    for part in parts:
        took(part)
        for name, found in kept.items():
            if (array := getattr(part, name)) is not None:
                found.append(array)
        if part.bands is not None:
            keys.append(part.bands)
        if part.kin is not None:
            kin.append(part.kin)
        owners, each = part.short
        short.append(((owners + rows).astype(np.uint32), each))
        overlaps |= {row + rows: overlap for row, overlap in part.overlaps.items()}
        rows += len(part.faults)
    whole = {name: _joined(name, found) for name, found in kept.items()}
    gone = excluded(kin, barred) if barred is not None else {}
    return Survey(**whole, bands=keys, short=short, overlaps=overlaps, excluded=gone)


def _joined(name: str, parts: list[Array]) -> Array:
    empty = np.zeros((0, 2) if name == "digests" else 0, _TYPES.get(name, np.uint64))
    return np.concatenate([empty, *parts])


_TYPES: dict[str, Any] = {
    "faults": np.uint8, "worth": np.float64, "forms": np.uint8,
}  # fmt: skip
