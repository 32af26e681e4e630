"""Pass 1: every row is looked at once, and what is kept of it lies in arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from synthgate.descent import Barred, Kin, excluded
from synthgate.near import bands, groups
from synthgate.near.against import Overlap
from synthgate.near.scan import Scanned

Array = Any
_KINDS: dict[str, Any] = {
    "faults": np.uint8, "digests": np.uint64, "worth": np.float64,
    "prompts": np.uint64, "responses": np.uint64, "forms": np.uint8,
}  # fmt: skip


@dataclass
class Survey:
    """What is known of all rows, one entry a row, as in `Scanned`.

    `keys` holds one array for each band; `excluded` says why rows are. What has been used is taken
    away.
    """

    faults: Array
    digests: Array
    worth: Array
    prompts: Array
    responses: Array
    forms: Array
    keys: list[Array]
    sketch: Array
    short: tuple[Array, Array]
    overlaps: dict[int, Overlap] = field(default_factory=dict)
    excluded: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.faults)

    def neighbours(self, alive: Array, threshold: float) -> Iterator[groups.Pairs]:
        """Yield pairs of rows that are `alive`, share a key and may be near, or alike.

        Of many rows that share a key each is paired with the next ones only. Keys are gone after.
        """
        rows = np.flatnonzero(alive).astype(np.uint32)
        while self.keys:
            keys = self.keys.pop()[rows]
            for pairs in groups.edges(keys, rows, groups.REACH):
                yield groups.taken(pairs, bands.likely(*pairs, self.sketch, threshold))
        self.sketch = self.sketch[:0].copy()
        owners, keys = self.short
        living = alive[owners]
        self.short = owners[:0].copy(), keys[:0].copy()
        yield from groups.edges(keys[living], owners[living])


class _Column:
    """Numbers that come page by page and are one array in the end, never held twice."""

    def __init__(self, kind: Any) -> None:
        self._kind, self._held = kind, bytearray()

    def add(self, found: Array) -> None:
        """Put some more at the end."""
        self._held += found.astype(self._kind, copy=False).tobytes()

    def array(self) -> Array:
        """Return all of them; no more are added."""
        return np.frombuffer(self._held, self._kind)


def survey(
    parts: Iterable[Scanned], took: Callable[[Scanned], None], barred: Barred | None = None
) -> Survey:
    """Return what pages were found to be, as one; `took` is told of each of them, in order."""
    kept = {name: _Column(kind) for name, kind in _KINDS.items()}
    keys: list[_Column] = []
    sketch, owners, short = _Column(np.uint8), _Column(np.uint32), _Column(np.uint32)
    overlaps: dict[int, Overlap] = {}
    kin: list[Kin] = []
    rows = 0
    for part in parts:
        took(part)
        for name, column in kept.items():
            if (array := getattr(part, name)) is not None:
                column.add(array)
        if part.bands is not None:
            found, bits = part.bands
            keys = keys or [_Column(np.uint32) for _ in range(found.shape[1])]
            for band, column in enumerate(keys):
                column.add(found[:, band])
            sketch.add(bits)
        if part.kin is not None:
            kin.append(part.kin)
        owners.add(part.short[0] + rows)
        short.add(part.short[1])
        overlaps |= {row + rows: overlap for row, overlap in part.overlaps.items()}
        rows += len(part.faults)
    whole = {name: column.array() for name, column in kept.items()}
    whole["digests"] = whole["digests"].reshape(-1, 2)
    return Survey(
        **whole,
        keys=[column.array() for column in keys],
        sketch=sketch.array().reshape(-1, max(1, len(keys))),
        short=(owners.array(), short.array()),
        overlaps=overlaps,
        excluded=excluded(kin, barred) if barred is not None else {},
    )
