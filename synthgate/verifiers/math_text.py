r"""Which answers are mathematics, as one whole LaTeX text that a parser may be asked about.

math-verify reads what it can and drops the rest: `12:30` is 2/5 to it, `1e6` is 6 e, `2024-05-01`
is 2018, `on` is `no` and `1 2` is 3. What could be read so is not handed to it at all.
"""

from __future__ import annotations

import re

from synthgate.verifiers.final import LONGEST

_FUNCTIONS = re.compile(
    r"a(?:rc)?(?:sin|cos|tan)h?|(?:sin|cos|tan)h?|cot|sec|csc|log|ln|exp|sqrt|pi|inf(?:inity)?"
    r"|min|max|gcd|lcm|mod|det|lim|sup",
    re.IGNORECASE,
)
_ENGLISH = re.compile(
    r"am|a[nst]|b[ey]|do|go|he|i[fnst]|m[ey]|no|o[fnr]|so|to|u[ps]|we", re.IGNORECASE
)
_SIGNS = {
    "\u2212": "-", "\u2013": "-", "\u00d7": "\\times ", "\u00b7": "\\cdot ", "\u00f7": "/",
    "\u2264": "\\le ", "\u2265": "\\ge ", "\u2260": "\\ne ", "\u03c0": "\\pi ",
    "\u221e": "\\infty ", "\u00b2": "^{2}", "\u00b3": "^{3}", "\u00b0": "^{\\circ}",
    "\u222a": "\\cup ", "\u2229": "\\cap ", "\u2208": "\\in ", "**": "^",
}  # fmt: skip
_ROOT = re.compile(r"\u221a\s*(\w+|\([^()]*\))")
_SCIENTIFIC = re.compile(r"(?<![\w\\])(\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})(?!\w)")
_PI = re.compile(r"(?<![A-Za-z\\])pi(?![A-Za-z])")
_UNIT = re.compile(r"\\(?:text|mathrm)\s*\{[^{}]*\}\s*(?:\^\s*\{?\d\}?)?\s*$")
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{\w+\*?\}|\\[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z]{2,}")
_MATH = re.compile(r"[\d\\^_=+*/<>|()\[\]{}-]")
_OTHERWISE = re.compile(
    r"\d\s*:\s*\d"  # a time or a ratio
    r"|\d\s+[\d.]"  # two numbers
    r"|\d[-/.]\d{1,2}[-/.]\d"  # a date
    r"|^\s*\d[\d.,]*\s*-\s*\d[\d.,]*\s*$"  # a range
    r"|[.!?]\s|\n|(?<!\\)\$|\?"  # sentences, formulas among other words
    r"|\\(?:text|mathrm)\b"  # words inside
)
_AROUND = " \t\r\n*_`.,;"
_FORMULA = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def latex(answer: str) -> str:
    """Return a whole answer as the LaTeX text it is, "" where it is no mathematics."""
    text = _bare(answer)
    if not 0 < len(text) <= LONGEST:
        return ""
    text = _UNIT.sub("", text) or text
    for sign, command in _SIGNS.items():
        text = text.replace(sign, command)
    text = _PI.sub(r"\\pi ", _SCIENTIFIC.sub(r"\1\\cdot 10^{\2}", _ROOT.sub(r"\\sqrt{\1}", text)))
    if not text.isascii() or not _MATH.search(text) or _OTHERWISE.search(text):
        return ""
    words = _WORD.findall(_COMMAND.sub(" ", text))
    return "" if any(map(_is_prose, words)) else text


def formula(text: str) -> str:
    """Return the last formula of a text without marks, all of it where it is short, else ""."""
    found = ""
    for each in _FORMULA.finditer(text):
        found = next(filter(None, each.groups()), "")
    return found or (text.strip() if len(text) <= LONGEST else "")


def _bare(answer: str) -> str:
    """Return an answer without the signs around a formula."""
    text = answer.strip(_AROUND)
    found = _FORMULA.fullmatch(text)
    return next(filter(None, found.groups()), "").strip(_AROUND) if found else text


def _is_prose(word: str) -> bool:
    if _FUNCTIONS.fullmatch(word):
        return False
    return len(word) > 2 or _ENGLISH.fullmatch(word) is not None
