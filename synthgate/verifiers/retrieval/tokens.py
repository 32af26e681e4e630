"""A sentence as a sequence of tokens that can be compared: numbers by value, units by name.

Nothing that can be seen is skipped but articles and plain punctuation: an unknown sign is a token
of its own, so that a text which differs in it differs. Memory: the tokens of one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Container

from synthgate.verifiers import numbers
from synthgate.verifiers.retrieval.counting import Kind, Token, merged
from synthgate.verifiers.retrieval.words import (
    AMOUNTS,
    BEFORE_YEARS,
    CONTRACTED,
    CURRENCIES,
    DAYS,
    FREE,
    MONTHS,
    NEGATIONS,
    NUMBERED,
    ORDINALS,
    SCALE_SIGNS,
    SMALL,
    unit_sign,
    unit_word,
)

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)(?:[a-z]{1,6})?"
_DAY = r"[0-3]?\d(?:st|nd|rd|th)?"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d)?(?:\s?[aApP]\.?[mM]\b\.?)?|\d{1,2}\s?[aApP]\.?[mM]\b\.?"
_TOKEN = re.compile(
    rf"""
    (?P<iso>(?<![\w-])\d{{4}}-\d\d-\d\d(?![\w-]))
    | (?P<mdy>\b(?P<m1>{_MONTH})\.?\s+(?P<d1>{_DAY})\b(?![:.,]\d)(?:,?\s+(?P<y1>\d{{4}})\b)?)
    | (?P<dmy>\b(?P<d2>{_DAY})\s+(?:of\s+)?(?P<m2>{_MONTH})\b\.?(?:,?\s+(?P<y2>\d{{4}})\b)?)
    | (?P<my>\b(?P<m3>{_MONTH})\.?,?\s+(?P<y3>\d{{4}})\b)
    | (?P<slashed>(?<![\w/])\d{{1,4}}/\d{{1,2}}/\d{{2,4}}(?![\w/]))
    | (?P<clock>(?<![\w:])(?:{_CLOCK}))
    | (?P<decade>(?<!\w)\d{{3}}0'?s\b)
    | (?P<number>(?:(?<![\w)\]])[-\u2212])?(?:(?P<currency>US\$|[$\u20ac\u00a3\u00a5\u20b9])\s?)?
       (?P<digits>(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?|(?<!\w)\.\d+)
       (?P<behind>[^\W_]+)?)
    | (?P<id>[^\W\d_]+(?:[-_.]?\d+[^\W_]*)+|\w*_\w+)
    | (?P<word>[^\W\d_]+(?:'[^\W\d_]+)*)
    | (?P<minus>(?<=\d)\s*-\s*(?=[\d$])|(?<=\s)[-*](?=\s?\d)|(?<=\d)\*(?=\d))
    | (?P<sign>\u00b0[CF]\b|[^\s\w.,;:!?"'()\[\]{{}}*`|\\-]|_)
    """,
    re.VERBOSE,
)
_QUOTES = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-",
    "\u2026": ".",
})  # fmt: skip
_QUOTING = ('"', "'", "`")
_CLITIC = re.compile(r"(n't|'re|'ll|'ve|'m|'s|'d|')$")
_SPECIAL = {"cannot": "can not", "can't": "can not", "won't": "will not", "shan't": "shall not"}


def tokens(text: str, common: Container[str] = ()) -> list[Token]:
    """Return the tokens of a sentence, without articles.

    `common` holds words that are known in lower case: a capital at the start of the sentence
    makes no name of them.
    """
    text = text.translate(_QUOTES)
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        gap = text[found[-1].end if found else 0 : match.start()]
        found += _read(match, gap, found[-1] if found else None, common)
    kept = list(merged(found))
    return [token for at, token in enumerate(kept) if not _free(token, kept[at + 1 : at + 2])]


def _free(token: Token, behind: list[Token]) -> bool:
    """Tell whether a token is an article; `a few` is more than `few`."""
    article = token.kind == "word" and token.norm in FREE
    return article and not (behind and behind[0].norm in ("few", "little"))


def _read(
    match: re.Match[str], gap: str, before: Token | None, common: Container[str]
) -> list[Token]:
    """Return the tokens of one match: most often one."""
    start, end, text = match.start(), match.end(), match[0]
    kind = match.lastgroup
    if match["word"]:
        return _words(text, start, gap, before, common)
    if match["number"]:
        return _number(match, gap, before)
    if match["id"]:
        return [Token("entity", text.casefold(), start, end, gap)]
    if match["sign"] or match["minus"]:
        return [_sign(text.strip(), start, end, gap, before)]
    norm = _date(match) if kind not in ("clock", "decade", "slashed") else _plain(text)
    return [Token("date", norm, start, end, gap)]


def _plain(text: str) -> str:
    """Return a time, a decade or a date in figures without blanks, dots and capitals."""
    return re.sub(r"[\s.']", "", text).casefold()


def _date(match: re.Match[str]) -> str:
    """Return a written date as year-month-day, with `?` for what is not said."""
    if match["iso"]:
        return match["iso"]
    year, month, day = (
        next(filter(None, (match[f"{part}{n}"] for n in "123" if part != "d" or n != "3")), "")
        for part in "ymd"
    )
    number = MONTHS.get(month.casefold()) or MONTHS.get(month[:3].casefold()) or 0
    digits = re.sub(r"\D", "", day)
    return f"{year or '?'}-{number:02d}-{int(digits):02d}" if digits else f"{year}-{number:02d}"


def _sign(text: str, start: int, end: int, gap: str, before: Token | None) -> Token:
    if text == "%":
        return Token("unit", "percent", start, end, gap)
    if text == "/" and before is not None and before.kind == "unit" and not gap:
        return Token("word", "per", start, end, gap)
    if text[0] == "\u00b0" and (units := unit_sign(text)):
        return Token("unit", units[0], start, end, gap)
    if text in CURRENCIES:
        return Token("unit", CURRENCIES[text], start, end, gap)
    return Token("sign", text, start, end, gap)


def _number(match: re.Match[str], gap: str, before: Token | None) -> list[Token]:
    """Return a number and the unit or currency that is written onto it."""
    start, end, behind = match.start(), match.end(), match["behind"] or ""
    value = numbers.decimal(match["digits"])
    if value is None:
        return [Token("number", match[0], start, end, gap)]
    quoted = match.string[start - 1 : start] in _QUOTING and match.string[end : end + 1] in _QUOTING
    if (quoted or _is_label(match["digits"], before)) and not behind and start:
        return [Token("number", match[0], start, end, gap)]
    value = -value if match[0][0] in "-\u2212" else value
    unit = [CURRENCIES[match["currency"]]] if match["currency"] else []
    if behind in ("st", "nd", "rd", "th"):
        return [Token("number", f"{value}th", start, end, gap)]
    if behind:
        named = [] if unit else unit_sign(behind) or []
        scale = SCALE_SIGNS.get(behind, 0)
        if not named and not (scale and (unit or behind == "k")):
            return [Token("entity", match[0].casefold(), start, end, gap)]
        unit, value = unit or named, value if named else value * scale
    kind: Kind = "date" if _is_year(match["digits"], unit, before) else "number"
    first = Token(kind, str(value), start, end, gap)
    return [first, *(Token("unit" if u != "per" else "word", u, start, end) for u in unit)]


def _is_label(digits: str, before: Token | None) -> bool:
    """Tell whether figures are a name and no amount: `007`, `version 3.10`, `Python 3.10`."""
    if digits[0] == "0" and digits[1:2].isdigit():
        return True
    named = before is not None and (before.kind == "entity" or before.norm in NUMBERED)
    return named and "." in digits


def _is_year(digits: str, unit: list[str], before: Token | None) -> bool:
    plain = len(digits) == 4 and digits.isdecimal() and 1000 <= int(digits) <= 2199
    return plain and not unit and before is not None and before.norm in BEFORE_YEARS


def _words(
    text: str, start: int, gap: str, before: Token | None, common: Container[str]
) -> list[Token]:
    """Return a word without its contraction, and the word that was contracted."""
    end = start + len(text)
    lower = text.casefold()
    counted = before is not None and (before.kind == "number" or before.norm == "per")
    if counted and (units := unit_sign(text)):
        made = [Token("unit" if u != "per" else "word", u, start, end) for u in units]
        return [made[0]._replace(gap=gap), *made[1:]]
    if lower in _SPECIAL:
        first, second = _SPECIAL[lower].split()
        return [
            Token("word", first, start, end, gap),
            Token("negation", second, start, end),
        ]
    found = _CLITIC.search(text.casefold()) if "'" in text else None
    if found is None or found.start() == 0:
        return [_word(text, start, end, gap, before, common)]
    at = start + found.start()
    head = _word(text[: found.start()], start, at, gap, before, common)
    norm = CONTRACTED.get(found[0], found[0])
    if norm == "'":
        return [head]
    return [head, Token("negation" if norm == "not" else "word", norm, at, end)]


def _word(
    text: str, start: int, end: int, gap: str, before: Token | None, common: Container[str]
) -> Token:
    lower = text.casefold()
    if lower in FREE and (before is None or lower == text):
        return Token("word", lower, start, end, gap)
    if lower in NEGATIONS:
        return Token("negation", lower, start, end, gap)
    if lower in DAYS or (lower in MONTHS and text[0].isupper() and before is not None):
        return Token("date", lower[:3], start, end, gap)
    if (unit := unit_word(text)) and lower != "second":
        return Token("unit", unit, start, end, gap)
    if lower in ORDINALS:
        return Token("number", ORDINALS[lower], start, end, gap)
    if lower in AMOUNTS:
        return Token("number", lower, start, end, gap)
    if text.isupper() and (len(text) > 1 or (before is not None and text != "I")):
        return Token("entity", text, start, end, gap)
    inner = before is not None and text != "I" and not _opens(gap)
    if text[0].isupper() and (inner or lower not in common) and lower not in SMALL:
        return Token("entity", lower, start, end, gap)
    return Token("word", lower, start, end, gap)


def _opens(gap: str) -> bool:
    """Tell whether a capital behind this gap may be that of a quotation or a second sentence."""
    return any(mark in gap for mark in '.!?:;"')
