"""Sentences of a text, and which of them claim something.

Shape: one text at a time. A sentence ends at `.`, `!` or `?` before a blank, at an empty line and
at a list item, heading or table row; not behind an abbreviation, an initial or inside a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from synthgate.verifiers.retrieval.words import CONNECTIVE, LEAD_IN, listed

LONGEST = 1200  # characters of a sentence; a longer one is cut at a blank


class Sentence(NamedTuple):
    """A sentence and where it stands in its text, in characters."""

    text: str
    start: int

    @property
    def asks(self) -> bool:
        """Whether it is a question: no claim, and no evidence for one."""
        return self.text.rstrip("\"')]*_ ").endswith(("?", "\uff1f"))


_ABBREVIATIONS = listed(
    "mr mrs ms dr prof st sr jr rev hon gen col capt lt sgt gov sen rep pres vs etc eg e.g ie "
    "i.e cf al approx ca dept est fig figs eq eqs sec ch vol vols pp ed eds nos inc ltd co "
    "corp bros assn ave blvd rd mt ft jan feb mar apr jun jul aug sep sept oct nov dec bzw z.b "
    "d.h u.a nr usw"
)
_BLOCK = re.compile(
    r"\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*+\u2022>|#]|\(?\w{1,3}[.)][ \t]))|(?<=[.!?:;|])[ \t]*\n"
)
_MARKER = re.compile(
    r"[ \t]*(?:>[ \t]*|#{1,6}[ \t]+|[-+*\u2022\u00b7][ \t]+|\|[ \t]*|\(?(?:\d{1,3}|[A-Za-z]"
    r"|[ivx]{1,4})[.)][ \t]+)*"
)
_CITATIONS = r"(?:\s?\[\d{1,3}(?:\s*[,-]\s*\d{1,3})*\])*"
_END = re.compile(
    rf"(?<![.!?])[.!?]++[\"')\]*_\u201d\u2019]*+{_CITATIONS}(?:\s+|$)|[\u3002\uff01\uff1f]{_CITATIONS}\s*"
)
_DOTTED = re.compile(r"(?:[^\W\d]\.)+[^\W\d]")
_LAST_WORD = re.compile(r"[\w.]+$")
_CITED = re.compile(rf"(?<=[.!?\"')*_\u3002]){_CITATIONS}\s*$")
_PLEASANTRIES = listed(
    "sure certainly absolutely hello hi hey thanks thank you please welcome of course great "
    "question happy to help glad i me can let know if hope this that helps here is are the "
    "answer answers final summary overview result results conclusion note key points facts "
    "step steps solution explanation below following as follows a an and it s in sir madam dear"
)
_LOADED = re.compile(
    r"(?:did|do) you (?:know|realize|realise)|\w+n['\u2019]t\b|.*\b(?:not|right|correct|true)\?",
    re.IGNORECASE | re.DOTALL,
)
_ASKING = re.compile(
    r"(?:and |but |so |then |now |or |\w+[,:] )?(?:who|whom|whose|what|when|where|which|why|how"
    r"|is|are|was|were|do|does|did|can|could|will|would|should|shall|may|might|has|have|had|am)\b",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """Return a text in one Unicode form and with one kind of line end."""
    text = text if text.isascii() else unicodedata.normalize("NFC", text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def sentences(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a cleaned text, without list markers and headings' signs."""
    at = 0
    for block in [*_BLOCK.finditer(text), None]:
        end = block.start() if block else len(text)
        yield from _split(text, at, end)
        at = block.end() if block else end


def _split(text: str, start: int, end: int) -> Iterator[Sentence]:
    marker = _MARKER.match(text, start, end)
    at = marker.end() if marker else start
    for mark in _END.finditer(text, at, end):
        if mark.start() >= at and _ends(text, at, mark):
            yield from _bounded(text, at, mark.end())
            at = mark.end()
    yield from _bounded(text, at, end)


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    """Tell whether a sentence ends at a mark: not behind `Dr.`, `J.` or `no. five`."""
    if mark[0][0] != ".":
        return True
    word = _LAST_WORD.search(text, max(start, mark.start() - 20), mark.start())
    last = word[0] if word else ""
    if text[mark.end() : mark.end() + 1].islower() and last.isalpha() and len(last) < 4:
        return False
    initial = len(last) == 1 and last.isupper() and last != "I"
    return not (initial or last.casefold() in _ABBREVIATIONS or _DOTTED.fullmatch(last))


def _bounded(text: str, start: int, end: int) -> Iterator[Sentence]:
    """Yield a sentence without white space around it, in pieces where it has no end."""
    while end - start > LONGEST:
        cut = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        cut = cut if cut > 0 else start + LONGEST
        yield Sentence(text[start:cut].strip(), start)
        start = cut
    piece = text[start:end]
    if stripped := piece.strip():
        yield Sentence(stripped, start + len(piece) - len(piece.lstrip()))


def claims(text: str) -> Iterator[Sentence]:
    """Yield the sentences of a cleaned response that claim something.

    Pleasantries, bare headings and plain questions claim nothing. `Yes` and `No` do, and so does
    a question that says what it asks (`did you know that`, `isn't it`).
    """
    for sentence in sentences(text):
        if _says_something(sentence.text) and not _merely_asks(sentence):
            yield sentence


def _says_something(text: str) -> bool:
    words = re.findall(r"[^\W_]+", text.casefold())
    return any(word not in _PLEASANTRIES for word in words)


def _merely_asks(sentence: Sentence) -> bool:
    if not sentence.asks or _LOADED.match(sentence.text):
        return False
    return _ASKING.match(sentence.text) is not None


def core(text: str) -> str:
    """Return what a sentence says, without citation marks and words that lead over to it."""
    text = _CITED.sub("", text, count=1).lstrip("*_ ")
    while found := CONNECTIVE.match(text) or LEAD_IN.match(text):
        text = text[found.end() :]
    return text
