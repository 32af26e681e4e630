"""Characters that nobody sees, or that change what is seen.

Where one of them has its use in a script, it is not counted: joiners in emoji, in Persian and in
Indic words, variation selectors after an emoji, marks of direction beside a script that is written
from right to left, old Hangul, Mongolian, braille. The contexts are those of Unicode (UTS 51 for
emoji, RFC 5892 appendix A for joiners, UAX 9 for direction).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_CLASS = (
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
SUSPECT, _RUNS = re.compile(_CLASS), re.compile(f"{_CLASS}+")
INVISIBLE, DIRECTION, HIDDEN, CONTROL = "invisible", "direction", "hidden text", "control"
MOST = 100_000
"""Suspicious characters of a text that are looked at: more take seconds and say no more."""
_RUN = 4  # invisible characters in a row, which can spell a hidden text
_TAGS = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,10}\U000e007f")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]")
_EMOJI = re.compile("[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff#*0-9]")
_OLD_HANGUL = re.compile("[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]")
_MONGOLIAN = re.compile("[\u1800-\u180a\u1810-\u18aa]")  # without its invisible selectors
_BRAILLE = re.compile("[\u2801-\u28ff]")
_VIRAMA = 9  # canonical combining class
_JOINING = re.compile(
    "[\u0620-\u074a\u0750-\u077f\u07ca-\u07ea\u0840-\u0858\u08a0-\u08c9\u1807-\u180a\u1820-\u18aa]"
)
_INDIC = re.compile("[\u0900-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff]")
_SELECTED = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u2200-\u22ff]")


def suspects(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, character) of the suspicious characters of a text."""
    if not SUSPECT.search(text):
        return
    plain = _TAGS.sub("", text)  # flags of regions
    right_to_left = _RIGHT_TO_LEFT.search(plain) is not None
    seen = 0
    for match in _RUNS.finditer(plain):
        places = range(match.start(), match.end())[: MOST - seen]
        seen += len(places)
        found = [(kind, plain[at]) for at in places if (kind := _kind(plain, at, right_to_left))]
        unseen = sum(kind in (INVISIBLE, HIDDEN) for kind, _ in found)
        for kind, character in found:
            yield HIDDEN if kind == INVISIBLE and unseen >= _RUN else kind, character
        if seen >= MOST:
            return


def _kind(text: str, at: int, right_to_left: bool) -> str:
    """Return what is suspicious about the character at that place, "" for nothing."""
    code = ord(text[at])
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if code < 0xA0:
        return CONTROL
    if code >= 0xE0000:
        return "" if 0xE0100 <= code <= 0xE01EF and _SELECTED.match(before) else HIDDEN
    if code in (0x200E, 0x200F, 0x061C) or 0x2066 <= code <= 0x2069:
        return "" if right_to_left else DIRECTION
    if code in (0x202A, 0x202B, 0x202C):
        return "" if right_to_left else DIRECTION
    if code in (0x202D, 0x202E):
        return DIRECTION
    return "" if _has_use(code, before, after, at) else INVISIBLE


def _has_use(code: int, before: str, after: str, at: int) -> bool:
    """Tell whether an invisible character has its use between its neighbours."""
    if code in (0x200C, 0x200D) and before:
        if _EMOJI.match(before) or before in "\ufe0f\U000e007f":
            return code == 0x200D and _EMOJI.match(after) is not None
        if unicodedata.combining(before) == _VIRAMA or _INDIC.match(before):
            return True
        return _JOINING.match(before) is not None or unicodedata.combining(before) > 0
    if 0xFE00 <= code <= 0xFE0F:
        return bool(before) and (
            _EMOJI.match(before) is not None or _SELECTED.match(before) is not None
            or _INDIC.match(before) is not None or _MONGOLIAN.match(before) is not None
        )  # fmt: skip
    if code in (0x115F, 0x1160):
        return bool(_OLD_HANGUL.match(before) or _OLD_HANGUL.match(after))
    if 0x180B <= code <= 0x180F:
        return _MONGOLIAN.match(before) is not None
    if code == 0x2800:
        return bool(_BRAILLE.match(before) or _BRAILLE.match(after))
    if code in (0x17B4, 0x17B5, 0x1D173):
        return _INDIC.match(before) is not None
    return code == 0xFEFF and at == 0
