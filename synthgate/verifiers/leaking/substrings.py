"""Long common substrings of a text and many stored ones: all of them found, none only by hash.

Every stored text is hashed at every `step`-th window of `size` characters, and a text that is
looked up at every window. With `size + step - 1` = the wanted length, whatever is that long in
common holds one hashed window whole. What a hash finds is compared as text.

Memory: 16 bytes for each `step` = length // 3 characters, beside the texts themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

COMPARISONS = 20_000  # for one text: hostile ones repeat what stands in many places
_BASE = 0x9E3779B97F4A7C15 | 1
_Hashes = npt.NDArray[np.uint64]


class TooMany(Exception):
    """A text that repeats so much of the stored ones that not all of it could be compared."""


@dataclass(frozen=True, slots=True)
class Common:
    """A substring in common: which stored text, where it starts in the text, how long it is."""

    stored: int
    start: int
    length: int


class Substrings:
    """The windows of some texts, sorted by their hash."""

    def __init__(self, texts: Sequence[str], length: int) -> None:
        self._texts, self.length = texts, length
        self._step = max(1, length // 3)
        self._size = length - self._step + 1
        hashes, places = self._windows(texts)
        order = np.argsort(hashes, kind="stable")
        kept = self._distinct(hashes[order], places[order])
        self._hashes, self._places = hashes[order][kept], places[order][kept]

    def find(self, text: str) -> Common | None:
        """Return the first substring in common that is long enough, extended to its full length.

        Raises `TooMany` where that takes too many comparisons.
        """
        if len(text) < self.length or not len(self._hashes):
            return None
        wanted = _hashed(text, self._size)
        first = np.searchsorted(self._hashes, wanted)
        first[first == len(self._hashes)] = 0
        hits = np.flatnonzero(self._hashes[first] == wanted)
        last = np.searchsorted(self._hashes, wanted[hits], side="right")
        left = COMPARISONS
        for at, low, high in zip(hits.tolist(), first[hits].tolist(), last.tolist(), strict=True):
            left -= high - low
            if left < 0:
                raise TooMany
            for stored, place in self._places[low:high].tolist():
                if found := self._common(text, at, stored, place):
                    return found
        return None

    def _windows(self, texts: Sequence[str]) -> tuple[_Hashes, npt.NDArray[np.uint32]]:
        """Return the hashes of all stored windows, and (text, start) of each."""
        hashes, places = [np.empty(0, np.uint64)], [np.empty((0, 2), np.uint32)]
        for number, text in enumerate(texts):
            if len(text) < self.length:
                continue
            found = _hashed(text, self._size)[:: self._step]
            starts = np.arange(len(found), dtype=np.uint32) * np.uint32(self._step)
            hashes.append(found)
            places.append(np.stack([np.full(len(found), number, np.uint32), starts], axis=1))
        return np.concatenate(hashes), np.concatenate(places)

    def _distinct(self, hashes: _Hashes, places: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        """Tell which windows to keep: of equal ones in equal surroundings one is enough."""
        kept = np.ones(len(hashes), np.bool_)
        same = np.zeros(len(hashes), np.bool_)
        same[1:] = hashes[1:] == hashes[:-1]
        same[:-1] |= same[1:]
        seen: set[tuple[int, str]] = set()
        margin = self._step - 1
        for at in np.flatnonzero(same).tolist():
            stored, place = places[at].tolist()
            around = self._texts[stored][max(0, place - margin) : place + self._size + margin]
            key = int(hashes[at]), f"{min(place, margin)} {around}"
            kept[at] = key not in seen
            seen.add(key)
        return kept

    def _common(self, text: str, at: int, stored: int, place: int) -> Common | None:
        """Return the substring in common around two equal windows, None where it is too short."""
        other, size = self._texts[stored], self._size
        if text[at : at + size] != other[place : place + size]:
            return None
        for margin in (self._step - 1, len(text)):  # what is needed; then, of a hit, all of it
            ahead = text[max(0, at - margin) : at], other[max(0, place - margin) : place]
            before = _alike(ahead[0][::-1], ahead[1][::-1])
            behind = (
                text[at + size : at + size + margin],
                other[place + size : place + size + margin],
            )
            length = before + size + _alike(*behind)
            if length < self.length:
                return None
        return Common(stored, at - before, length)


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts have in common at their start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _hashed(text: str, size: int) -> _Hashes:
    """Return a hash of each window of a text: a polynomial modulo 2**64, all at once."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    powers, inverses = _powers(len(codes))
    summed = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * powers, out=summed[1:])
    return (summed[size:] - summed[:-size]) * inverses[: len(codes) - size + 1]


_POWERS: dict[int, tuple[_Hashes, _Hashes]] = {}


def _powers(count: int) -> tuple[_Hashes, _Hashes]:
    """Return the powers of the base, and those of its inverse, at least so many of them."""
    known = max(_POWERS, default=0)
    if known < count:
        known = max(1 << 12, 1 << count.bit_length())
        _POWERS.clear()
        _POWERS[known] = _power(_BASE, known), _power(pow(_BASE, -1, 1 << 64), known)
    powers, inverses = _POWERS[known]
    return powers[:count], inverses[:count]


def _power(base: int, count: int) -> _Hashes:
    steps = np.full(count, base, np.uint64)
    steps[0] = 1
    return np.cumprod(steps, dtype=np.uint64)
