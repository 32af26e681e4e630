"""The pool of instructions: none in it has a ROUGE-L of 0.7 or more with another.

ROUGE-L is the F measure of the longest common subsequence of two token lists (Lin 2004), computed
with rapidfuzz: 2 LCS / (m + n). Tokens are those of the rouge-score package (runs of a-z and 0-9 of
the lower-cased text); texts with other letters are compared by words of any script as well, because
to that package a Chinese text is empty.
Memory: the tokens of the pool, one character each.
"""

from __future__ import annotations

import re
from typing import Any

_ASCII = re.compile(r"[a-z0-9]+")
_WORDS = re.compile(r"[^\W_]+")
_FIRST = 0xE000  # beyond the surrogates; the private range is as good as any other


class Pool:
    """Instructions, and for a new one the nearest of them if that is too near."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.texts: list[str] = []
        self._tokens: dict[str, str] = {}
        self._sides: tuple[list[str], list[str]] = ([], [])

    def add(self, text: str) -> int | None:
        """Take in a text, or return the number of a text in the pool that it is too near to."""
        sides = [self._encoded(pattern, text) for pattern in (_ASCII, _WORDS)]
        for side, pool in zip(sides, self._sides, strict=True):
            if (near := self._near(side, pool)) is not None:
                return near
        for side, pool in zip(sides, self._sides, strict=True):
            pool.append(side)
        self.texts.append(text)
        return None

    def _near(self, side: str, pool: list[str]) -> int | None:
        from rapidfuzz import process
        from rapidfuzz.distance import Indel

        found: Any = process.extractOne(
            side, pool, scorer=Indel.normalized_similarity, score_cutoff=self.limit
        )
        return found[2] if found and side else None

    def _encoded(self, pattern: re.Pattern[str], text: str) -> str:
        """Return the tokens of a text as one character each: equal tokens, equal characters."""
        known = self._tokens
        found = pattern.findall(text.lower())
        return "".join([known.setdefault(each, chr(_FIRST + len(known))) for each in found])
