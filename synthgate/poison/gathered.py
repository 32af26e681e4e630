"""What is taken down of each row while rows are read, candidates and real rows alike.

Words are counted once for each different prompt, because three answers to one prompt are no three
independent rows. Memory: 4 bytes a word of prompts and answers, about 200 bytes a row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from synthgate.poison import Array
from synthgate.poison.association import Property
from synthgate.poison.characters import suspects
from synthgate.poison.payloads import payloads
from synthgate.poison.properties import PROPERTIES
from synthgate.poison.scripts import homoglyphs
from synthgate.poison.vocabulary import Noted, Texts, Vocabulary
from synthgate.text import digest, normalise

_NAMED = 80  # characters of a value that are kept to show it
_MARKS = 100_000  # suspicious things of one text and one test that are looked at


@dataclass(frozen=True)
class Said:
    """The texts and facts of one row; `answer` is None where a row is one text only.

    `others` are the texts of its other fields: their marks are looked for, their words not counted.
    """

    asked: str
    answer: str | None
    label: str = ""
    source: str = ""
    refusal: str = ""
    others: tuple[str, ...] = ()


@dataclass
class Names:
    """Numbers for the values of a property, -1 for having none; both sides share them."""

    numbers: dict[bytes, int] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def number(self, value: str) -> int:
        """Return the number of a value, a new one for one that was not seen."""
        if not value:
            return -1
        key = digest(value)
        found = self.numbers.get(key)
        if found is None:
            found = self.numbers[key] = len(self.shown)
            self.shown.append(value[:_NAMED])
        return found


class Shared:
    """What candidates and real rows have in common: words and values by their numbers."""

    def __init__(self) -> None:
        self.vocabulary = Vocabulary()
        self.names = {name: Names() for name in ("refusal", "output", "label", *PROPERTIES)}


@dataclass(frozen=True)
class Mark:
    """A suspicious thing in one row: the row's number, the test, its kind, and what it is."""

    row: int
    test: str
    kind: str
    text: str


class Side:
    """The candidates, or the real rows, as far as they have been read."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._units: dict[bytes, int] = {}
        self._asked, self._answers = Noted(shared.vocabulary), Noted(shared.vocabulary)
        self._unit_of, self._first = array("i"), array("i")
        self._values = {name: array("i") for name in shared.names}
        self.sources: list[str] = []
        self.marks: list[Mark] = []
        self.answered = 0

    def __len__(self) -> int:
        return len(self._unit_of)

    def add(self, said: Said) -> None:
        """Take down one row."""
        row = len(self)
        unit = self._units.setdefault(digest(said.asked), len(self._first))
        if unit == len(self._first):
            self._first.append(row)
            self._asked.add(said.asked)
        self._unit_of.append(unit)
        answer = said.answer
        self.answered += answer is not None
        self._answers.add(answer or "")
        found = {"refusal": said.refusal, "label": said.label}
        if answer is not None:
            found["output"] = normalise(answer)
            found |= {name: tell(answer) for name, tell in PROPERTIES.items()}
        for name, values in self._values.items():
            values.append(self._shared.names[name].number(found.get(name, "")))
        self.sources.append(said.source)
        for text in (said.asked, answer or "", *said.others):
            self.marks += _marks(row, text)

    # --- as arrays ----------------------------------------------------------------------

    @property
    def units(self) -> int:
        """How many different prompts there are."""
        return len(self._first)

    def asked(self) -> Texts:
        """Return the words of the prompts, one text a unit."""
        return self._asked.texts()

    def said(self) -> Texts:
        """Return the words of the answers, one text a row; of a row's one text where it has one."""
        if self.answered:
            return self._answers.texts()
        return self.asked().picked(self.unit_of())

    def first_answers(self) -> Texts:
        """Return the words of the first answer of each unit."""
        return self._answers.texts().picked(self.first())

    def unit_of(self) -> Array:
        """Return the unit of each row."""
        import numpy as np

        return np.array(self._unit_of, dtype=np.int64)

    def first(self) -> Array:
        """Return the first row of each unit."""
        import numpy as np

        return np.array(self._first, dtype=np.int64)

    def folds(self, count: int) -> Array:
        """Return one of `count` folds for each unit, by its text and not by its place."""
        import numpy as np

        return np.array([key[0] % count for key in self._units], dtype=np.int64)

    def rows_of(self, units: set[int]) -> tuple[int, ...]:
        """Return the rows of some units."""
        return tuple(row for row, unit in enumerate(self._unit_of) if unit in units)

    def values(self, name: str) -> Array:
        """Return the number of each row's value of a property."""
        import numpy as np

        return np.array(self._values[name], dtype=np.int64)


def _marks(row: int, text: str) -> Iterator[Mark]:
    """Yield what is suspicious in a text by itself."""
    for test, look in (("characters", suspects), ("homoglyph", homoglyphs), ("payload", payloads)):
        for kind, found in dict.fromkeys(islice(look(text), _MARKS)):
            yield Mark(row, test, kind, found[:_NAMED])


def properties(here: Side, real: Side, shared: Shared, least: int) -> Iterator[Property]:
    """Yield each property over the units of both sides; values of fewer units count as none."""
    import numpy as np

    for name, names in shared.names.items():
        parts = [side.values(name)[side.first()] for side in (here, real)]
        numbers = np.concatenate(parts)
        counts = np.bincount(numbers[numbers >= 0], minlength=len(names.shown))
        kept = counts >= least
        if not kept.any():
            continue
        again = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
        shown = [names.shown[at] for at in np.flatnonzero(kept).tolist()]
        yield Property(name, again[numbers], shown)
