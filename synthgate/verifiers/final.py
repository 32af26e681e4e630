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
BOXED = "\\boxed"
_WRAPPING = " \t\r\n*_`\"'\u2018\u2019\u201c\u201d()[]{}$\\"
_ENDING = _WRAPPING + ".,;:!?"
_ENDING_OF_SEVERAL = _ENDING.translate(dict.fromkeys(map(ord, "()[]{}")))
_SEPARATOR = re.compile(r"\s*([,;])\s*")
_LETTER = re.compile(
    r"(?i:option\s|choice\s)?\s*(?:[(\[{](?P<wrapped>[A-Ja-j])[)\]}]"
    r"|(?P<bare>[A-J])(?=[)\]}.:,;*_`\"'$]|\s*$)|(?P<word>[B-HJ])(?=\s))"
)
# A number behind one of these is not what the answer is: `not 5`, `more than 5`, `5 or fewer`.
DENIED = re.compile(
    r"n't\b|\b(?i:not|never|neither|nor|cannot|except|(?:more|less|fewer|greater|other|rather)\s+than"
    r"|at\s+(?:least|most)|between)\b"
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
    def kind(self) -> str:
        """What the answer is: `number`, `choice` or `text`."""
        return "number" if self.leads else "choice" if self.choice else "text"

    @property
    def key(self) -> str:
        """A text that equal answers have in common, whoever wrote them."""
        said = {"number": self.number, "choice": self.choice}
        return f"{self.kind} {said.get(self.kind, plain(self.text))}"


def final(text: str) -> Final | None:
    """Return the final answer of a response, None where there is none."""
    marked = behind_mark(text)
    return read(marked) if marked else _last(text)


def behind_mark(text: str) -> str:
    """Return what stands behind the last mark that has something behind it, on its line."""
    for mark in reversed(deque(_MARK.finditer(text), _MARKS)):
        if tail := _tail(text, mark, len(text)):
            return tail
    return ""


def marked(text: str) -> list[tuple[str, int, str]]:
    """Return (mark, where it ends, what stands behind it) of the last marks, in their order.

    What stands behind a mark ends where the next one begins; marks with nothing are left out.
    """
    found = [*deque(_MARK.finditer(text), _MARKS)]
    ends = [mark.start() for mark in found[1:]] + [len(text)] * bool(found)
    tails = ((mark, _tail(text, mark, end)) for mark, end in zip(found, ends, strict=True))
    return [(mark[0], mark.end(), tail) for mark, tail in tails if tail]


def _tail(text: str, mark: re.Match[str], end: int) -> str:
    """Return what a mark says is the answer, "" where that is nothing."""
    behind = text[mark.end() : mark.end() + LONGEST]
    boxed = mark[0].startswith(BOXED)
    tail = _braced(behind) if boxed else _line(behind[: max(end - mark.end(), 0)])
    return tail.strip() if tail.strip(_ENDING) else ""


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
    if DENIED.search(stated):
        return None, False
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
    """Return an answer text as comparison sees it: normalised, marks around it gone.

    Brackets around one thing are such marks; those around several (`(1, 2]`) say what it is.
    """
    normal = normalise(text)
    bare = normal.strip(_ENDING)
    if len(bare) <= LONGEST and ("," in bare or ";" in bare):
        joined = _SEPARATOR.sub(r"\1", normal.replace("\\{", "{").replace("\\}", "}"))
        return joined.strip(_ENDING_OF_SEVERAL)
    return bare or normal
