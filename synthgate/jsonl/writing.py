"""Lines to files and pipes: all or nothing where that is possible, never over a device."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import io
import os
import re
import stat
import tempfile
from array import array
from collections.abc import Iterator
from typing import IO, Any

from synthgate.errors import Locked, OutputError
from synthgate.jsonl.raw import Hashing, why
from synthgate.manifest import Stream

_BUFFER = 1 << 16
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)$")
_STANDARD = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}


class Sink:
    """One output. `write` takes a line without its end; `commit` makes the output visible."""

    def __init__(
        self, path: str, hashing: Hashing | None, commit: _Commit, whole: bool = False
    ) -> None:
        self.path, self.rows = path, 0
        self._hashing, self._commit = hashing, commit
        bare = path.removesuffix(".gz").removesuffix(".zst")
        self._array = bare.endswith(".json") and not whole
        self._below: Any = io.BytesIO() if hashing is None else io.BufferedWriter(hashing, _BUFFER)
        self._stream: Any = self._below if hashing is None else _compressed(path, self._below)
        self._write: Any = len if hashing is None else self._stream.write

    def write(self, line: bytes) -> None:
        """Write one line."""
        try:
            if self._array:
                self._write(b",\n" if self.rows else b"[\n")
                self._write(line)
            else:
                self._write(line + b"\n")
        except OSError as error:
            raise self._failed(error) from None
        self.rows += 1

    def commit(self, role: str = "") -> Stream:
        """Flush, make the output visible and return what was written."""
        try:
            if self._array:
                self._write(b"\n]\n" if self.rows else b"[]\n")
            if self._stream is not self._below:
                self._stream.close()
            self._below.flush()
            self._commit.finish()
        except OSError as error:
            raise self._failed(error) from None
        digest = self._hashing.hexdigest() if self._hashing else ""
        return Stream(self.path, digest, self.rows, role)

    def _failed(self, error: OSError) -> Exception:
        """Return the error that names the user's path; a closed pipe stays what it is."""
        if isinstance(error, BrokenPipeError):
            return error
        return OutputError(f"{self.path}: cannot be written: {why(error)}")

    def abort(self) -> None:
        """Drop what is not yet written and remove the temporary file."""
        if self._hashing is not None:
            self._hashing.dead = True
            with contextlib.suppress(OSError, ValueError):
                self._stream.close()
        self._commit.undo()


class _Commit:
    """What makes an output visible. Here: nothing, for a stream that already is."""

    def __init__(self, raw: io.FileIO | None = None) -> None:
        self.raw = raw

    def finish(self) -> None:
        """Make the output visible."""
        if self.raw is not None:
            self.raw.close()

    def undo(self) -> None:
        """Leave things as they were."""


class _Rename(_Commit):
    """A temporary file beside its target, renamed over it on success."""

    def __init__(self, raw: io.FileIO, temporary: str, target: str) -> None:
        super().__init__()
        self.raw: io.FileIO = raw
        self.temporary, self.target, self.done = temporary, target, False

    def finish(self) -> None:
        os.fsync(self.raw.fileno())
        os.replace(self.temporary, self.target)
        self.done = True
        folder = os.open(os.path.dirname(self.target), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.raw.close()

    def undo(self) -> None:
        if not self.done:
            with contextlib.suppress(OSError):
                os.unlink(self.temporary)


@contextlib.contextmanager
def open_sink(
    path: str,
    *,
    force: bool = False,
    dry: bool = False,
    apart: tuple[str, ...] = (),
    whole: bool = False,
) -> Iterator[Sink]:
    """Open an output for the time of a `with` block; it is removed unless `commit` was called.

    `apart` names the inputs and other outputs that it must not be; `whole` says that a `.json`
    is one document and not an array of rows. Raises `OutputError` when the output exists
    (without `force`), is one of those, or cannot be written.
    """
    try:
        sink = _open(path, force, dry, apart, whole)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {why(error)}") from None
    try:
        yield sink
    finally:
        sink.abort()


def _open(path: str, force: bool, dry: bool, apart: tuple[str, ...], whole: bool) -> Sink:
    descriptor = _descriptor(path)
    if dry:
        return Sink(path, None, _Commit())
    if descriptor is not None:
        raw = io.FileIO(descriptor, "wb", closefd=False)
        return Sink(path, Hashing(raw), _Commit())
    for other in apart:
        if other != "-" and _same(path, other):
            raise OutputError(f"{path}: is also {other}: an output must be a file of its own")
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a directory")
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raw = io.FileIO(os.open(path, os.O_WRONLY), "wb")
        return Sink(path, Hashing(raw), _Commit(raw))
    if os.path.exists(path) and not force:
        raise OutputError(f"{path}: exists; --force replaces it")
    return _temporary(path, whole)


def _temporary(path: str, whole: bool) -> Sink:
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(prefix=f".{name[:100]}.", suffix=".tmp", dir=folder)
    raw = io.FileIO(handle, "wb")
    os.fchmod(handle, _mode(target))
    return Sink(path, Hashing(raw), _Rename(raw, temporary, target), whole)


def _mode(target: str) -> int:
    """Return the mode of the file that is replaced, or what a new file would get."""
    if os.path.exists(target):
        return stat.S_IMODE(os.stat(target).st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _same(path: str, other: str) -> bool:
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    return os.path.exists(path) and os.path.exists(other) and os.path.samefile(path, other)


def _descriptor(path: str) -> int | None:
    """Return the open descriptor that a path stands for: `-`, `/dev/stdout`, `/dev/fd/3`."""
    if path in _STANDARD:
        return _STANDARD[path]
    found = _DESCRIPTOR.match(path)
    return int(found[1]) if found else None


def _compressed(path: str, raw: io.BufferedWriter) -> Any:
    if path.endswith(".gz"):
        # No name and no time inside, so that the same rows give the same bytes.
        return gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0)
    if path.endswith(".zst"):
        from backports import zstd

        return zstd.ZstdFile(raw, "wb")
    return raw


def write_file(path: str, data: bytes, *, force: bool, apart: tuple[str, ...] = ()) -> Stream:
    """Write a small file whole or not at all: a manifest, a plan, a certificate."""
    with open_sink(path, force=force, apart=apart, whole=True) as sink:
        sink.write(data.removesuffix(b"\n"))
        return sink.commit()


class Shelf:
    """Lines put aside in a temporary file and taken back in any order: 16 bytes a line held."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def put(self, line: bytes) -> int:
        """Put a line aside and return its number."""
        self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))
        return len(self._ends) - 2

    def take(self, number: int) -> bytes:
        """Return the line of that number."""
        start, end = self._ends[number], self._ends[number + 1]
        self._file.seek(start)
        return self._file.read(end - start)


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold a lock file for the time of a `with` block; `Locked` if another run holds it.

    The lock is the kernel's, not the file's existence: it goes with the process, however it ends.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {why(error)}") from None
    try:
        _lock(handle, path)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, path: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Locked(f"{path}: another run holds the lock") from None
