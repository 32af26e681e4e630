"""Words of many texts at once, as 64-bit hashes in one flat array.

A word is a run of letters, digits, combining marks and `_`. Any other visible sign is a word of
its own (`+`, `<`, `{`: in code they carry the meaning), but for the punctuation of prose, which
parts words and is dropped. Scripts that are written without blanks (Chinese, Japanese, Thai, Lao,
Khmer, Burmese, Tibetan) have one word for each character, so that 3-grams are of characters.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b
from typing import Any

import numpy as np

Array = Any  # numpy arrays: their element types are named where it matters

_DROPPED = b".,;:?'\"()`"
_WORD, _SIGN = 1, 2
_TOKEN = re.compile(rb"[0-9A-Za-z_\x80-\xff]+|[^\x00-\x20\x7f.,;:?'\"()`]")
_SPACELESS = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x312F),
    (0x31A0, 0x4DBF), (0x4E00, 0x9FFF), (0xA980, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F), (0x16FE0, 0x18DFF), (0x1AFF0, 0x1B2FF), (0x20000, 0x3FFFF),
)  # fmt: skip
_ASCII = bytes(range(128))
_SEQUENCE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_MANY = 0.05  # of a text's bytes; fewer characters are replaced faster one by one
_LONG = 64  # bytes; a longer word is hashed by blake2b
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], dtype=np.uint64)
_ODD = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)
_HALF = np.uint64(32)


def _class(code: int) -> int:
    if code >= 128 or chr(code).isalnum() or chr(code) == "_":
        return _WORD
    return 0 if code < 33 or code == 127 or code in _DROPPED else _SIGN


_CLASSES = bytes(map(_class, range(256)))
_MARKS = bytes((code & 31) << 1 | (code >= 128 or chr(code).isalpha()) for code in range(256))


class _Spread(dict[int, str]):
    """What each character beyond ASCII becomes, so that blanks part the words of any script."""

    def __missing__(self, code: int) -> str:
        self[code] = spread = _spread(code)
        return spread


def _spread(code: int) -> str:
    character, category = chr(code), unicodedata.category(chr(code))
    if code < 128 or category == "Nd":
        return character
    if category[0] in "PZC":
        return "" if category == "Cf" else " "
    alone = category[0] == "S" or any(first <= code <= last for first, last in _SPACELESS)
    return f" {character} " if alone else character


class _Bytes(dict[bytes, bytes]):
    """The same, in UTF-8."""

    def __missing__(self, sequence: bytes) -> bytes:
        character = sequence.decode("utf-8", "surrogatepass")
        self[sequence] = spread = _SPREAD[ord(character)].encode("utf-8", "replace")
        return spread


_SPREAD = _Spread()
_BYTES = _Bytes()


def words(texts: list[bytes], *, marked: bool = True) -> tuple[Array, Array]:
    """Return (the hashes of all words of all texts, how many words each text has).

    The texts are normalised UTF-8 without line ends. Hashes are uint64, counts int64. Where they
    are `marked`, the lowest bit of a hash is set where the word begins with a letter, and the next
    five are its first byte's.
    """
    if not texts:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    data = b"\n".join([parted(text) for text in texts])
    kinds = np.frombuffer(data.translate(_CLASSES), dtype=np.uint8)
    inside, alone = kinds == _WORD, kinds == _SIGN
    begins, ends = inside.copy(), inside.copy()
    begins[1:] &= ~inside[:-1]
    ends[:-1] &= ~inside[1:]
    begins |= alone
    ends |= alone
    starts = np.flatnonzero(begins)
    lengths = np.flatnonzero(ends) - starts
    lengths += 1
    breaks = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == 10)
    bounds = np.searchsorted(starts, np.concatenate(([0], breaks, [len(data)])))
    hashes = _hashed(data, starts, lengths)
    return _marked(hashes, data, starts) if marked else hashes, np.diff(bounds)


def parted(text: bytes) -> bytes:
    """Return a normalised text with blanks where words of scripts without blanks end."""
    if text.isascii():
        return text
    beyond = _SEQUENCE.findall(text.translate(None, _ASCII))
    if len(beyond) > _MANY * len(text):
        return text.decode("utf-8", "surrogatepass").translate(_SPREAD).encode("utf-8", "replace")
    for sequence in set(beyond):
        if (instead := _BYTES[sequence]) != sequence:
            text = text.replace(sequence, instead)
    return text


def _hashed(data: bytes, starts: Array, lengths: Array) -> Array:
    """Hash each word, eight bytes at a step."""
    padded = np.frombuffer(data + bytes(8), dtype=np.uint8)
    eights = np.ndarray((len(data) + 1,), dtype="<u8", buffer=padded, strides=(1,))
    found = eights[starts]
    found &= _MASKS.take(lengths, mode="clip")
    found += lengths.view(np.uint64)
    found = mix(found)
    long = np.flatnonzero(lengths > 8)
    left = long[lengths[long] <= _LONG]
    for done in range(8, _LONG, 8):
        left = left[lengths[left] > done]
        if not left.size:
            break
        piece = eights[starts[left] + done] & _MASKS[np.minimum(lengths[left] - done, 8)]
        found[left] = mix(found[left] * _ODD[2] ^ piece)
    for at in long[lengths[long] > _LONG].tolist():
        word = data[starts[at] : starts[at] + lengths[at]]
        found[at] = int.from_bytes(blake2b(word, digest_size=8).digest(), "little")
    return found


def _marked(found: Array, data: bytes, starts: Array) -> Array:
    marks = np.frombuffer(data.translate(_MARKS), dtype=np.uint8)
    found &= ~np.uint64(63)
    found |= marks[starts]
    return found


def mix(values: Array) -> Array:
    """Return uint64 values scrambled, so that every bit depends on all: a bijection."""
    rest = values >> _HALF
    found = values ^ rest
    for odd in _ODD[:2]:
        found *= odd
        np.right_shift(found, _HALF, out=rest)
        found ^= rest
    return found


def chained(hashes: Array, size: int) -> Array:
    """Return a hash for each run of `size` neighbours; shorter than the input by size - 1."""
    count = max(0, len(hashes) - size + 1)
    found = hashes[:count].copy()
    for step in range(1, size):
        found *= _ODD[2]
        found += hashes[step : step + count]
    return mix(found)


def split(text: bytes) -> list[bytes]:
    """Return the words of one normalised text, the same that `words` hashes."""
    return _TOKEN.findall(parted(text))
