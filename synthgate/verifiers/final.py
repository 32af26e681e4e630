r"""The final answer of a text: what stands behind its last mark, else its last number or choice.

Marks are `####`, `A:` at the start of a line, `answer:`, `answer is`, `final answer` and
`\boxed{...}`; the last one with something behind it counts.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from synthgate.text import normalise
from synthgate.verifiers import numbers

LONGEST = 500  # characters of an answer: text is hostile, and an answer is short
_MARKS = 20  # marks that are looked at, from the last one backwards

_MARK = re.compile(
    r"####|^[ \t*_>]*A:|\\boxed\s*\{"
    r"|\b(?i:final\s+answer|answer\s*(?=:|\*\*:|is\b|\*\*\s*is\b))(?i:[\s*_]*(?:is\b|:))*",
    re.MULTILINE,
)
_BOXED = "\\boxed"
_WRAPPING = " \t\r\n*_`\"'\u2018\u2019\u201c\u201d()[]{}$\\"
_ENDING = _WRAPPING + ".,;:!?"
_LETTER = re.compile(
    r"(?i:option\s|choice\s)?\s*(?:[(\[{](?P<wrapped>[A-Ja-j])[)\]}]"
    r"|(?P<bare>[A-J])(?=[)\]}.:,;*_`\"'$]|\s*$)|(?P<word>[B-HJ])(?=\s))"
)
_TWO = re.compile(r"[\s)\]}]*(?:or|and|,|/|&)\s*[(\[{]?[A-J]\b")
_CHOICE = re.compile(
    r"\((?P<wrapped>[A-Ja-j])\)|^[ \t]*(?P<listed>[A-J])[).]"
    r"|\b(?i:option|choice)\s+(?P<named>[A-J])\b|\b(?P<closing>[A-HJ])[.!]?[ \t]*$",
    re.MULTILINE,
)
_LATEX = (
    (re.compile(r"(\d?)\\[dt]?frac\s*\{(\d+)\}\s*\{(\d+)\}"), r"\1 \2/\3"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}"), r" \1 "),
    (re.compile(r"\\[!,;:]|\{(?=,\})|(?<=\{,)\}|\\left|\\right|\^\s*\{?\\circ\}?"), ""),
    (re.compile(r"\{,"), ","),
    (re.compile(r"\\(?=[$%])|\\[()\[\]]"), ""),
)


@dataclass(frozen=True, slots=True)
class Final:
    """One final answer, as a number, as a choice letter and as text, where it is one.

    `leads` says that the number is what the answer begins with, not one inside other words.
    """

    text: str
    number: Fraction | None = None
    choice: str = ""
    leads: bool = False

    @property
    def key(self) -> str:
        """A text that equal answers have in common, whoever wrote them."""
        if self.number is not None and self.leads:
            return f"number {self.number}"
        if self.choice:
            return f"choice {self.choice}"
        return f"text {plain(self.text)}"


def final(text: str) -> Final | None:
    """Return the final answer of a response, None where there is none."""
    marked = behind_mark(text)
    return read(marked) if marked else _last(text)


def behind_mark(text: str) -> str:
    """Return what stands behind the last mark that has something behind it, on its line."""
    for mark in reversed(deque(_MARK.finditer(text), _MARKS)):
        behind = text[mark.end() : mark.end() + LONGEST]
        tail = _braced(behind) if mark[0].startswith(_BOXED) else _line(behind)
        if tail.strip(_ENDING):
            return tail.strip()
    return ""


def _line(text: str) -> str:
    """Return the first line that is not blank."""
    return next((line for line in text.split("\n") if line.strip(_ENDING)), "")


def _braced(text: str) -> str:
    """Return what stands before the brace that closes one opened before the text."""
    depth = 1
    for brace in re.finditer(r"[{}]", text):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[: brace.start()]
    return ""


def read(answer: str) -> Final:
    """Return a stated answer as number, choice and text."""
    cleaned = answer
    if "\\" in answer or "{" in answer:
        for pattern, replacement in _LATEX:
            cleaned = pattern.sub(replacement, cleaned)
    number, leads = _number(cleaned)
    return Final(answer, number, _letter(cleaned), leads)


def _number(answer: str) -> tuple[Fraction | None, bool]:
    """Return (the number of an answer, whether the answer begins with it)."""
    stated = re.split(r"[=\u2248]", answer)[-1].lstrip(_WRAPPING.replace("$", ""))
    stated = stated.lstrip("$ ") if stated.startswith("$") else stated
    if stated.startswith(("-", "\u2212")):
        stated = stated[:1] + stated[1:].lstrip()
    if (found := numbers.leading(stated)) is not None:
        return found[0], True
    inside = [numbers.leading(stated[at:]) for at in numbers.starts(stated)]
    values = {each and each[0] for each in inside}
    return (values.pop(), False) if len(values) == 1 else (None, False)


def _letter(answer: str) -> str:
    """Return the choice letter that an answer begins with, in lower case, or nothing."""
    found = _LETTER.match(answer.lstrip(" \t*_`\"'$"))
    if found is None:
        bare = answer.strip(_ENDING)
        return bare.lower() if len(bare) == 1 and bare.lower() in "abcdefghij" else ""
    if _TWO.match(found.string, found.end()):
        return ""
    return (found["wrapped"] or found["bare"] or found["word"]).lower()


def _last(text: str) -> Final | None:
    """Return the last number or choice letter of a text without marks."""
    at = deque(numbers.starts(text), 1)
    choice = deque(_CHOICE.finditer(text), 1)
    if choice and (not at or choice[0].start() >= at[0]):
        letter = next(filter(None, choice[0].groups()))
        return Final(letter, None, letter.lower())
    stated = text[at[0] : at[0] + LONGEST] if at else ""
    if (found := numbers.leading(stated)) is not None:
        return Final(stated[: found[1]], found[0], leads=True)
    return None


def plain(text: str) -> str:
    """Return an answer text as comparison sees it: normalised, marks around it gone."""
    normal = normalise(text)
    return normal.strip(_ENDING) or normal
