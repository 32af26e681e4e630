"""Near copies: texts that have most of their words in common, in the same order.

Similarity is 2 c / (m + n) for texts of m and n words with c words in common order (the longest
common subsequence). Prefix filtering finds candidates and misses none: two texts that are similar
enough have some of their rarer words in common. Memory: about 6 bytes a word, 20 a different word
and 120 a text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

from synthgate.verifiers.leaking.texts import words

LEAST = 8  # words: of fewer, one changed word makes another text
SHORT = 12  # words: of fewer, two changed words do, and people who never met say such things alike
ONE_CHANGED = 0.87  # similarity of texts of 8 words in which one is another, just about
MOST = 20_000  # words: longer texts cannot be compared in a reasonable time
_ROUNDING = 1e-9  # 0.8 of a text is 0.8, whatever a float makes of it
_TOGETHER = 4  # rarer words that two texts must share; more of them, longer lists and fewer texts
_FIRST = 0xE000  # a word is one character behind the surrogates, so that a text of words is a str
_CODES = 0x110000 - _FIRST
_Numbers = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Near:
    """The most similar stored text and how similar it is."""

    stored: int
    similarity: float


class NearCopies:
    """The words of some texts, found by their rarer ones."""

    def __init__(self, texts: Iterable[str], least: float) -> None:
        self._least, self._part = least, least / (2 - least)
        self._coded: list[str] = []
        tokens: list[_Numbers] = []
        for found in map(_bounded, texts):
            self._coded.append(_coded(found))
            tokens.append(_tokens(found))
        self._known, counts = np.unique(_joined(tokens), return_counts=True)
        self._often = counts.astype(np.uint32)
        listed = [self._known.searchsorted(self._rare(each)).astype(np.uint32) for each in tokens]
        numbers = np.repeat(np.arange(len(listed), dtype=np.uint32), [len(each) for each in listed])
        order = np.argsort(_joined(listed), kind="stable")
        self._stored = numbers[order]
        self._starts = _joined(listed)[order].searchsorted(np.arange(len(self._known) + 1))

    def find(self, text: str) -> Near | None:
        """Return the most similar stored text, None where none is similar enough."""
        from rapidfuzz.distance.Indel import normalized_similarity
        from rapidfuzz.process import extractOne

        found = _bounded(text)
        numbers = self._candidates(found)
        if not numbers:
            return None
        least = self._least if len(found) >= SHORT else max(self._least, ONE_CHANGED)
        choices = [self._coded[number] for number in numbers]
        floor = least - 0.02  # rapidfuzz rounds against what is just at its cutoff
        best = extractOne(
            _coded(found), choices, scorer=normalized_similarity, processor=None, score_cutoff=floor
        )
        if best is None or best[1] < least - _ROUNDING:
            return None
        return Near(numbers[best[2]], best[1])

    def _candidates(self, found: list[str]) -> list[int]:
        """Return the stored texts with which a text has enough of its rarer words in common."""
        rare = self._rare(_tokens(found))
        at = self._known.searchsorted(rare)
        at = at[at < len(self._known)]
        at = at[np.isin(self._known[at], rare)]
        lists = [self._stored[self._starts[n] : self._starts[n + 1]] for n in at.tolist()]
        numbers, shared = np.unique(_joined(lists), return_counts=True)
        together = min(_TOGETHER, self._shared(len(found)))
        return [int(number) for number in numbers[shared >= together]]

    def _shared(self, count: int) -> int:
        """Return how many words a text of so many has in common with a similar one, at least."""
        return math.ceil(count * self._part - 1e-9)

    def _rare(self, tokens: _Numbers) -> _Numbers:
        """Return so many of the rarest words of a text that a similar one has some of them too."""
        at = self._known.searchsorted(tokens)
        at[at == len(self._known)] = 0
        known = self._known[at] == tokens if len(self._known) else np.zeros(len(tokens), np.bool_)
        often = np.where(known, self._often[at], 0) if len(self._known) else known
        order = np.lexsort((tokens, often))
        return tokens[order[: len(tokens) - self._shared(len(tokens)) + _TOGETHER]]


def _bounded(text: str) -> list[str]:
    """Return the words of a text, none where there are too few or too many."""
    found = words(text)
    return found if LEAST <= len(found) <= MOST else []


def _coded(found: list[str]) -> str:
    """Return words as a text of one character each, which is compared fast."""
    return "".join(chr(_FIRST + crc32(_bytes(word)) % _CODES) for word in found)


def _tokens(found: list[str]) -> _Numbers:
    """Return a number for each word; the second `the` of a text is another one than the first."""
    times: Counter[str] = Counter()
    numbers = []
    for word in found:
        numbers.append(crc32(_bytes(word), times[word]))
        times[word] += 1
    return np.unique(np.array(numbers, np.uint32))


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")


def _joined(arrays: list[_Numbers]) -> _Numbers:
    return np.concatenate([np.empty(0, np.uint32), *arrays])
