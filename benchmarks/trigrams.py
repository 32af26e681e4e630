"""A small language model: interpolated Kneser-Ney trigrams of words, in plain Python.

Kneser and Ney 1995, in the interpolated form of Chen and Goodman 1999, one discount. The floor
below the unigrams is uniform over a fixed number of words, so that a model which forgets words
is not rewarded for having fewer of them.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random

DISCOUNT = 0.75
START, END = "<s>", "</s>"
LONGEST = 40  # words of a sentence
Context = tuple[str, ...]


class Level:
    """The words seen after each context of one length, with their counts."""

    def __init__(self, grams: dict[Context, Counter[str]]) -> None:
        self.counts: dict[Context, Counter[str]] = grams
        self.totals = {context: sum(words.values()) for context, words in grams.items()}
        self._drawn: dict[Context, tuple[list[str], list[float]]] = {}

    def back_off(self, context: Context) -> float:
        """Return the weight that the discount leaves to the shorter context."""
        return DISCOUNT * len(self.counts[context]) / self.totals[context]

    def draw(self, context: Context, lot: float) -> str:
        """Return a word by a number in [0, 1), by discounted counts."""
        if context not in self._drawn:
            words = list(self.counts[context])
            weights = accumulate(self.counts[context][word] - DISCOUNT for word in words)
            self._drawn[context] = words, list(weights)
        words, sums = self._drawn[context]
        return words[min(bisect_right(sums, lot * sums[-1]), len(words) - 1)]


class Trigrams:
    """A model of sentences; `floor` is the number of words that the uniform floor spreads over."""

    def __init__(self, sentences: Iterable[str], floor: int) -> None:
        three: dict[Context, Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            for one, two, word in grams(sentence.split()):
                three[one, two][word] += 1
        two_: dict[Context, Counter[str]] = defaultdict(Counter)
        for (_, middle), words in three.items():
            two_[middle,].update(words.keys())
        one_: dict[Context, Counter[str]] = defaultdict(Counter)
        for words in two_.values():
            one_[()].update(words.keys())
        self._levels = [Level(one_), Level(two_), Level(three)]
        self._floor = 1 / (floor + 1)
        self._known: dict[tuple[str, str, str], float] = {}

    def probability(self, one: str, two: str, word: str) -> float:
        """Return P(word | one two)."""
        gram = one, two, word
        if gram not in self._known:
            found = self._floor
            for level, context in zip(self._levels, ((), (two,), (one, two)), strict=True):
                if context in level.counts:
                    own = max(level.counts[context][word] - DISCOUNT, 0) / level.totals[context]
                    found = own + level.back_off(context) * found
            self._known[gram] = found
        return self._known[gram]

    def surprise(self, words: Sequence[str]) -> float:
        """Return the mean of -log P over the words of a sentence and its end."""
        found = [-math.log(self.probability(*gram)) for gram in grams(words)]
        return sum(found) / len(found)

    def perplexity(self, sentences: Iterable[str]) -> float:
        """Return the perplexity on sentences, their ends counted as words."""
        total = count = 0.0
        for sentence in sentences:
            words = sentence.split()
            total += self.surprise(words) * (len(words) + 1)
            count += len(words) + 1
        return math.exp(total / count)

    def sample(self, random: Random) -> list[str]:
        """Return the words of a sentence drawn at temperature 1."""
        words: list[str] = []
        one = two = START
        while len(words) < LONGEST:
            word = self._next(one, two, random)
            if word == END:
                break
            words.append(word)
            one, two = two, word
        return words

    def _next(self, one: str, two: str, random: Random) -> str:
        low, middle, high = self._levels
        for level, context in ((high, (one, two)), (middle, (two,))):
            if context in level.counts and random.random() >= level.back_off(context):
                return level.draw(context, random.random())
        return low.draw((), random.random())

    def best_of(self, count: int, random: Random) -> str:
        """Return the least surprising of several samples: a generator that seeks its mode."""
        drawn = (self.sample(random) for _ in range(count))
        return " ".join(min((words for words in drawn if words), key=self.surprise, default=["."]))


def grams(words: Sequence[str]) -> Iterable[tuple[str, str, str]]:
    """Return the trigrams of a sentence with its start and its end."""
    padded = [START, START, *words, END]
    return zip(padded, padded[1:], padded[2:], strict=False)
