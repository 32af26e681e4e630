"""Sentences, paragraphs, lines and tokens of a text, counted without a trained model."""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset(
    """a.d a.g a.m abs adj adm adv al appt apr approx apt art assn assoc aug ave b.c bldg blvd bros
    c.e ca capt cf ch cmdr co col comdr con corp cpl cpt d.c dec dept dr e.g ed eds eg encl esp est
    etc ex exc ext feb fig figs ft fwd gen gov hon i.e ie inc incl jan jr jul jun l.a lt ltd m.a
    m.d maj mar max messrs min misc mr mrs ms mt mx n.y no nos nov oct op p.m p.s ph.d pp pres prof
    pt pvt rd ref rep rev sen sep sept sgt sq sr st supt tel u.k u.n u.s u.s.a univ v viz vol vols
    vs""".split()  # noqa: SIM905 - prose, not a list
)
# What ends a sentence, with the quotes and brackets that close behind it, before a blank. The wide
# marks of Chinese and Japanese and the danda end one without a blank.
_END = re.compile(
    r"""(?P<mark>[.?!\u2026\u061f\u06d4]+)["'\u2019\u201d)\]}*_\u00bb]*(?=\s|$)|[\u3002\uff01\uff1f\u0964\u0965]+"""
)
_WORD_BEFORE = re.compile(r"[^\s\"'(\[{*_\u2018\u201c\u00ab]*$")
_OPENING = "\"'\u2018\u201c\u00ab([{*_ \t\n\r"
_LETTERS = re.compile(r"\w")


def count_sentences(text: str) -> int:
    """Return the number of sentences: stretches with a letter or digit, up to a mark that ends."""
    count, start = 0, 0
    for end in _END.finditer(text):
        if end["mark"] and not _ends(text, start, end):
            continue
        count += _LETTERS.search(text, start, end.start()) is not None
        start = end.end()
    return count + (_LETTERS.search(text, start) is not None)


def _ends(text: str, start: int, end: re.Match[str]) -> bool:
    """Tell whether marks end a sentence: not behind an abbreviation, an initial or `1.`."""
    mark = end["mark"]
    if "?" in mark or "!" in mark or "\u061f" in mark:
        return True
    following = text[end.end() : end.end() + 40].lstrip(_OPENING)[:1]
    if len(mark) > 1 or mark == "\u2026":
        return not following.islower()
    before = _WORD_BEFORE.search(text, max(start, end.start() - 40), end.start())
    word = before[0].rpartition("-")[2] if before else ""
    if word.lower() in _ABBREVIATIONS or (word.isdecimal() and following.islower()):
        return False
    initial = len(word) == 1 and word.isalpha() and word.isupper() and word != "I"
    return not (initial and following.isupper())


def count_paragraphs(text: str) -> int:
    """Return the number of paragraphs: runs of lines that are not blank."""
    lines = [bool(line.strip()) for line in text.splitlines()]
    return sum(line and not before for before, line in zip([False, *lines], lines, strict=False))


def count_lines(text: str) -> int:
    """Return the number of lines that are not blank."""
    return sum(1 for line in text.splitlines() if line.strip())


# --- words as the Penn Treebank splits them -----------------------------------------------

_PEEL = re.compile(
    r"""--+|\.\.\.|[\])}>(\[{<;@#$%&?!"\u201c\u201d\u00ab\u00bb\u2018\u2019\u201e]|``|''|[:,](?!\d)"""
)
_CLITIC = re.compile(r"(?i)(?<=\w)(?:n't|'(?:s|m|d|ll|re|ve))(?!\w)")
_QUOTE = re.compile(r"(?<!\S)'(?=\w{2})|(?<=\S)'(?!\w)")


def treebank_words(text: str) -> list[str]:
    """Return the tokens of a text: punctuation and clitics are their own, hyphens join."""
    text = _PEEL.sub(r" \g<0> ", text)
    text = _CLITIC.sub(r" \g<0>", text)
    return _QUOTE.sub(r" \g<0> ", text).split()
