"""The words that tell a cluster from the rest, by TF-IDF contrast.

Memory: the words of the texts that are given, a few thousand at most.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d_]{2,}")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
)
_LONGEST = 24  # characters of a word that is shown
_CHARS = 4096


def words_of(text: str) -> set[str]:
    """Return the words of a text; in scripts without spaces, pairs of characters."""
    found = set()
    for word in _WORD.findall(text[:_CHARS].casefold()):
        if _UNSPACED.match(word):
            found |= {word[at : at + 2] for at in range(len(word) - 1)}
        elif len(word) <= _LONGEST:
            found.add(word)
    return found


def counted(texts: Iterable[str]) -> Counter[str]:
    """Return in how many of the texts each word stands."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    return counts


def telling(inside: Counter[str], texts: int, overall: Counter[str], all_texts: int) -> list[str]:
    """Return up to four words that are common in a cluster of `texts` and rare in all texts."""

    def weight(word: str) -> float:
        share, usual = inside[word] / texts, (overall[word] + 1) / (all_texts + 1)
        return share * math.log(share / usual)

    return sorted(inside, key=lambda word: (-weight(word), -len(word), word))[:4]
