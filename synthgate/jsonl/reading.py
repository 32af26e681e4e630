"""Rows from files, globs and stdin, as one stream that can be read again.

Memory is one line, whatever the size of the input; a `.json` array is the exception, it has no
lines and is held whole.
"""

from __future__ import annotations

import contextlib
import glob
import gzip
import hashlib
import io
import os
import re
import stat
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from synthgate.errors import BadLine, InputError
from synthgate.jsonl.raw import CHUNK, Hashing, shown, why
from synthgate.manifest import Stream
from synthgate.provenance import Stamper, read
from synthgate.rows import Row

MAX_LINE = 16 * 1024 * 1024
BadLineSink = Callable[[str, int, bytes, BadLine], None]
_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\n"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},\n]', re.DOTALL)
_LINE_END = re.compile(rb'"(?:[^"\\]|\\.)*"|[\r\n]', re.DOTALL)


def expand(patterns: Sequence[str]) -> list[str]:
    """Return the input files that the arguments name: files, globs, `-`; stdin for none."""
    found: list[str] = []
    for pattern in patterns or ["-"]:
        if pattern == "-" or os.path.lexists(pattern) or not glob.has_magic(pattern):
            found.append(pattern)
            continue
        matched = sorted(glob.glob(pattern, recursive=True))
        if not matched:
            raise InputError(f"{pattern}: no file matches")
        found += matched
    return found


def read_file(path: str) -> bytes:
    """Return a small file whole: a plan, labels, a configuration."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"{path}: {why(error)}") from None


class Source:
    """The rows of several inputs as one stream that can be read again.

    What cannot be read twice (stdin, a FIFO) is kept in a temporary file if `again` says that a
    second pass follows. Counts and bad lines are those of the first pass; `limit` ends it early.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        stamp: Stamper,
        on_bad: BadLineSink,
        *,
        limit: int = 0,
        max_line: int = MAX_LINE,
        again: bool = False,
        role: str = "",
    ) -> None:
        self.paths = expand(inputs)
        self.stamp, self.on_bad, self.role = stamp, on_bad, role
        self.limit, self.max_line, self.again = limit, max_line, again
        self.rows = self.bad = self.edited = 0
        self.streams: list[Stream] = []
        self._spools: dict[str, IO[bytes]] = {}
        self._passes = 0
        for path in self.paths:
            _refuse(path, self.paths)

    @property
    def seen(self) -> int:
        """How many rows were read, bad lines included."""
        return self.rows + self.bad

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows in order; bad lines go to `on_bad`, which may raise."""
        first = self._passes == 0
        self._passes += 1
        done = 0
        for number, path in enumerate(self.paths):
            if self.limit and done == self.limit:
                break
            yield from self._rows(number, path, self.limit - done, first)
            done += self.streams[number].rows

    def _rows(self, number: int, path: str, left: int, first: bool) -> Iterator[Row]:
        """Yield the rows of one input; bad lines count for the limit that is `left`, too."""
        count, name = 0, shown(path)
        with contextlib.ExitStack() as stack:
            hashing, stream = self._open(stack, path, first)
            stamp = self.stamp
            for line, raw in _guarded(path, _numbered(path, stream, self.max_line)):
                if self.limit and count == left:
                    break
                count += 1
                try:
                    if isinstance(raw, BadLine):
                        raise raw
                    row = read(raw, name, line, stamp)
                except BadLine as error:
                    self._refused(name, line, raw, error, first)
                    continue
                if first:
                    self.rows += 1
                    self.edited += row.edited
                yield row
            digest = hashing.hexdigest() if hashing.ended else ""
        if first:
            self.streams.append(Stream(name, digest, count, self.role))
        elif digest != self.streams[number].sha256:
            raise InputError(f"{path}: changed while it was being read")

    def _refused(
        self, path: str, line: int, raw: bytes | BadLine, error: BadLine, first: bool
    ) -> None:
        if first:
            self.bad += 1
            self.on_bad(path, line, b"" if isinstance(raw, BadLine) else raw, error)

    def _open(
        self, stack: contextlib.ExitStack, path: str, first: bool
    ) -> tuple[Hashing, IO[bytes]]:
        """Return (what hashes the stored bytes, the decompressed stream) of one input."""
        copy = None
        raw: Any
        if not first and path in self._spools:
            self._spools[path].seek(0)
            raw = io.FileIO(self._spools[path].fileno(), "rb", closefd=False)
        else:
            raw = stack.enter_context(_open_raw(path))
            if self.again and not _is_regular(path):
                copy = self._spools[path] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as we
                weakref.finalize(self, copy.close)
        hashing = Hashing(raw, copy)
        buffered = stack.enter_context(io.BufferedReader(hashing, CHUNK))
        return hashing, stack.enter_context(_decompressed(path, buffered))


def _refuse(path: str, paths: list[str]) -> None:
    """Refuse an input that cannot be read, before anything is written or paid for."""
    if path == "-":
        if paths.count("-") > 1:
            raise InputError("-: stdin can be read only once")
    elif os.path.isdir(path):
        raise InputError(f"{path}: is a directory")
    elif _is_regular(path) or not os.path.exists(path):
        _open_raw(path).close()


def _is_regular(path: str) -> bool:
    return path != "-" and os.path.exists(path) and stat.S_ISREG(os.stat(path).st_mode)


def _open_raw(path: str) -> io.FileIO:
    try:
        return io.FileIO(0, "rb", closefd=False) if path == "-" else io.FileIO(path, "rb")
    except OSError as error:
        raise InputError(f"{path}: {why(error)}") from None


def _decompressed(path: str, raw: Any) -> Any:
    if path.endswith(".gz"):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"), CHUNK)
    if path.endswith(".zst"):
        from backports import zstd

        return io.BufferedReader(zstd.ZstdFile(raw, "rb"), CHUNK)
    return raw


def _guarded(
    path: str, lines: Iterator[tuple[int, bytes | BadLine]]
) -> Iterator[tuple[int, bytes | BadLine]]:
    """Pass the lines on; damaged or unreadable data becomes one plain error."""
    try:
        yield from lines
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: damaged compressed data: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {why(error)}") from None
    except Exception as error:
        # The zstd module's own error class can only be named by importing it.
        if type(error).__name__ != "ZstdError":
            raise
        raise InputError(f"{path}: damaged compressed data: {error}") from None


def _numbered(path: str, stream: IO[bytes], max_line: int) -> Iterator[tuple[int, bytes | BadLine]]:
    bare = path.removesuffix(".gz").removesuffix(".zst")
    if bare.endswith(".json"):
        return _elements(path, stream, max_line)
    return _lines(stream, max_line)


def _lines(stream: IO[bytes], max_line: int) -> Iterator[tuple[int, bytes | BadLine]]:
    """Yield (line number, the line without its end), a `BadLine` where it is too long."""
    number, readline = 0, stream.readline
    while line := readline(max_line + 2):
        number += 1
        if len(line) > max_line and len(line.removesuffix(b"\n").removesuffix(b"\r")) > max_line:
            yield number, _skip_long(stream, line)
            continue
        if number == 1 and line.startswith(_BOM):
            line = line[3:]
        line = line.rstrip(_SPACE)
        if line:
            yield number, line


def _skip_long(stream: IO[bytes], line: bytes) -> BadLine:
    """Read past a line that is too long to hold, and say how long it was and what it was."""
    size, sha256 = len(line), hashlib.sha256(line)
    while line and line[-1:] != b"\n":
        line = stream.readline(CHUNK)
        size += len(line)
        sha256.update(line)
    return _too_long(size, sha256)


def _too_long(size: int, sha256: Any) -> BadLine:
    detail = f"a line of {size} bytes is longer than the limit (sha256 {sha256.hexdigest()})"
    return BadLine("line_too_long", detail)


def _elements(path: str, stream: IO[bytes], max_line: int) -> Iterator[tuple[int, bytes | BadLine]]:
    """Yield (line number, bytes on one line) of each element of a `.json` array."""
    text = stream.read().removeprefix(_BOM)
    if not text.lstrip(_SPACE).startswith(b"["):
        raise InputError(f"{path}:1:1: a .json file must hold one array of objects")
    depth, line, start, begun, commas = 0, 1, 0, 1, 0
    for token in _TOKEN.finditer(text):
        mark, inner = token[0], depth
        line += mark.count(b"\n")
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        comma = mark == b"," and inner == 1
        if comma or (mark in (b"]", b"}") and depth == 0):
            if comma or commas or text[start : token.start()].strip(_SPACE):
                yield _element(text[start : token.start()], begun, max_line)
            commas += comma
        elif inner or not depth:
            continue
        start, begun = token.end(), line
        if depth == 0:
            break
    if depth or text[start - 1 : start] != b"]" or text[start:].strip(_SPACE):
        raise InputError(f"{path}:{line}: the array does not end where the file ends")


def _element(raw: bytes, line: int, max_line: int) -> tuple[int, bytes | BadLine]:
    """Return one element and the line it begins on; white space between its tokens is one line."""
    element = raw.lstrip(_SPACE)
    line += raw[: len(raw) - len(element)].count(b"\n")
    element = element.rstrip(_SPACE)
    if len(element) > max_line:
        return line, _too_long(len(element), hashlib.sha256(element))
    # A raw line end inside a string stays, so that the parser refuses it.
    return line, _LINE_END.sub(lambda end: end[0] if len(end[0]) > 1 else b" ", element)
