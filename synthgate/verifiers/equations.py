"""The equations that a text writes down: `16 - 3 = 13`, `$2 x 3 = $6`, `<<16-3=13>>`.

Only what is certain to be an equation between numbers is found. A side whose operand is a word
(`price - 3 = 13`, `5 * x = 10`) is no equation that can be checked, and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from synthgate.verifiers.numbers import CURRENCY, DECIMAL

MAX_LINE = 20_000  # characters; a longer line is not looked at
ANNOTATION = re.compile(r"<<([^<>\n]{0,400})>>")
_TEX = (
    (re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\times"), "\u00d7"),
    (re.compile(r"\\cdot"), "\u00b7"),
    (re.compile(r"\\div"), "\u00f7"),
    (re.compile(r"\\[()\[\]]"), " "),
    (re.compile(r"\\(?=[$%])"), ""),
)
_BOLD = re.compile(r"(?<![\d)])(?<![\d)]\s)\*\*|\*\*(?!\s?[\d($])|`")
_BULLET = re.compile(r"\s*[-*+\u2022]\s+")
_TOKEN = re.compile(
    rf"(?P<equals>(?<![=<>!:~])=(?![=>~]))|(?P<number>[{CURRENCY}]?(?:{DECIMAL})(?:\s?%)?[{CURRENCY}]?)"
    r"|(?P<sign>\*\*|[-+*/^\u00d7\u00f7\u2212\u00b7]|(?:(?<=[\d)%])|(?<=[\d)%]\s))[xX](?=\s?[$\d(]))"
    r"|(?P<open>\()|(?P<close>\))|(?P<word>[^\W\d]\w*)|(?P<other>\S)"
)
_OPENING = "([{,:;\"'\u201c>|"
_CLOSING = ")]},.;:!?\"'\u201d|"
_VARIABLES = "abiknxyzKMB"  # one letter glued to a number: a variable; any other is a unit
_PARTS = ("number", "sign", "open", "close")
_DEPTH = {"open": 1, "close": -1}


@dataclass(frozen=True, slots=True)
class Equation:
    """Two sides as they are written; `alone` says that nothing stands before the left one."""

    left: str
    right: str
    alone: bool


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def annotated(text: str) -> Iterator[Equation]:
    """Yield the equations of calculator annotations."""
    for found in ANNOTATION.finditer(text):
        for left, right in pairwise(found[1].split("=")):
            yield Equation(left, right, alone=True)


def written(text: str) -> Iterator[Equation]:
    """Yield the equations of running text, calculator annotations apart."""
    for line in ANNOTATION.sub("", text).split("\n"):
        if "=" in line and len(line) <= MAX_LINE:
            yield from _of_line(_plain(line))


def _plain(line: str) -> str:
    """Return a line without Markdown and TeX around its numbers."""
    if "\\" in line:
        for pattern, replacement in _TEX:
            line = pattern.sub(replacement, line)
    bullet = _BULLET.match(line)
    return _BOLD.sub("", line[bullet.end() :] if bullet else line)


def _of_line(line: str) -> Iterator[Equation]:
    tokens = [_Token(m.lastgroup or "", m[0], m.start(), m.end()) for m in _TOKEN.finditer(line)]
    for at, token in enumerate(tokens):
        if token.kind != "equals":
            continue
        left, right = _left(tokens, at), _right(tokens, at + 1)
        if left and right:
            before = _at(tokens, at - len(left) - 1)
            alone = before is None or before.kind == "equals"
            yield Equation(_text(line, left), _text(line, right), alone)


def _text(line: str, tokens: list[_Token]) -> str:
    return line[tokens[0].start : tokens[-1].end]


def _at(tokens: list[_Token], at: int) -> _Token | None:
    return tokens[at] if 0 <= at < len(tokens) else None


def _left(tokens: list[_Token], end: int) -> list[_Token]:
    """Return the expression that ends before a token, nothing if its start is unclear."""
    start, depth = end, 0
    while start and tokens[start - 1].kind in _PARTS:
        depth += _DEPTH.get(tokens[start - 1].kind, 0)
        if depth > 0:
            break
        start -= 1
    while depth < 0:  # a list mark such as `1)` in front
        depth += tokens[start].kind == "close"
        start += 1
    run = tokens[start:end]
    return run if run and _starts(run, _at(tokens, start - 1)) else []


def _starts(run: list[_Token], before: _Token | None) -> bool:
    """Tell whether a left side really starts here, and not with a word as its first operand."""
    if before is None or before.kind == "equals":
        return run[0].kind != "sign" or run[0].text in "-\u2212"
    glued = before.end == run[0].start
    return run[0].kind != "sign" and (not glued or before.text in _OPENING)


def _right(tokens: list[_Token], start: int) -> list[_Token]:
    """Return the expression that begins at a token, nothing if its end is unclear."""
    at = end = start
    depth = 0
    while at < len(tokens) and tokens[at].kind in _PARTS:
        depth += _DEPTH.get(tokens[at].kind, 0)
        if depth < 0:
            break
        at += 1
        end = at if depth == 0 else end
    if end - start > 1 and tokens[end - 1].kind == "sign":
        end -= _is_dash(tokens[end - 1], _at(tokens, end))
    run = tokens[start:end]
    return run if run and _ends(run, _at(tokens, end)) else []


def _is_dash(sign: _Token, after: _Token | None) -> bool:
    """Tell whether a sign behind a number is punctuation: nothing, or a longer word, follows."""
    return after is None or (sign.text == "-" and after.kind == "word" and len(after.text) > 1)


def _ends(run: list[_Token], after: _Token | None) -> bool:
    """Tell whether a right side really ends here, and not before a variable or a root."""
    if run[-1].kind == "sign":
        return False
    if after is None or after.start > run[-1].end:
        return True
    if after.kind == "word":
        return after.text not in _VARIABLES
    return after.kind in ("equals", "sign", "open") or after.text in _CLOSING
