"""A trusted corpus as passages that can be looked up: BM25 over windows of a few sentences.

Memory: the texts themselves, and per passage about 8 bytes for each different word in it (the
index of bm25s) and 300 bytes around it. Nothing is written anywhere.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from synthgate.errors import InputError, UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.verifiers.retrieval.claims import Sentence, clean, core, sentences
from synthgate.verifiers.retrieval.counting import Token
from synthgate.verifiers.retrieval.tokens import tokens

_WORD = re.compile(r"\w+")
WINDOW = 4  # sentences of a passage; neighbours share one


class Document(NamedTuple):
    """One row of the corpus: its name, the row's id and its text."""

    name: str
    row: str
    text: str


class Passage(NamedTuple):
    """A few sentences that follow each other in one document."""

    document: Document
    start: int
    end: int

    @property
    def text(self) -> str:
        """The words of the passage."""
        return self.document.text[self.start : self.end]

    @property
    def digest(self) -> str:
        """16 hex digits of the SHA-256 of the words."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


class Statement(NamedTuple):
    """A sentence of a passage that states something, as text and as tokens."""

    sentence: Sentence
    tokens: list[Token]


def documents(path: str, rows: Iterable[Row], shape: Shape) -> Iterator[Document]:
    """Yield the texts of a corpus; raises `UsageError` for a row that is declared synthetic."""
    for row in rows:
        declared = row.raw != row.payload  # a line without `_synthgate` was stamped only here
        if declared and row.provenance.synthetic:
            raise UsageError(
                f"retrieve:{path}: {row.file}:{row.line} is a synthetic row, and no evidence"
            )
        texts = (shape.prompt(row.value), shape.response(row.value))
        text = clean("\n\n".join(text for text in texts if text))
        yield Document(_name(row), row.id, text)


def _name(row: Row) -> str:
    named = row.value.get("id")
    given = type(named) is int or (type(named) is str and 0 < len(named) <= 80)
    return f"{named}" if given else f"line {row.line}"


class Corpus:
    """Every passage of a corpus, and the words it knows in lower case."""

    def __init__(self, path: str, source: Iterable[Document]) -> None:
        self.passages: list[Passage] = []
        self.common: set[str] = set()
        hashed = hashlib.sha256()
        bags: list[list[int]] = []
        vocabulary: dict[str, int] = {}
        for document in source:
            hashed.update(f"{document.row}\n".encode())
            for passage, bag in self._windows(document):
                self.passages.append(passage)
                bags.append([vocabulary.setdefault(term, len(vocabulary)) for term in bag])
        self.digest = hashed.hexdigest()
        if not any(bags):
            raise InputError(f"retrieve:{path}: the corpus holds no text")
        self._index = _indexed(bags, vocabulary)
        self.statements = lru_cache(maxsize=512)(self._statements)

    def _windows(self, document: Document) -> Iterator[tuple[Passage, list[str]]]:
        """Yield each window of a document and the terms it is found by."""
        found = list(sentences(document.text))
        ends = [sentence.start + len(sentence.text) for sentence in found]
        bags = [self._learn(sentence.text) for sentence in found]
        for at in range(0, max(1, len(found) - 1), WINDOW - 1):
            stop = min(at + WINDOW, len(found))
            if at < stop:
                passage = Passage(document, found[at].start, ends[stop - 1])
                yield passage, [term for bag in bags[at:stop] for term in bag]

    def _learn(self, text: str) -> list[str]:
        words = _WORD.findall(text)
        self.common.update(word for word in words if word.islower())
        return [word.casefold() for word in words]

    def search(self, claim: str, most: int, without: str) -> list[tuple[Passage, float]]:
        """Return up to `most` passages by falling BM25 score; none of the row `without`."""
        import numpy as np

        words = {word.casefold() for word in _WORD.findall(claim)}
        terms = words & self._index.vocab_dict.keys()
        if not terms:
            return []
        scores = self._index.get_scores(sorted(terms))
        reach = min(len(scores), 4 * most)
        best = np.argpartition(scores, -reach)[-reach:]
        ranked = sorted((-float(scores[at]), int(at)) for at in best if scores[at] > 0)
        found = [(self.passages[at], -score) for score, at in ranked]
        return [each for each in found if each[0].document.row != without][:most]

    def read(self, text: str) -> list[Token]:
        """Return the tokens of what a sentence says."""
        return tokens(core(text), self.common)

    def _statements(self, passage: Passage) -> tuple[Statement, ...]:
        found = (each for each in sentences(passage.text) if not each.asks)
        read = (Statement(each, self.read(each.text)) for each in found)
        return tuple(statement for statement in read if statement.tokens)


def _indexed(bags: list[list[int]], vocabulary: dict[str, int]) -> Any:
    import bm25s

    # It logs each step, and that comes to stderr where another library has set logging up.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    vocabulary.setdefault("", len(vocabulary))
    index = bm25s.BM25()
    index.index((bags, vocabulary), show_progress=False)
    return index
