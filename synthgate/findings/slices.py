"""How often the rows of each slice failed verification, counted in one pass.

A slice is what rows have in common: a field (`label` and the like, and fields that were asked
for), `source`, `generator`, `prompt`, `cluster`, the `length` of the response, a `token` of the
prompt. One level: slices are not crossed.

Memory: about 150 bytes a value, and a line of text for each cluster. Of values of a field, 100,000
are counted and the others not; of tokens, 200,000: where there are more, those that are seen least
are forgotten again and again, and a token may then be counted short by as many rows as there were
such rounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from synthgate.clusters.words import words_of
from synthgate.findings.texts import LONGEST, NONE, Fields, Texts, reader
from synthgate.rows import Row

Fate = Literal["accepted", "failed", "undecided"]
OF_ROW = ("source", "generator", "cluster", "prompt")
FOCUSABLE = ("source", "generator", "cluster")
TOKEN, LENGTH = "token", "length"
_MOST, _TOKENS = 100_000, 200_000
_NAME = 120  # characters
SHOWN_FROM = 20  # rows below which a slice is not tested
Name = tuple[str, str]


@dataclass
class Count:
    """How many rows of a slice there were, and what became of them."""

    rows: int = 0
    failed: int = 0
    accepted: int = 0

    def add(self, fate: Fate) -> None:
        """Count one row."""
        self.rows += 1
        self.failed += fate == "failed"
        self.accepted += fate == "accepted"


_NONE = Count()


@dataclass
class Slices:
    """The slices of rows, and what became of the rows in them."""

    asked: Sequence[str] = ()
    texts: Texts = field(default_factory=lambda: reader({}))
    whole: Count = field(default_factory=Count)
    counts: dict[str, dict[str, Count]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    """Fields of which not all values are counted."""
    taken: set[str] = field(default_factory=set)
    """Names of ours that are fields of the rows, too."""
    named: dict[Name, str] = field(default_factory=dict)
    """What a `cluster` (the id of its first row) or a `prompt` (a hash) is about."""
    _rounds: int = 0

    def __post_init__(self) -> None:
        self._fields = Fields(self.asked)
        self.counts = {TOKEN: {}}

    @property
    def seen(self) -> set[str]:
        """The fields that some row had."""
        return self._fields.seen

    def add(self, row: Row, fate: Fate) -> None:
        """Count one row in each of its slices."""
        self.whole.add(fate)
        self.taken.update(name for name in FOCUSABLE if name in row.value)
        for name, value in self.plain(row):
            self._count(name, value, fate)
        self._name(row)
        tokens = self.counts[TOKEN]
        for word in self.tokens(row):
            count = tokens.get(word)
            if count is None:
                count = tokens[word] = Count()
            count.add(fate)
        if len(tokens) > _TOKENS:
            self._forget()

    def names(self, row: Row) -> Iterator[Name]:
        """Yield every slice of a row."""
        yield from self.plain(row)
        yield from ((TOKEN, word) for word in self.tokens(row))

    def plain(self, row: Row) -> Iterator[Name]:
        """Yield the slices of a row, its tokens apart."""
        yield from self._fields.of(row.value)
        said = row.provenance
        yield "source", said.source[:LONGEST] or NONE
        if said.generator:
            yield "generator", said.generator[:LONGEST]
        if said.cluster:
            yield "cluster", said.cluster[:LONGEST]
        if said.prompt:
            yield "prompt", said.prompt[:LONGEST]
        prompt, response = self.texts(row.value)
        yield LENGTH, bucket(len(response or prompt))

    def tokens(self, row: Row) -> set[str]:
        """Return the words of a row's prompt, of its response where it has none."""
        prompt, response = self.texts(row.value)
        return words_of(prompt or response)

    def _name(self, row: Row) -> None:
        """Take down what the row's cluster or prompt is about, where it is the first to say so."""
        said, wanted = row.provenance, []
        if said.cluster and said.cluster == row.id:
            wanted.append(("cluster", said.cluster))
        if said.prompt and self.counts["prompt"].get(said.prompt, _NONE).rows == SHOWN_FROM:
            wanted.append(("prompt", said.prompt))
        for name in wanted if len(self.named) < _MOST else ():
            prompt, response = self.texts(row.value)
            self.named.setdefault(name, (prompt or response)[:_NAME])

    def _count(self, name: str, value: str, fate: Fate) -> None:
        counts = self.counts.setdefault(name, {})
        count = counts.get(value)
        if count is None:
            if len(counts) >= _MOST:
                self.dropped.add(name)
                return
            count = counts[value] = Count()
        count.add(fate)

    def _forget(self) -> None:
        """Forget the tokens that are seen least (lossy counting, Manku and Motwani 2002)."""
        self.dropped.add(TOKEN)
        tokens = self.counts[TOKEN]
        while len(tokens) > _TOKENS // 2:
            self._rounds += 1
            tokens = {word: n for word, n in tokens.items() if n.rows > self._rounds}
        self.counts[TOKEN] = tokens


def bucket(length: int) -> str:
    """Return the name of a length in characters: powers of two, as `64-127`."""
    if not length:
        return "0"
    low = 1 << (length.bit_length() - 1)
    return f"{low}-{2 * low - 1}" if low > 1 else "1"
