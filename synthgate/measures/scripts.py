"""Shares of rows by script and by language.

The script of a letter is the first word of its Unicode name; a row's is that of most of its
letters. Languages are told apart by py3langid (the extra `[lang]`), on a sample.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from synthgate.errors import UsageError

CHARS = 1000
"""Characters of a text that are looked at."""

_SHAPES = ("FULLWIDTH ", "HALFWIDTH ", "MODIFIER LETTER ", "FEMININE ", "MASCULINE ")
_NONE = "none"
_SHOWN = 20


class _Scripts(dict[str, str]):
    """The script of each character, "" for what is no letter."""

    def __missing__(self, character: str) -> str:
        self[character] = found = _script(character)
        return found


def _script(character: str) -> str:
    if unicodedata.category(character)[0] != "L":
        return ""
    name = unicodedata.name(character, "OTHER")
    for shape in _SHAPES:
        name = name.removeprefix(shape)
    return {"ORDINAL": "Latin", "KANGXI": "Cjk"}.get(first := name.split()[0], first.capitalize())


_SCRIPTS = _Scripts()


def script(text: str) -> str:
    """Return the script of most letters of a text, "none" for a text without letters."""
    text = text[:CHARS]
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else _NONE
    counts = Counter(map(_SCRIPTS.__getitem__, text))
    del counts[""]
    return min(counts, key=lambda name: (-counts[name], name), default=_NONE)


def language(text: str) -> str:
    """Return the ISO 639 code of a text's language, "none" where that is anybody's guess."""
    from synthgate.verifiers.rules.languages import identify

    return identify(text[:CHARS]) or _NONE


def shares(
    rows: Sequence[str], real: Sequence[str], kind: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Return the share of the rows and of the real rows of each kind, the most real ones first."""
    ours, theirs = Counter(map(kind, rows)), Counter(map(kind, real))
    names = sorted(ours | theirs, key=lambda name: (-theirs[name], -ours[name], name))
    return [
        {"name": name, "rows": _share(ours[name], rows), "real": _share(theirs[name], real)}
        for name in names[:_SHOWN]
    ]


def languages(rows: Sequence[str], real: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Return the shares of languages, and why there are none where the extra is missing."""
    try:
        return shares(rows, real, language), ""
    except UsageError as missing:
        return [], str(missing)


def _share(count: int, of: Sequence[str]) -> float:
    return round(count / len(of), 4) if of else 0.0
