"""Stretches of an input that any process can read: how several workers share a file.

A page of a file owns the lines that begin in its range of bytes, so that pages can be cut anywhere
and every line belongs to exactly one. What cannot be read from the middle (compressed files,
arrays, rows in memory) comes as pages that hold their lines.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple, Protocol
from zlib import crc32

from synthgate.errors import BadLine, InputError
from synthgate.jsonl.lines import BOM, SPACE, too_long
from synthgate.jsonl.raw import shown, why
from synthgate.provenance import OTHER, look
from synthgate.rows import Provenance, Row, Value

_BLOCK = 1 << 16
Stamper = Callable[[bytes, Value, str], Provenance]


class Bad(NamedTuple):
    """A line that is no row: its number in the page, its bytes (none if too long), what is wrong.

    `place` is its place among the lines of the page that are not blank, from 0.
    """

    number: int
    raw: bytes
    reason: str
    detail: str
    column: int = 0
    place: int = 0

    def error(self) -> BadLine:
        """Return it as the error that it is."""
        return BadLine(self.reason, self.detail, self.column)


# A line that is not blank: its number in the page, where it begins there, its bytes. There are
# millions of them: a named tuple takes eight times as long to make.
Line = tuple[int, int, bytes | Bad]


@dataclass
class Looked:
    """What a page holds, parsed: one entry a row, and beside the rows its bad lines.

    `forms` says how each line is written again, `numbers` and `starts` are its line number and its
    first byte within the page; `lines` counts all lines that begin in the page, and `check` is a
    sum over their bytes where they can change under the reader's hands.
    """

    values: list[Value] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    forms: bytearray = field(default_factory=bytearray)
    numbers: array[int] = field(default_factory=lambda: array("I"))
    starts: array[int] = field(default_factory=lambda: array("I"))
    lines: int = 0
    bad: list[Bad] = field(default_factory=list)
    edited: int = 0
    check: int = 0


class Page(Protocol):
    """Some lines of one input; it can be pickled."""

    @property
    def name(self) -> str:
        """What rows without provenance say they are from, where the page is of one file."""

    @property
    def check(self) -> int:
        """A sum over the bytes of the lines, once all of them were yielded."""

    def lines(self) -> Iterator[Line]:
        """Yield the lines that are not blank."""

    @property
    def count(self) -> int:
        """How many lines begin in the page, once all of them were yielded."""


def looked(page: Page) -> Looked:
    """Parse a page."""
    if isinstance(page, RowsPage):
        return page.looked()
    found = Looked()
    values, raws, forms = found.values.append, found.raws.append, found.forms.append
    numbers, starts = found.numbers.append, found.starts.append
    for place, (number, start, raw) in enumerate(page.lines()):
        if isinstance(raw, Bad):
            found.bad.append(raw._replace(place=place))
            continue
        try:
            value, form, edited = look(raw)
        except BadLine as error:
            found.bad.append(Bad(number, raw, error.reason, error.detail, error.column, place))
            continue
        values(value)
        raws(raw)
        forms(form)
        numbers(number)
        starts(start)
        found.edited += edited
    found.lines, found.check = page.count, page.check
    return found


@dataclass
class FilePage:
    """The lines that begin between two offsets of a plain file; a longer line is read to its end.

    `handle` is the descriptor of a file without a name, which other processes inherit.
    """

    path: str
    start: int
    stop: int
    longest: int
    handle: int = -1
    count: int = 0
    check: int = 0

    @property
    def name(self) -> str:
        return shown(self.path)

    def lines(self) -> Iterator[Line]:
        handle = self.handle if self.handle >= 0 else _opened(self.path)
        try:
            at, pieces = self._pieces(handle)
            starts = list(accumulate((len(piece) + 1 for piece in pieces), initial=at))
            raws: list[bytes | Bad] = [piece.rstrip(SPACE) for piece in pieces]
            for place, piece in enumerate(pieces) if self._overlong(pieces) else ():
                if self._overlong([piece.removesuffix(b"\r")]):
                    raws[place] = self._long(handle, place + 1, starts[place], piece)
        finally:
            if handle != self.handle:
                os.close(handle)
        self.count = len(pieces)
        if raws and self.start == 0 and type(raws[0]) is bytes and raws[0].startswith(BOM):
            starts[0], raws[0] = len(BOM), raws[0].removeprefix(BOM)
        return filter(itemgetter(2), zip(range(1, len(raws) + 1), starts, raws, strict=False))

    def _pieces(self, handle: int) -> tuple[int, list[bytes]]:
        """Return (where the first line begins in the page, all lines with what ends them)."""
        self.check = 0
        before = min(1, self.start)  # the byte before tells whether a line begins here
        data = _read(handle, self.stop - self.start + before, self.start - before, self.path)
        skipped = data.find(b"\n") + 1 if before else 0
        if before and (not skipped or skipped > self.stop - self.start):
            return 0, []  # all of it belongs to a line that began earlier
        self.check = crc32(data)
        pieces = data[skipped:].split(b"\n") if skipped else data.split(b"\n")
        last = pieces.pop()
        if last:
            rest = self._rest(handle, self.longest + 2 - len(last))
            self.check = crc32(rest, self.check)
            pieces.append(last + rest)
        return skipped - before, pieces

    def _overlong(self, pieces: list[bytes]) -> bool:
        return max(map(len, pieces), default=0) > self.longest

    def _rest(self, handle: int, most: int) -> bytes:
        """Return the rest of the line that goes on behind the page, as far as it may be read."""
        found, at = [], self.stop
        while most > 0 and (block := _pread(handle, min(_BLOCK, most), at, self.path)):
            line, end, _ = block.partition(b"\n")
            found.append(line)
            if end:
                break
            at, most = at + len(block), most - len(block)
        return b"".join(found)

    def _long(self, handle: int, number: int, start: int, piece: bytes) -> Bad:
        """Return what a line that is too long to hold was."""
        size, sha256, at = len(piece), hashlib.sha256(piece), self.start + start + len(piece)
        end = b""
        while not end and (block := _pread(handle, _BLOCK, at, self.path)):
            line, end, _ = block.partition(b"\n")
            sha256.update(line + end)
            size, at = size + len(line + end), at + len(block)
        error = too_long(size, sha256)
        return Bad(number, b"", error.reason, error.detail)


@dataclass
class PickedPage:
    """Single lines of plain files, without bad ones: (file, start, stop) of each.

    `files` holds (path, descriptor or -1) of each file.
    """

    files: list[tuple[str, int]]
    spans: list[tuple[int, int, int]]

    check = 0
    name = ""

    @property
    def count(self) -> int:
        return len(self.spans)

    def lines(self) -> Iterator[Line]:
        handles = [_opened(path) if handle < 0 else handle for path, handle in self.files]
        try:
            for number, (file, start, stop) in enumerate(self.spans, 1):
                line = _pread(handles[file], stop - start, start, self.files[file][0])
                yield number, 0, line.partition(b"\n")[0].rstrip(SPACE)
        finally:
            for handle, (_, inherited) in zip(handles, self.files, strict=True):
                if inherited < 0:
                    os.close(handle)


@dataclass
class LinesPage:
    """Lines that come with the page; `count` of them begin in it, blank ones among them."""

    held: list[Line]
    count: int
    before: int = 0  # lines of the file
    check: int = 0
    name: str = ""

    def lines(self) -> Iterator[Line]:
        return iter(self.held)


@dataclass
class RowsPage:
    """Rows held in memory."""

    rows: list[Row]
    check = 0
    name = ""

    @property
    def count(self) -> int:
        return len(self.rows)

    def lines(self) -> Iterator[Line]:
        return ((number, 0, row.payload) for number, row in enumerate(self.rows, 1))

    def looked(self) -> Looked:
        """Return the rows as they were parsed when they were read."""
        count = len(self.rows)
        return Looked(
            values=[row.value for row in self.rows],
            raws=[row.payload for row in self.rows],
            forms=bytearray([OTHER]) * count,
            numbers=array("I", range(1, count + 1)),
            starts=array("I", bytes(4 * count)),
            lines=count,
        )


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{path}: {why(error)}") from None


def _pread(handle: int, size: int, offset: int, path: str) -> bytes:
    try:
        return os.pread(handle, size, offset)
    except OSError as error:
        raise InputError(f"{path}: {why(error)}") from None


def _read(handle: int, size: int, offset: int, path: str) -> bytes:
    data = _pread(handle, size, offset, path)
    if len(data) != size:
        raise InputError(f"{path}: changed while it was being read")
    return data
