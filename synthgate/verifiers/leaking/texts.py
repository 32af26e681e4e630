"""The texts of a row, folded so that case, white space, quotes and dashes make no difference."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

_WIDE = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = re.compile(
    rf"[{_WIDE}]|[^\W{_WIDE}]+(?:'[^\W{_WIDE}]+)*"
)  # scripts without blanks: a character is a word
_UNSEEN = "\u00ad\u034f\u061c\u180e\ufeff" + "".join(
    chr(code) for low, high in ((0x200B, 0x2010), (0x202A, 0x202F), (0x2060, 0x2070))
    for code in range(low, high)
)  # fmt: skip
_SAME = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys(_UNSEEN, None)
)
_AT_LEAST = 10**6  # a number from here on may identify something


def fold(text: str) -> str:
    """Return a text as it is compared: NFKC, case folded, white space runs as one blank."""
    text = text.translate(_SAME) if text.isascii() else _plain(text)
    return " ".join(text.casefold().split())


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME)


def words(folded: str) -> list[str]:
    """Return the words of a folded text."""
    return _WORD.findall(folded)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted path, text) of each text in a row, and of each number that is long enough."""
    if type(value) is str:
        yield path, value
    elif type(value) is int and abs(value) >= _AT_LEAST:
        yield path, str(value)
    elif type(value) is dict:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif type(value) is list:
        for at, item in enumerate(value):
            yield from leaves(item, f"{path}.{at}" if path else str(at))
