"""Rows from files, globs and stdin, as one stream that can be read again.

Memory is one line, whatever the size of the input, and 8 bytes a row where rows are to be read
again; a `.json` array is the exception, it has no lines and is held whole.
"""

from __future__ import annotations

import bisect
import contextlib
import glob
import gzip
import io
import os
import re
import stat
import tempfile
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any

from synthgate.errors import BadLine, InputError
from synthgate.jsonl.lines import numbered
from synthgate.jsonl.places import Places
from synthgate.jsonl.raw import CHUNK, Hashing, shown, why
from synthgate.manifest import Stream
from synthgate.provenance import Stamper, read
from synthgate.rows import Row

MAX_LINE = 16 * 1024 * 1024
_ROWS = re.compile(
    r"(?!\.)(?!.*\.manifest\.json$).+\.(?:jsonl|ndjson|json)(?:\.gz|\.zst)?$", re.DOTALL
)
BadLineSink = Callable[[str, int, bytes, BadLine], None]


def expand(patterns: Sequence[str]) -> list[str]:
    """Return the input files that the arguments name: files, folders, globs, `-`; stdin for none.

    Of a folder these are its `.jsonl`, `.ndjson` and `.json` files, compressed or not, those of
    the folders in it included, in the order of their names; hidden ones and manifests are not.
    """
    found: list[str] = []
    for pattern in patterns or ["-"]:
        if not pattern:
            raise InputError("an input has an empty name")
        if pattern != "-" and os.path.isdir(pattern):
            found += _inside(pattern)
        elif pattern == "-" or os.path.lexists(pattern) or not glob.has_magic(pattern):
            found.append(pattern)
        else:
            found += _matching(pattern)
    return found


def _matching(pattern: str) -> Iterator[str]:
    """Yield the files that a glob names, those inside of folders that it names included."""
    matched = sorted(glob.glob(pattern, recursive=True))
    if "**" in pattern.split("/"):  # a folder comes with all that is in it
        matched = [path for path in matched if not os.path.isdir(path)]
    if not matched:
        raise InputError(f"{pattern}: no file matches")
    for path in matched:
        yield from _inside(path) if os.path.isdir(path) else [path]


def _inside(folder: str) -> list[str]:
    found = []
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [os.path.join(at, name) for name in names if _ROWS.match(name)]
        found += [path for path in paths if os.path.isfile(path) or not os.path.exists(path)]
    if not found:
        raise InputError(f"{folder}: is a directory without .jsonl files")
    return sorted(found, key=lambda path: path.split(os.sep))


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
        self.places: list[Places] = []  # of the inputs so far, with `again`
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

    @property
    def seekable(self) -> bool:
        """Whether `only` takes the time of the rows that it yields, and not of all."""
        return all(place.seekable for place in self.places)

    def only(self, numbers: Iterable[int]) -> Iterator[Row]:
        """Yield some rows again, by their number from 0 in the order of the first pass, ascending.

        Only with `again`, and after the first pass. The rows have no line number.
        """
        wanted = list(numbers)
        start, at = 0, 0
        for path, places in zip(self.paths, self.places, strict=False):
            stop = bisect.bisect_left(wanted, start + len(places), lo=at)
            inside = [number - start for number in wanted[at:stop]]
            if inside:
                yield from self._only(path, places, inside)
            start, at = start + len(places), stop

    def handle(self, number: int) -> int:
        """Return an open descriptor of an input that lies in a file, or was kept in one."""
        path = self.paths[number]
        spool = self._spools.get(path)
        if spool is None:
            with open_raw(path) as file:
                return os.dup(file.fileno())
        spool.flush()
        return os.dup(spool.fileno())

    def _only(self, path: str, places: Places, wanted: list[int]) -> Iterator[Row]:
        name = shown(path)
        with contextlib.ExitStack() as stack:
            if places.seekable:
                file: IO[bytes] | io.FileIO | None = self._spools.get(path)
                if file is None:
                    file = stack.enter_context(open_raw(path))
                file.flush()
                lines = places.lines(file.fileno(), wanted, self.max_line + 2)
            else:
                _, stream = self.opened(stack, path, False)
                lines = places.sift(guarded(path, numbered(path, stream, self.max_line)), wanted)
            for line in lines:
                try:
                    yield read(line, name, 0, self.stamp)
                except BadLine:
                    raise InputError(f"{path}: changed while it was being read") from None

    def _rows(self, number: int, path: str, left: int, first: bool) -> Iterator[Row]:
        """Yield the rows of one input; bad lines count for the limit that is `left`, too."""
        count, name = 0, shown(path)
        plain = not path.endswith((".gz", ".zst", ".json"))
        places = Places(seekable=plain or not self.again)
        if first and self.again:
            self.places.append(places)
        with contextlib.ExitStack() as stack:
            hashing, stream = self.opened(stack, path, first)
            stamp = self.stamp
            note = places.note if first and self.again else None
            for line, raw in guarded(path, numbered(path, stream, self.max_line, note)):
                if self.limit and count == left:
                    break
                count += 1
                try:
                    if isinstance(raw, BadLine):
                        raise raw
                    row = read(raw, name, line, stamp)
                except BadLine as error:
                    if first:
                        places.drop()
                        self._refused(name, line, raw, error)
                    continue
                if first:
                    places.keep()
                    self.rows += 1
                    self.edited += row.edited
                yield row
            digest = hashing.hexdigest() if hashing.ended else ""
        if first:
            self.streams.append(Stream(name, digest, count, self.role))
        elif digest != self.streams[number].sha256:
            raise InputError(f"{path}: changed while it was being read")

    def _refused(self, path: str, line: int, raw: bytes | BadLine, error: BadLine) -> None:
        self.bad += 1
        self.on_bad(path, line, b"" if isinstance(raw, BadLine) else raw, error)

    def opened(
        self, stack: contextlib.ExitStack, path: str, first: bool
    ) -> tuple[Hashing, IO[bytes]]:
        """Return (what hashes the stored bytes, the decompressed stream) of one input."""
        copy = None
        raw: Any
        if not first and path in self._spools:
            self._spools[path].seek(0)
            raw = io.FileIO(self._spools[path].fileno(), "rb", closefd=False)
        else:
            raw = stack.enter_context(open_raw(path))
            if self.again and not is_regular(path):
                copy = self._spools[path] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as we
                weakref.finalize(self, copy.close)
        hashing = Hashing(raw, copy)
        buffered = stack.enter_context(io.BufferedReader(hashing, CHUNK))
        return hashing, stack.enter_context(decompressed(path, buffered))


def _refuse(path: str, paths: list[str]) -> None:
    """Refuse an input that cannot be read, before anything is written or paid for."""
    if path == "-":
        if paths.count("-") > 1:
            raise InputError("-: stdin can be read only once")
    elif is_regular(path) or not os.path.exists(path):
        open_raw(path).close()


def is_regular(path: str) -> bool:
    """Tell whether a path is a plain file, which can be read twice."""
    return path != "-" and os.path.exists(path) and stat.S_ISREG(os.stat(path).st_mode)


def open_raw(path: str) -> io.FileIO:
    """Open an input, `-` for stdin, or raise `InputError`."""
    try:
        return io.FileIO(0, "rb", closefd=False) if path == "-" else io.FileIO(path, "rb")
    except OSError as error:
        raise InputError(f"{path}: {why(error)}") from None


def decompressed(path: str, raw: Any) -> Any:
    """Return a stream of what an input says, packed or not."""
    if path.endswith(".gz"):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"), CHUNK)
    if path.endswith(".zst"):
        from backports import zstd

        return io.BufferedReader(zstd.ZstdFile(raw, "rb"), CHUNK)
    return raw


def guarded(
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
