"""What pass 1 keeps of a batch of rows: faults, digests, band keys, shared n-grams."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from synthgate.near import alike, bands, quality
from synthgate.near.against import Overlap
from synthgate.near.settings import DEFAULT_REACH, Settings
from synthgate.near.shingles import Shingled, shingled
from synthgate.text import folded

Array = Any
Texts = tuple[str | None, str | None]
NOTHING = np.frombuffer(blake2b(b"", digest_size=8).digest(), dtype="<u8")[0]
_NO_KEYS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint32))


@dataclass(frozen=True)
class Scanned:
    """A batch of rows, one entry a row.

    `faults` uint8 (numbers of `quality.REASONS`), `digests` (rows, 2) uint64 of what is compared,
    `bands` (rows, bands) uint32, `short` (row, key) pairs of texts below a shingle's reach,
    `sizes` uint32 bytes of text, `prompts` and `responses` uint64 where they are capped, and what
    rows share with reference texts.
    """

    faults: Array
    digests: Array
    sizes: Array
    bands: Array | None
    short: tuple[Array, Array]
    prompts: Array | None
    responses: Array | None
    overlaps: dict[int, Overlap]


def scan(batch: list[Texts], settings: Settings) -> Scanned:
    """Look at the prompts and responses of a batch of rows."""
    faults = [
        quality.fault(prompt, response, promptless=settings.promptless, refusals=settings.refusals)
        for prompt, response in batch
    ]
    both = [(folded(prompt or ""), folded(response or "")) for prompt, response in batch]
    compared = [text for pair in both for text in _sides(pair, settings.on)]
    digests = b"".join(
        [blake2b(_joined(pair, settings.on), digest_size=16).digest() for pair in both]
    )
    keys, short = None, _NO_KEYS
    overlaps: dict[int, Overlap] = {}
    if settings.near or settings.fuzzy or settings.references:
        found = shingled(compared, settings.sides)
        keys, short = sought(found, settings)
        overlaps = _overlaps(compared, found, settings)
    return Scanned(
        np.array(faults, dtype=np.uint8),
        np.frombuffer(digests, dtype="<u8").reshape(-1, 2),
        np.array([sum(map(len, _sides(pair, settings.on))) for pair in both], dtype=np.uint32),
        keys,
        short,
        _digests(both, 0) if settings.caps else None,
        _digests(both, 1) if settings.caps else None,
        overlaps,
    )


def sides(prompt: str | None, response: str | None, on: str) -> list[bytes]:
    """Return the normalised texts of a row that are compared."""
    return list(_sides((folded(prompt or ""), folded(response or "")), on))


def sought(found: Shingled, settings: Settings) -> tuple[Array | None, tuple[Array, Array]]:
    """Return the band keys and the keys of short texts, where they are wanted."""
    step = settings.sides
    counts = found.counts.reshape(-1, step).sum(axis=1)
    keys = (
        bands.keys(found.shingles, found.ends[step - 1 :: step], settings.near)
        if settings.near
        else None
    )
    if not settings.fuzzy:
        return keys, _NO_KEYS
    return keys, alike.keys(found.words, counts, alike.reach(settings.near or DEFAULT_REACH))


def _sides(pair: tuple[bytes, bytes], on: str) -> tuple[bytes, ...]:
    return pair if on == "both" else pair[:1] if on == "prompt" else pair[1:]


def _joined(pair: tuple[bytes, bytes], on: str) -> bytes:
    return b"\0".join(_sides(pair, on))


def _digests(both: list[tuple[bytes, bytes]], side: int) -> Array:
    found = b"".join([blake2b(pair[side], digest_size=8).digest() for pair in both])
    return np.frombuffer(found, dtype="<u8")


def _overlaps(texts: list[bytes], found: Shingled, settings: Settings) -> dict[int, Overlap]:
    """Return the evidence against each row that shares n-grams with a reference."""
    overlaps: dict[int, Overlap] = {}
    if settings.references is None:
        return overlaps
    for side, overlap in settings.references.overlaps(texts, found.words, found.counts):
        row = side // settings.sides
        if row not in overlaps or overlap.longest > overlaps[row].longest:
            overlaps[row] = overlap
    return overlaps
