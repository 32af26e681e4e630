"""N-grams that rows share with reference texts: evaluation sets, real training data.

Every string in a reference row is a text of its own, whatever its field. The index holds the
8-grams of words; a run of six that follow each other is a shared 13-gram, which is sure evidence.
Shorter runs count where one reference text makes up a quarter of a row's text, or a third of it
stands there: less is a phrase that people use.
An n-gram that stands in more than ten reference rows is their boilerplate and no evidence.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgate.near.tokens import chained, mix, split, words
from synthgate.rows import Row
from synthgate.text import folded

Array = Any
GRAM, SURE = 8, 13
_LEAST = 5  # words of a shorter text that count when it is the whole text
_SPOKEN = 8  # words of a sure run that begin with a letter: formulas are alike by nature
_LONG, _DISTINCT = 18, 8  # words of a sure run, and different ones, where fewer are spoken
_OWN, _WHOLE = 0.25, 0.33  # of the words of a row's text, of the reference text
_MOSTLY = 0.8  # of a row's text: evidence even if it is all signs and numbers
_LEAST_SPOKEN = 5  # of the shared words
_COMMON = 10  # reference rows that share boilerplate
_EXCERPT = 30  # words
_BATCH = 512


@dataclass(frozen=True)
class Overlap:
    """What a row shares with the reference row `id` at `place`: words of how many, and which.

    It is `sure` if 13 words in a row are shared, 8 of which begin with a letter; if 18 are,
    8 of them different and one with a letter; or if all are.
    """

    id: str
    place: str
    shared: int
    longest: int
    of: int
    sure: bool
    excerpt: str

    def words(self) -> str:
        """Return the evidence in words."""
        kind = f"{SURE}-gram, sure" if self.sure else f"{GRAM}-gram"
        return f"{kind}: {self.shared} of {self.of} words are of {self.place}: {self.excerpt}"


class References:
    """An index of reference rows: 8 + 4 bytes a word, and the id and place of each row."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._names: list[tuple[str, str]] = []
        grams, owners = [], []
        self._rows, self._sizes = array("L"), array("L")  # of each reference text
        for batch in _batches(rows):
            texts, before = [], len(self._sizes)
            for row in batch:
                for text in strings(row.value):
                    texts.append(folded(text))
                    self._rows.append(len(self._names))
                self._names.append((row.id, f"{row.file}:{row.line}"))
            hashes, counts = words(texts)
            self._sizes.extend(counts.tolist())
            found, sides = _grams(hashes, counts)
            grams.append(found)
            owners.append((sides + before).astype(np.uint32))
        self._index(grams, owners)

    def __len__(self) -> int:
        return len(self._names)

    def _index(self, grams: list[Array], owners: list[Array]) -> None:
        every = np.concatenate([np.zeros(0, dtype=np.uint64), *grams])
        owner = np.concatenate([np.zeros(0, dtype=np.uint32), *owners])
        order = np.lexsort((owner, every))
        every, owner = every[order], owner[order]
        fresh = np.ones(len(every), dtype=bool)
        fresh[1:] = (every[1:] != every[:-1]) | (owner[1:] != owner[:-1])
        every, owner = every[fresh], owner[fresh]
        self.grams, first, times = np.unique(every, return_index=True, return_counts=True)
        rare = times <= _COMMON
        self.grams, self.owners = self.grams[rare], owner[first[rare]]
        bits = max(16, int(len(self.grams) * 16).bit_length())
        self._shift = np.uint64(64 - bits)
        self._seen = np.zeros(1 << bits, dtype=bool)
        self._seen[self.grams >> self._shift] = True

    def overlaps(
        self, texts: list[bytes], hashes: Array, counts: Array
    ) -> Iterator[tuple[int, Overlap]]:
        """Yield (side, what it shares) for each text that shares enough, in order.

        `hashes` and `counts` are those that `words` gives for the texts.
        """
        grams, sides = _grams(hashes, counts)
        likely = np.flatnonzero(self._seen[grams >> self._shift])
        at = np.searchsorted(self.grams, grams[likely])
        at[at == len(self.grams)] = 0
        hits = self.grams[at] == grams[likely] if len(self.grams) else np.zeros(0, dtype=bool)
        places, owners = likely[hits], self.owners[at[hits]]
        firsts, sums = np.searchsorted(sides, np.arange(len(texts))), np.cumsum(counts)
        for side in np.unique(sides[places]).tolist():
            of_side = sides[places] == side
            starts = places[of_side] - firsts[side]
            first = int(sums[side] - counts[side])
            own = hashes[first : first + int(counts[side])]
            found = self._overlap(texts[side], starts, owners[of_side], own)
            if found is not None:
                yield side, found

    def _overlap(self, text: bytes, starts: Array, owners: Array, own: Array) -> Overlap | None:
        """Return the evidence, None where it is too little.

        `starts` are the first words of shared n-grams and `owners` the reference texts of these;
        `own` are the hashes of the text's words.
        """
        count, spoken = len(own), own & np.uint64(1)
        size = min(GRAM, count)
        runs = np.split(starts, np.flatnonzero(np.diff(starts) != 1) + 1)
        sure = [run for run in runs if _sure(run, size, own)]
        longest = max(sure or runs, key=len)
        within = (starts >= longest[0]) & (starts <= longest[-1])
        holder = int(np.bincount(owners[within] if sure else owners).argmax())
        covered = np.zeros(count, dtype=bool)
        for start in (starts if sure else starts[owners == holder]).tolist():
            covered[start : start + size] = True
        shared, of = int(covered.sum()), self._sizes[holder]
        enough = shared >= min(_OWN * count, _WHOLE * of) and spoken[covered].sum() >= _LEAST_SPOKEN
        if not (sure or enough or shared >= max(SURE, _MOSTLY * count)):
            return None
        first, length = int(longest[0]), len(longest) + size - 1
        words = split(text)[first : first + min(length, _EXCERPT)]
        excerpt = b" ".join(words).decode("utf-8", "replace")
        name = self._names[self._rows[holder]]
        return Overlap(*name, shared, length, count, bool(sure) or shared == count, excerpt)


def _sure(run: Array, size: int, own: Array) -> bool:
    """Tell whether a run of shared n-grams is no coincidence: long enough, and not all formulas."""
    length = len(run) + size - 1
    shared = own[run[0] : run[0] + length]
    spoken = int((shared & np.uint64(1)).sum())
    if length >= SURE and spoken >= _SPOKEN:
        return True
    return length >= _LONG and spoken > 0 and len(set(shared.tolist())) >= _DISTINCT


def _grams(hashes: Array, counts: Array) -> tuple[Array, Array]:
    """Return (8-gram hashes, the text of each); a text of 5 to 7 words is one gram as a whole."""
    ends = np.cumsum(counts)
    owners = np.repeat(np.arange(len(counts)), counts)
    left = ends[owners] - np.arange(len(hashes)) if len(hashes) else np.zeros(0, dtype=np.int64)
    full = chained(hashes, GRAM)
    grams = np.zeros(len(hashes), dtype=np.uint64)
    grams[: len(full)] = full
    valid = left >= GRAM
    for size in range(_LEAST, GRAM):
        starts = (ends - counts)[counts == size]
        whole = chained(hashes, size)
        grams[starts] = mix(whole[starts] + np.uint64(size))
        valid[starts] = True
    return grams[valid], owners[valid]


def strings(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, keys apart."""
    if type(value) is str:
        yield value
    elif type(value) is dict or type(value) is list:
        for item in value.values() if type(value) is dict else value:
            yield from strings(item)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
