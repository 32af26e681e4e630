"""Real rows, as the texts in them and what can be looked up about those.

Memory: the folded texts themselves, about 1 byte a character for the windows, 6 bytes a word and
400 bytes a text. A text that stands in many different rows (a system message, an instruction, a
label) is a template: nobody's, and not looked up.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cached_property
from itertools import chain, islice

from synthgate.errors import InputError, UsageError
from synthgate.formats import DETECT_ROWS, Shape, detect
from synthgate.rows import Row
from synthgate.text import digest
from synthgate.verifiers.identifiers import identifiers
from synthgate.verifiers.leaking.near import NearCopies
from synthgate.verifiers.leaking.substrings import Substrings
from synthgate.verifiers.leaking.texts import fold, leaves, words

_PHONE = re.compile(r"[1-9]\d{7,14}")  # a field of digits may be one, as tables hold them
TEMPLATE = 5  # different rows in which a text stands that is nobody's
LEAST = 2  # words of a text whose copy is a leak; a text that is all of a row may be shorter


class Real:
    """What is known of some real rows. `texts` are folded; `places` says where each one stands."""

    def __init__(self, rows: Iterable[Row], chars: int, near: float) -> None:
        self.chars, self.near = chars, near
        found = _Collected(rows)
        self.rows, self.digest = found.rows, found.digest
        self._identifiers, self._pairs = found.identifiers, found.pairs
        kept = {text: at for text, at in found.numbers.items() if found.count[at] < TEMPLATE}
        self.templates = len(found.numbers) - len(kept)
        self.texts, self.places = list(kept), [found.places[at] for at in kept.values()]
        telling = found.telling(kept)
        self._copied = {text: n for n, (text, at) in enumerate(kept.items()) if at in telling}

    def copy_of(self, folded: str) -> int | None:
        """Return the number of a text that is a real row, or most of one; None for others."""
        return self._copied.get(folded)

    def pair_of(self, row: Row, shape: Shape) -> str:
        """Return where the prompt and response of a row stand as they are, "" for nowhere."""
        pair = _pair(row, shape)
        return self._pairs.get(digest("\n".join(pair)), "") if len(pair) > 1 else ""

    def has(self, key: str) -> bool:
        """Tell whether an identifier stands in the real rows."""
        return digest(key) in self._identifiers

    @cached_property
    def substrings(self) -> Substrings:
        """The long texts by their windows."""
        return Substrings(self.texts, self.chars)

    @cached_property
    def near_copies(self) -> NearCopies:
        """The texts by their words."""
        return NearCopies(self.texts, self.near)


class _Collected:
    """The different texts of all different rows, numbered, and how they stand together."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.identifiers: set[bytes] = set()
        self.pairs: dict[bytes, str] = {}
        self.numbers: dict[str, int] = {}
        self.count: list[int] = []  # of each text: the rows in which it stands
        self.places: list[str] = []  # of each text: the first of them
        self._rows: list[tuple[int, ...]] = []  # of each row: its texts
        self._alone: set[int] = set()  # texts that are all of a row
        self.rows = 0
        self.digest = self._read(rows)

    def _read(self, rows: Iterable[Row]) -> str:
        """Take every row; return the digest of their ids."""
        rows = iter(rows)
        head = list(islice(rows, DETECT_ROWS))
        shape, ids = _shape(head), set[str]()
        for row in chain(head, rows):
            self.rows += 1
            if row.id not in ids:
                ids.add(row.id)
                self._add(row, shape)
        return hashlib.sha256("".join(sorted(ids)).encode()).hexdigest()

    def _add(self, row: Row, shape: Shape | None) -> None:
        place, texts = f"{row.file}:{row.line}", dict[str, None]()
        for _, text in leaves(row.value):
            self.identifiers.update(digest(each.key) for each in identifiers(text))
            if _PHONE.fullmatch(text):
                self.identifiers.add(digest(f"phone {text}"))
            texts[fold(text)] = None
        texts.pop("", None)
        numbers = tuple(self._number(text, place) for text in texts)
        self._rows.append(numbers)
        pair = _pair(row, shape)
        if len(pair) > 1:
            self.pairs.setdefault(digest("\n".join(pair)), place)
        elif pair:
            self._alone.add(self._number(pair[0], place, more=0))

    def _number(self, text: str, place: str, more: int = 1) -> int:
        """Return the number of a text, and count one more row in which it stands."""
        at = self.numbers.setdefault(text, len(self.count))
        if at == len(self.count):
            self.count.append(0)
            self.places.append(place)
        self.count[at] += more
        return at

    def telling(self, kept: dict[str, int]) -> set[int]:
        """Return the texts whose copy is a leak: those that are all of a row, or most of one.

        A short text beside a longer one (an answer, a label) is something that others say too.
        """
        told = set(self._alone)
        size = {at: len(words(text)) for text, at in kept.items()}
        for row in self._rows:
            whole = sum(size.get(at, 0) for at in row)
            told.update(at for at in row if size.get(at, 0) >= LEAST and 2 * size[at] >= whole)
        return told


def _pair(row: Row, shape: Shape | None) -> list[str]:
    """Return prompt and response, folded, those of them that there are."""
    if shape is None:
        return []
    texts = shape.prompt(row.value) or "", shape.response(row.value) or ""
    return [text for text in map(fold, texts) if text]


def _shape(head: list[Row]) -> Shape | None:
    try:
        return detect(head)[0]
    except (InputError, UsageError):
        return None
