"""The words of texts as numbers, so that millions of them are counted by numpy.

A word is a run of letters and digits, without case; each other visible sign is a word of its own,
and so is each character of a script that is written without blanks. Odd blanks are words, too.
Memory: 4 bytes a word, and about 120 bytes for each different one.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from synthgate.poison import Array

MAX_CHARS = 20_000
"""Characters of a text whose words are counted; every other test reads all of it."""
LONGEST = 64
"""Characters by which a word is told from others."""
_PLAIN = re.compile(r"\w+|[^\w\s]")
_SPACELESS = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u312f\u31a0-\u4dbf\u4e00-\u9fff"
    "\ua980-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_ANY = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+|[^\w\s]|[^\S \t\n\r]")


def words_of(text: str) -> list[str]:
    """Return the words of the beginning of a text."""
    start = text[:MAX_CHARS].casefold()
    return _PLAIN.findall(start) if start.isascii() else _ANY.findall(start)


class Vocabulary(dict[str, int]):
    """The number of each word, in the order of their first appearance."""

    def __missing__(self, word: str) -> int:
        if len(word) > LONGEST:
            return self[word[:LONGEST]]
        self[word] = number = len(self)
        return number

    def names(self) -> list[str]:
        """Return the words by their numbers."""
        return list(self)


class Noted:
    """Texts as they come in, as the numbers of their words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._number = vocabulary.__getitem__
        self._words = array("i")
        self._ends = array("q")

    def add(self, text: str) -> None:
        """Take down one text."""
        self._words.extend(map(self._number, words_of(text)))
        self._ends.append(len(self._words))

    def texts(self) -> Texts:
        """Return the texts so far."""
        import numpy as np

        return Texts(np.array(self._words, dtype=np.int64), np.array(self._ends, dtype=np.int64))


@dataclass(frozen=True)
class Texts:
    """The words of some texts, one after the other, and where each text ends."""

    words: Array
    ends: Array

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def counts(self) -> Array:
        """How many words each text has, int64."""
        import numpy as np

        return np.diff(self.ends, prepend=0)

    def picked(self, numbers: Array) -> Texts:
        """Return the texts with these numbers, in their order."""
        import numpy as np

        counts = self.counts[numbers]
        ends = counts.cumsum()
        shift = np.repeat(self.ends[numbers] - ends, counts)
        return Texts(self.words[np.arange(int(counts.sum())) + shift], ends)

    def only(self, wanted: Array) -> Texts:
        """Return the texts that are wanted, a flag for each; the others have no words."""
        import numpy as np

        counts = self.counts
        stays = np.repeat(wanted, counts)
        return Texts(self.words[stays], np.where(wanted, counts, 0).cumsum())


def joined(parts: Sequence[Texts]) -> Texts:
    """Return the texts of all parts as one."""
    import numpy as np

    counts = np.concatenate([part.counts for part in parts])
    return Texts(np.concatenate([part.words for part in parts]), counts.cumsum())
