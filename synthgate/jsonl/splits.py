"""Parts of files that are read apart from each other, by several processes or machines.

A plain file is cut behind line ends into parts of some megabytes; a compressed file or an array is
one part. Whoever reads a part knows the number of its first line, so that rows, rejects and errors
say the same as when the file is read in one go.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from synthgate.errors import BadLine, InputError
from synthgate.jsonl.leaves import gathered
from synthgate.jsonl.lines import numbered
from synthgate.jsonl.pages import FilePage, Page
from synthgate.jsonl.raw import CHUNK, shown, why
from synthgate.jsonl.reading import BadLineSink, decompressed, guarded, is_regular, open_raw
from synthgate.provenance import Stamper, read
from synthgate.rows import Row

_BLOCK = 4 * CHUNK
_PAGE = CHUNK  # bytes of a page


@dataclass(frozen=True)
class Split:
    """Bytes `start` to `end` of a file, which begin at a line; `end` 0: all of it.

    `line` lines stand before it, about `lines` in it; `size` and `changed` are those of the file
    when it was cut. `path` is absolute, `name` is what the user called it.
    """

    path: str
    name: str
    start: int
    end: int
    line: int
    lines: int
    size: int
    changed: int


@dataclass(frozen=True)
class Cut:
    """A file in parts, and the SHA-256 of its stored bytes."""

    sha256: str
    splits: tuple[Split, ...]


def refuse_unsplittable(paths: list[str]) -> None:
    """Refuse what only this process can read."""
    for path in paths:
        if path == "-" or (os.path.exists(path) and not is_regular(path)):
            raise InputError(f"{path}: only files can be read by several machines")
        open_raw(path).close()


def cut(path: str, name: str, wanted: int) -> Cut:
    """Read a file once; return its parts of at least `wanted` bytes and its digest."""
    with open_raw(path) as raw:
        found = os.fstat(raw.fileno())
        sha256, bounds = hashlib.sha256(), _Bounds(wanted)
        try:
            while block := raw.read(_BLOCK):
                sha256.update(block)
                bounds.add(block)
        except OSError as error:
            raise InputError(f"{name}: {why(error)}") from None
    kept = {"size": found.st_size, "changed": found.st_mtime_ns}
    if path.endswith((".gz", ".zst", ".json")):
        return Cut(sha256.hexdigest(), (Split(path, name, 0, 0, 0, bounds.line, **kept),))
    parts = [Split(path, name, *each, **kept) for each in bounds.parts()]
    return Cut(sha256.hexdigest(), tuple(parts))


class _Bounds:
    """Where a file is cut: behind the first line end after each `wanted` bytes."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._at = self.line = 0
        self._cuts = [(0, 0)]  # offset, lines before it

    def add(self, block: bytes) -> None:
        """Look at the next bytes."""
        begin = 0
        while True:
            due = self._cuts[-1][0] + self._wanted - self._at - 1
            end = block.find(b"\n", max(begin, due)) + 1
            if not end:
                break
            self.line += block.count(b"\n", begin, end)
            self._cuts.append((self._at + end, self.line))
            begin = end
        self.line += block.count(b"\n", begin)
        self._at += len(block)

    def parts(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (start, end, lines before, lines inside) of each part."""
        ends = [*self._cuts[1:], (self._at, self.line)]
        for (start, before), (end, after) in zip(self._cuts, ends, strict=True):
            if end > start:
                yield start, end, before, after - before


def unchanged(split: Split) -> None:
    """Refuse a part of a file that was written to since it was cut."""
    with open_raw(split.path) as raw:
        _compare(split, raw)


def _compare(split: Split, raw: io.FileIO) -> None:
    found = os.fstat(raw.fileno())
    if (found.st_size, found.st_mtime_ns) != (split.size, split.changed):
        raise InputError(f"{split.name}: changed while it was being read")


def pages_of(split: Split, longest: int) -> Iterator[Page]:
    """Yield the lines of a part, as `FilePages` yields those of the file."""
    if split.end:
        for start in range(split.start, split.end, _PAGE):
            yield FilePage(split.path, start, min(start + _PAGE, split.end), longest)
        return
    with contextlib.ExitStack() as stack:
        lines = guarded(split.name, numbered(split.path, _opened(stack, split), longest))
        yield from gathered(lines, split.name, _PAGE)


def rows_of(split: Split, stamp: Stamper, on_bad: BadLineSink, max_line: int) -> Iterator[Row]:
    """Yield the rows of a part, as `Source` yields those of the file."""
    with contextlib.ExitStack() as stack:
        stream = _opened(stack, split)
        lines = numbered(split.path, stream, max_line, before=split.line)
        for line, raw in guarded(split.name, lines):
            try:
                if isinstance(raw, BadLine):
                    raise raw
                yield read(raw, split.name, line, stamp)
            except BadLine as error:
                on_bad(split.name, line, b"" if isinstance(raw, BadLine) else raw, error)


def _opened(stack: contextlib.ExitStack, split: Split) -> IO[bytes]:
    raw: Any = stack.enter_context(open_raw(split.path))
    _compare(split, raw)
    if split.end:
        raw.seek(split.start)
        raw = _Window(raw, split.end - split.start)
    buffered = stack.enter_context(io.BufferedReader(raw, CHUNK))
    stream: IO[bytes] = stack.enter_context(decompressed(split.path, buffered))
    return stream


class _Window(io.RawIOBase):
    """The next bytes of a raw file, and no more."""

    def __init__(self, raw: io.FileIO, left: int) -> None:
        super().__init__()
        self._raw, self._left = raw, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(memoryview(buffer)[: self._left]) or 0
        self._left -= count
        return count


def named(paths: list[str]) -> list[tuple[str, str]]:
    """Return (absolute path, name in rows and records) of input files."""
    return [(os.path.abspath(path), shown(path)) for path in paths]
