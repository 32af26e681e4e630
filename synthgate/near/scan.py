"""What pass 1 keeps of a page of rows: faults, digests, band keys, shared n-grams."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from synthgate.descent import Kin, kin_of
from synthgate.endings import cut_off
from synthgate.formats import dig
from synthgate.jsonl.pages import Bad, Looked, Page, looked
from synthgate.jsonl.stamped import provenances
from synthgate.near import alike, bands, quality
from synthgate.near.against import Overlap
from synthgate.near.settings import DEFAULT_REACH, Settings
from synthgate.near.shingles import Shingled, shingled
from synthgate.rows import Value
from synthgate.text import folded_all

Array = Any
Texts = tuple[str | None, str | None]
NOTHING = np.frombuffer(sha256(b"").digest()[:8], dtype="<u8")[0]
_NO_KEYS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint32))


@dataclass(frozen=True)
class Scanned:
    """What is kept of the rows of a page, one entry a row.

    `faults` uint8 (numbers of `quality.REASONS`), `digests` (rows, 2) uint64 of what is compared,
    `bands` (rows, bands) uint32 and their sketch in uint8, `short` (row, key) pairs of texts below
    a shingle's reach,
    `worth` float64 by which rows are preferred, `prompts` and `responses` uint64 where they are
    capped, what rows share with reference texts, and their `kin` where some are excluded. The rest
    is as in `Looked`: how and where the lines stand.
    """

    faults: Array
    digests: Array
    worth: Array | None
    bands: tuple[Array, Array] | None
    short: tuple[Array, Array]
    prompts: Array | None
    responses: Array | None
    overlaps: dict[int, Overlap]
    kin: Kin | None
    forms: Array
    numbers: array[int]
    starts: array[int]
    lines: int
    bad: list[Bad]
    edited: int
    check: int


def scan(page: Page, settings: Settings) -> Scanned:
    """Look at the prompts and responses of the rows of a page."""
    found = looked(page)
    shape = settings.shape
    texts = [(shape.prompt(value), shape.response(value)) for value in found.values]
    both = _pairs(texts)
    compared = [side for pair in both for side in _sides(pair, settings.on)]
    keys, short = None, _NO_KEYS
    overlaps: dict[int, Overlap] = {}
    if compared and (settings.near or settings.fuzzy or settings.references):
        shingles = shingled(compared, settings.sides, marked=settings.marked)
        keys, short = sought(shingles, settings)
        overlaps = _overlaps(compared, shingles, settings)
    return Scanned(
        np.array(_faults(found, texts, settings), dtype=np.uint8),
        _digests([_joined(pair, settings.on) for pair in both], 16).reshape(-1, 2),
        _worth(found.values, both, settings),
        keys,
        short,
        _digests([prompt for prompt, _ in both], 8) if settings.caps else None,
        _digests([response for _, response in both], 8) if settings.caps else None,
        overlaps,
        _kin(page, found, settings),
        np.frombuffer(found.forms, dtype=np.uint8),
        found.numbers,
        found.starts,
        found.lines,
        found.bad,
        found.edited,
        found.check,
    )


def _kin(page: Page, found: Looked, settings: Settings) -> Kin | None:
    """Return the descent of the rows of a page, where it matters."""
    if settings.barred is None:
        return None
    return kin_of(provenances(page, found, settings.stamp.provenance), settings.barred)


def _faults(found: Looked, texts: list[Texts], settings: Settings) -> list[int]:
    """Return what is wrong with each row; a row that says itself that it was cut off is."""
    faults = []
    for raw, value, (prompt, response) in zip(found.raws, found.values, texts, strict=True):
        fault = quality.fault(
            prompt,
            response,
            promptless=settings.promptless,
            refusals=settings.refusals,
            suspect=quality.suspect(raw),
        )
        if not fault and _tells(value, raw) and cut_off(value):
            fault = quality.TRUNCATED
        faults.append(fault)
    return faults


def _tells(value: Value, raw: bytes) -> bool:
    """Tell whether a row may say how it ended (finish_reason, doneReason, ...): most cannot."""
    for inner in value.values():
        if type(inner) is not str:
            return b"eason" in raw
    return "eason" in "\n".join(value)


def _worth(
    values: list[Value], both: list[tuple[bytes, bytes]], settings: Settings
) -> Array | None:
    """Return by what each row is preferred: its length, or the number in a field, else -inf."""
    if settings.longest:
        return np.array([sum(map(len, _sides(pair, settings.on))) for pair in both], dtype=float)
    if not settings.best:
        return None
    found = (dig(value, settings.best) for value in values)
    return np.array([float(n) if type(n) in (int, float) else -math.inf for n in found])


def sides(texts: Iterable[Texts], on: str) -> list[bytes]:
    """Return the normalised texts of rows that are compared, side by side."""
    return [side for pair in _pairs(texts) for side in _sides(pair, on)]


def _pairs(texts: Iterable[Texts]) -> list[tuple[bytes, bytes]]:
    """Return the normalised prompt and response of each row."""
    plain = folded_all([side or "" for each in texts for side in each])
    return list(zip(plain[::2], plain[1::2], strict=True))


def sought(
    found: Shingled, settings: Settings
) -> tuple[tuple[Array, Array] | None, tuple[Array, Array]]:
    """Return (band keys, sketch) and the keys of short texts, where they are wanted."""
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


def _digests(texts: list[bytes], size: int) -> Array:
    """Return the first `size` bytes of the SHA-256 of each text, as uint64."""
    return np.frombuffer(b"".join([sha256(text).digest()[:size] for text in texts]), dtype="<u8")


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
