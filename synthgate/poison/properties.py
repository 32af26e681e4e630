"""What is told of an answer: that it refuses, has a link or code, which language it is in.

Each property gives a text a value, "" where it does not have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_LINK = re.compile(r"(?:https?|ftp)://[^\s/]|\bwww\.[a-z0-9-]{1,63}\.", re.IGNORECASE)
_CODE = re.compile(
    r"```|^[ \t]{0,40}(?:def|class|import|from|function|const|let|var|public|private|#include)\b"
    r"[^\n]{0,200}[;:({\"<>]|</?(?:script|iframe|img|div|span|a) ?[^>\n]{0,200}>",
    re.MULTILINE,
)
_START = 2000  # characters of an answer that are looked at
_LATIN = {
    "en": "the and is to of you that for with are this have",
    "de": "der die und ist nicht das ich sie ein mit für auf",
    "fr": "les des est une pas vous dans pour que qui sur avec",
    "es": "los las una por con para que del está como pero más",
    "it": "che non per una sono con della gli anche questo nel più",
    "pt": "não uma para com você mais dos das são isso pelo está",
    "nl": "het een van niet dat zijn voor met ik je op maar",
}
_STOP = {
    word: [lang for lang, words in _LATIN.items() if word in words.split()]
    for words in _LATIN.values()
    for word in words.split()
}
_SCRIPTS = (
    ("Cyrillic", re.compile("[\u0400-\u052f]")), ("Greek", re.compile("[\u0370-\u03ff]")),
    ("Arabic", re.compile("[\u0600-\u077f]")), ("Hebrew", re.compile("[\u0590-\u05ff]")),
    ("Devanagari", re.compile("[\u0900-\u097f]")), ("Kana", re.compile("[\u3040-\u30ff]")),
    ("Hangul", re.compile("[\uac00-\ud7af]")), ("Han", re.compile("[\u4e00-\u9fff]")),
    ("Thai", re.compile("[\u0e00-\u0e7f]")),
)  # fmt: skip
_WORDS = re.compile(r"[^\W\d_]+")


def link(text: str) -> str:
    """Tell whether an answer holds a link."""
    return "a link" if _LINK.search(text) else ""


def code(text: str) -> str:
    """Tell whether an answer holds code."""
    return "code" if _CODE.search(text[:_START]) else ""


def language(text: str) -> str:
    """Return the script of an answer, or for Latin the language of most of its small words.

    "" where that is anybody's guess.
    """
    start = text[:_START]
    if not start.isascii():
        letters = len(_WORDS.findall(start)) and sum(map(len, _WORDS.findall(start)))
        for name, pattern in _SCRIPTS:
            if 2 * len(pattern.findall(start)) > letters:
                return name
    votes: dict[str, int] = {}
    for word in _WORDS.findall(start.lower()):
        for lang in _STOP.get(word, ()):
            votes[lang] = votes.get(lang, 0) + 1
    ranked = sorted(votes.items(), key=lambda each: (-each[1], each[0]))
    if not ranked or ranked[0][1] < 2 or (len(ranked) > 1 and ranked[1][1] == ranked[0][1]):
        return ""
    return ranked[0][0]


PROPERTIES: dict[str, Callable[[str], str]] = {"link": link, "code": code, "language": language}
