"""Letters of another script that look like those around them: `paypal` with a Cyrillic `a`.

Mixed scripts alone are natural (Japanese, micrometres, a brand with a Russian ending). A word is
suspicious if it is Latin and every letter of another script in it looks like a Latin one, or if it
has nothing but such letters in a Latin text that else has no letter of that script (mixed-script
and whole-script confusables of UTS 39, of those only what no common font tells apart).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from synthgate.poison.characters import SUSPECT

HOMOGLYPH = "homoglyph"
_DOUBLES = {  # letters that look like a Latin one
    "CYRILLIC": frozenset(
        "\u0405\u0406\u0408\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422"
        "\u0423\u0425\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04ae"
        "\u04bb\u04cf\u0501\u050c\u051b\u051c\u051d"
    ),
    "GREEK": frozenset(
        "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf"
    ),
    "ARMENIAN": frozenset("\u053c\u054d\u054f\u0555\u0570\u0578\u057d\u0581\u0585"),
    "CHEROKEE": frozenset(
        "\u13a0\u13a1\u13a2\u13aa\u13ab\u13ac\u13b3\u13b7\u13bb\u13c3\u13d2\u13d9\u13da"
        "\u13de\u13df\u13e2\u13e6\u13f4"
    ),
}
_ANY_DOUBLE = re.compile(f"[{''.join(sorted(frozenset().union(*_DOUBLES.values())))}]")
_READ_AS = str.maketrans(  # the doubles that spell most of a Latin text
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d\u03bf"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "aeopcyxsijhldqwoABEKMHOPCTXIJSABEZHIKMNOPTYX",
)
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST = 64  # characters; what is longer is no word that was disguised


def homoglyphs(text: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, word) of the words of a text that hold letters of another script in disguise."""
    if text.isascii():
        return
    whole: list[tuple[str, str]] = []
    others: set[str] = set()
    latin = False
    for word in _WORD.findall(text):
        if word.isascii():
            latin = True
        elif len(word) <= _LONGEST:
            disguised, script, double = look(word)
            latin = latin or script == "LATIN"
            if disguised:
                yield HOMOGLYPH, word
            elif double:
                whole.append((script, word))
            elif script:
                others.add(script)
    if latin:
        yield from ((HOMOGLYPH, word) for script, word in whole if script not in others)


def as_read(text: str) -> str:
    """Return a text as eyes take it: nothing invisible, letters in disguise as Latin ones."""
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", SUSPECT.sub("", text))
    return _WORD.sub(_read, plain) if _ANY_DOUBLE.search(plain) else plain


def _read(word: re.Match[str]) -> str:
    text = word[0]
    if text.isascii() or len(text) > _LONGEST:
        return text
    disguised, _, double = look(text)
    return text.translate(_READ_AS) if disguised or double else text


@lru_cache(maxsize=1 << 16)
def look(word: str) -> tuple[bool, str, bool]:
    """Return (whether it is Latin in disguise, its script, whether it has only doubles)."""
    scripts: dict[str, list[bool]] = {}
    for letter in word:
        script = script_of(letter)
        scripts.setdefault(script, []).append(letter in _DOUBLES.get(script, ()))
    scripts.pop("", None)
    if scripts.pop("LATIN", None):
        disguised = any(script == "STYLED" or all(each) for script, each in scripts.items())
        return disguised, "LATIN", False
    script = next(iter(scripts), "")
    return False, script, len(scripts) == 1 and len(word) > 1 and all(scripts[script])


@lru_cache(maxsize=1 << 14)
def script_of(letter: str) -> str:
    """Return the script of a letter by its Unicode name, STYLED for a Latin one in disguise."""
    if letter.isascii():
        return "LATIN"
    name = unicodedata.name(letter, "")
    if name.startswith(("MATHEMATICAL", "FULLWIDTH LATIN")):
        return "STYLED" if unicodedata.normalize("NFKC", letter).isascii() else "GREEK"
    first = name.partition(" ")[0]
    return "" if unicodedata.category(letter)[0] != "L" else first
