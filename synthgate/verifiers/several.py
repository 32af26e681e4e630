"""Whether a text gives more than one final answer: then nobody can tell which one it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from synthgate.verifiers import numbers
from synthgate.verifiers.final import BOXED, DENIED, Final, final, marked, read

_HEADING = "####"
_REACH = 2000  # characters behind the last mark in which an answer may be taken back
_TAKEN_BACK = re.compile(
    r"\b(?i:no\s*[,.:;!\u2013\u2014-]|wait\b|actually\b|sorry\b|oops\b|correction\b|scratch\s+that\b"
    r"|i\s+mean\b|instead\b)[\s,.:;!\u2013\u2014-]*(?P<rest>[^\n]{0,120})"
)
_DENYING = ("n't", "not", "never", "nor", "neither", "except", "than", "least", "most", "between")
_BEFORE = 24  # characters before the last number in which it may be denied


def several(text: str) -> list[Final]:
    """Return the different final answers of a text that gives more than one, else nothing.

    Numbers and choices count behind every mark; other texts only in boxes, or behind `####` where
    there is no box, because `the answer is easy to see` states none. What takes an answer back
    (`41. No, 42.`) gives one more.
    """
    marks = marked(text)
    if not marks:
        return _denied(text)
    said = [(mark, read(tail)) for mark, _, tail in marks]
    stated = [each for _, each in said if each.kind != "text"]
    last = said[-1][1]
    stated += _taken_back(text[marks[-1][1] :][:_REACH], last)
    strict = BOXED if any(mark.startswith(BOXED) for mark, _ in said) else _HEADING
    for each in (
        [each for each in stated if each.kind == "number"],
        [each for each in stated if each.kind == "choice"],
        [each for mark, each in said if mark.startswith(strict)],
    ):
        different = _different(each)
        if len(different) > 1:
            return different
    return []


def _different(answers: Iterable[Final]) -> list[Final]:
    return list({each.key: each for each in answers}.values())


def _taken_back(text: str, last: Final) -> Iterator[Final]:
    """Yield the answers of the last one's kind that stand behind a word like `no,` or `wait`."""
    for found in _TAKEN_BACK.finditer(text):
        other = read(found["rest"])
        if other.kind == "text" and last.kind == "number":
            other = _first_number(found["rest"]) or other
        if other.kind == last.kind != "text":
            yield other


def _first_number(text: str) -> Final | None:
    for at in numbers.starts(text):
        if (found := numbers.leading(text[at:])) is not None:
            return Final(text[at : at + found[1]], found[0], leads=True)
    return None


def _denied(text: str) -> list[Final]:
    """Return the last number of a text without marks where its sentence denies it."""
    folded = text.casefold()
    last = final(text) if any(word in folded for word in _DENYING) else None
    if last is None or last.kind != "number":
        return []
    before = text[: text.rindex(last.text)][-_BEFORE:]
    sentence = re.split(r"[.;!?\n]\s", before)[-1]
    return [last] if DENIED.search(sentence) else []
