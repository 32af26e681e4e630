"""The lines of an input, or the elements of an array, one bounded one at a time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from synthgate.errors import BadLine, InputError
from synthgate.jsonl.raw import CHUNK

Note = Callable[[int], object]
BOM = b"\xef\xbb\xbf"
SPACE = b" \t\r\n"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},\n]', re.DOTALL)
_LINE_END = re.compile(rb'"(?:[^"\\]|\\.)*"|[\r\n]', re.DOTALL)


def numbered(
    path: str, stream: IO[bytes], max_line: int, note: Note | None = None, before: int = 0
) -> Iterator[tuple[int, bytes | BadLine]]:
    """Yield (line number, the bytes of a row) of an input, a `BadLine` where it is too long.

    `before` lines of a plain file were passed over.
    """
    bare = path.removesuffix(".gz").removesuffix(".zst")
    if bare.endswith(".json"):
        return _elements(path, stream, max_line)
    return _lines(stream, max_line, note, before)


def _lines(
    stream: IO[bytes], max_line: int, note: Note | None, before: int
) -> Iterator[tuple[int, bytes | BadLine]]:
    """Yield (line number, the line without its end), a `BadLine` where it is too long.

    `note` is told where each of them begins.
    """
    number, at, readline = before, 0, stream.readline
    while line := readline(max_line + 2):
        number += 1
        start, at = at, at + len(line)
        if len(line) > max_line and len(line.removesuffix(b"\n").removesuffix(b"\r")) > max_line:
            error, at = _skip_long(stream, line, at)
            if note is not None:
                note(start)
            yield number, error
            continue
        if number == 1 and line.startswith(BOM):
            line, start = line[3:], start + 3
        line = line.rstrip(SPACE)
        if line:
            if note is not None:
                note(start)
            yield number, line


def _skip_long(stream: IO[bytes], line: bytes, at: int) -> tuple[BadLine, int]:
    """Read past a line that is too long to hold; say what it was and where it ends."""
    size = begun = len(line)
    sha256 = hashlib.sha256(line)
    while line and line[-1:] != b"\n":
        line = stream.readline(CHUNK)
        size += len(line)
        sha256.update(line)
    return too_long(size, sha256), at + size - begun


def too_long(size: int, sha256: Any) -> BadLine:
    """Return what a line longer than the limit is refused for."""
    detail = f"a line of {size} bytes is longer than the limit (sha256 {sha256.hexdigest()})"
    return BadLine("line_too_long", detail)


def _elements(path: str, stream: IO[bytes], max_line: int) -> Iterator[tuple[int, bytes | BadLine]]:
    """Yield (line number, bytes on one line) of each element of a `.json` array."""
    text = stream.read().removeprefix(BOM)
    if not text.lstrip(SPACE).startswith(b"["):
        raise InputError(f"{path}:1:1: a .json file must hold one array of objects")
    depth, line, start, begun, commas = 0, 1, 0, 1, 0
    for token in _TOKEN.finditer(text):
        mark, inner = token[0], depth
        line += mark.count(b"\n")
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        comma = mark == b"," and inner == 1
        if comma or (mark in (b"]", b"}") and depth == 0):
            if comma or commas or text[start : token.start()].strip(SPACE):
                yield _element(text[start : token.start()], begun, max_line)
            commas += comma
        elif inner or not depth:
            continue
        start, begun = token.end(), line
        if depth == 0:
            break
    if depth or text[start - 1 : start] != b"]" or text[start:].strip(SPACE):
        raise InputError(f"{path}:{line}: the array does not end where the file ends")


def _element(raw: bytes, line: int, max_line: int) -> tuple[int, bytes | BadLine]:
    """Return one element and the line it begins on; white space between its tokens is one line."""
    element = raw.lstrip(SPACE)
    line += raw[: len(raw) - len(element)].count(b"\n")
    element = element.rstrip(SPACE)
    if len(element) > max_line:
        return line, too_long(len(element), hashlib.sha256(element))
    # A raw line end inside a string stays, so that the parser refuses it.
    return line, _LINE_END.sub(lambda end: end[0] if len(end[0]) > 1 else b" ", element)
