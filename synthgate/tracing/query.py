"""What a bad row looks like: a pattern, a text that it is like, or a list of ids.

A query is asked of rows in batches and answers True, False, or None where it could not tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from synthgate.embedders import Embedder
from synthgate.errors import BadLine, InputError, UsageError
from synthgate.formats import dig
from synthgate.near.tokens import chained, words
from synthgate.poison.scripts import as_read
from synthgate.rows import OURS, Row, parse
from synthgate.text import folded
from synthgate.verifiers.rules.patterns import is_tame, pattern

BATCH = 512
SHOWN = 120  # characters of an excerpt
SECONDS = 1.0  # that a pattern may take on one text
_SHORT = 4000  # characters of a text on which a tame pattern needs no watch
_SHINGLE = 3  # words
_ID = re.compile(r"[0-9a-f]{64}")
Array = Any


class Query(Protocol):
    """What rows are asked; `looked` tells whether some row had a text to look at."""

    looked: bool

    def excerpt(self, row: Row) -> str:
        """Return the part of a row that shows why it matches."""

    def found(self, rows: Sequence[Row]) -> list[bool | None]:
        """Return for each row whether it is one of those that are sought."""


def texts_of(row: Row, fields: Sequence[str]) -> list[str]:
    """Return the values of a row as texts, at any depth, or those in some fields (dotted).

    Numbers are texts as JSON writes them; a row without any value has one empty text.
    """
    if not fields:
        return list(_leaves(row.value)) or [""]
    found = (dig(row.value, name) for name in fields)
    return [text for each in found if each is not None for text in _leaves(each)]


def _leaves(value: Any) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif type(value) is dict:
        for each in value.values():
            yield from _leaves(each)
    elif type(value) is list:
        for each in value:
            yield from _leaves(each)
    else:
        yield json.dumps(value)


@dataclass
class _Texts:
    """A query that looks at the texts of rows, all of them or those of some fields."""

    text: str
    fields: tuple[str, ...] = ()
    looked: bool = False

    def excerpt(self, row: Row) -> str:
        return " | ".join(texts_of(row, self.fields))[:SHOWN]


@dataclass
class Match(_Texts):
    """Rows in whose values a pattern is found, as they are or as eyes read them."""

    def __post_init__(self) -> None:
        self._pattern = pattern("--match", self.text)
        self._short = _SHORT if is_tame(self.text) else 0

    def found(self, rows: Sequence[Row]) -> list[bool | None]:
        return [self._in(texts_of(row, self.fields)) for row in rows]

    def _in(self, texts: list[str]) -> bool | None:
        told = True
        for text in _readings(texts):
            self.looked = True
            watch = None if len(text) <= self._short else SECONDS
            try:
                if self._pattern.search(text, timeout=watch) is not None:
                    return True
            except TimeoutError:
                told = False
        return False if told else None

    def excerpt(self, row: Row) -> str:
        for text in _readings(texts_of(row, self.fields)):
            found = self._pattern.search(text, timeout=SECONDS) if self._in([text]) else None
            if found is not None:
                return text[max(0, found.start() - SHOWN // 2) :][:SHOWN]
        return ""


def _readings(texts: Sequence[str]) -> Iterator[str]:
    """Yield the texts as they are, then those that hide something, without what hides it."""
    yield from texts
    for text in texts:
        if (read := as_read(text)) != text:
            yield read


@dataclass
class Like(_Texts):
    """Rows with a value that holds the words of a text, or means much the same.

    Of the text's word 3-grams (fewer words: all of them in a row) a value must hold the share
    `threshold`, or the cosine of their static embeddings must reach it. Neither sees a negation or
    a translation.
    """

    threshold: float = 0.8
    embedder: Embedder = field(kw_only=True)
    _grams: Array = field(init=False)

    def __post_init__(self) -> None:
        hashes, _ = words([folded(self.text)])
        if not len(hashes):
            raise UsageError("--like: the text has no words")
        self._size = min(_SHINGLE, len(hashes))
        self._grams = np.unique(chained(hashes, self._size))
        self._vector = self.embedder.embed([self.text])[0]

    def found(self, rows: Sequence[Row]) -> list[bool | None]:
        texts = [texts_of(row, self.fields) for row in rows]
        owners = np.repeat(np.arange(len(rows)), [len(each) for each in texts])
        flat = [text for each in texts for text in each]
        if not flat:
            return [False] * len(rows)
        self.looked = True
        near = np.maximum(self._held(flat), self.embedder.embed(flat) @ self._vector)
        hits = set(owners[near >= self.threshold].tolist())
        return [number in hits for number in range(len(rows))]

    def _held(self, texts: list[str]) -> Array:
        """Return the share of the text's word 3-grams that each of some texts holds."""
        hashes, counts = words([folded(text) for text in texts])
        grams = chained(hashes, self._size)
        ends = np.cumsum(counts)
        owners = np.repeat(np.arange(len(texts)), counts)[: len(grams)]
        inside = np.arange(len(grams)) + self._size <= ends[owners]
        at = np.minimum(np.searchsorted(self._grams, grams), len(self._grams) - 1)
        hit = inside & (self._grams[at] == grams)
        held = np.unique(owners[hit] * len(self._grams) + at[hit]) // len(self._grams)
        shares: Array = np.bincount(held, minlength=len(texts)) / len(self._grams)
        return shares


@dataclass
class Ids:
    """Rows with one of some ids."""

    ids: frozenset[str]
    looked: bool = True

    def excerpt(self, row: Row) -> str:
        return " | ".join(texts_of(row, ()))[:SHOWN]

    def found(self, rows: Sequence[Row]) -> list[bool | None]:
        return [row.id in self.ids for row in rows]


def read_ids(path: str, text: str) -> frozenset[str]:
    """Return the ids in a file: one a line, or rows, rejects, labels and evidence with one each.

    Raises `InputError` with the line that names none.
    """
    found = {
        _id_on(path, number, line)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    }
    if not found:
        raise InputError(f"{path}: names no ids")
    return frozenset(found)


def _id_on(path: str, number: int, line: str) -> str:
    row_id: Any = line.strip()
    if row_id.startswith("{"):
        try:
            value = parse(row_id.encode())
        except BadLine as error:
            raise error.at(path, number) from None
        ours = value.get(OURS)
        row_id = ours.get("id") if type(ours) is dict else value.get("id")
    if type(row_id) is not str or not _ID.fullmatch(row_id):
        raise InputError(f"{path}:{number}: names no id of a row: 64 digits of 0-9 and a-f")
    return row_id
