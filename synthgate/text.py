"""Text made comparable: shared by dedupe, verifiers, scan and report."""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)
# ASCII to lower case, and what `str.split` parts at to a blank.
_FOLD = bytes(32 if chr(code).isspace() else ord(chr(code).lower()) for code in range(128)) + bytes(
    range(128, 256)
)


def normalise(text: str) -> str:
    """Return the text as exact comparison sees it: NFC, case folded, white space runs as one blank.

    Words are never joined: every run of white space stays one blank, and nothing is deleted.
    """
    return folded(text).decode("utf-8", "surrogatepass")


def folded(text: str) -> bytes:
    """Return `normalise(text)` in UTF-8.

    Bytes are enough where characters beyond ASCII stay as they are: four times as fast for ASCII,
    three times for most European text.
    """
    if not text.isascii() and not all(map(_STAYS.__getitem__, _BEYOND.findall(text))):
        words = unicodedata.normalize("NFC", text).casefold().split()
        return " ".join(words).encode("utf-8", "surrogatepass")
    plain = text.encode().translate(_FOLD)
    while b"  " in plain:
        plain = plain.replace(b"  ", b" ")
    return plain.strip(b" ")


class _Stays(dict[str, bool]):
    """Whether a character beyond ASCII is one that neither NFC nor case folding changes.

    Marks and the vowels of Hangul may join the character before them; blanks are no letters, and
    surrogates cannot be encoded.
    """

    def __missing__(self, char: str) -> bool:
        category = unicodedata.category(char)
        joins = category[0] == "M" or 0x1160 <= ord(char) <= 0x11FF
        changes = char.isspace() or category == "Cs" or joins
        stays = not changes and unicodedata.normalize("NFC", char).casefold() == char
        self[char] = stays
        return stays


_BEYOND = re.compile("[^\x00-\x7f]")
_STAYS = _Stays()


def digest(text: str) -> bytes:
    """Return 16 bytes that stand for a text in an in-memory index."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def printable(text: str) -> str:
    r"""Return the text with control, bidirectional and invisible characters as `\uXXXX`.

    Row text and file names are hostile: they must not move the cursor, recolour the terminal or
    reorder what a reader sees.
    """
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
