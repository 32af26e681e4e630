"""Lines to files and pipes: all or nothing where that is possible, never over a device."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import os
import re
import stat
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from synthgate.errors import OutputError
from synthgate.jsonl.raw import CHUNK, Hashing, shown, why
from synthgate.manifest import Stream

_BUFFER = 1 << 16
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)$")
_STANDARD = {"/dev/stdin": 0, "-": 1, "/dev/stdout": 1, "/dev/stderr": 2}


class Sink:
    """One output. `write` takes a line without its end; `commit` makes the output visible."""

    def __init__(
        self, path: str, hashing: Hashing | None, commit: _Commit, whole: bool = False
    ) -> None:
        self.path, self.rows = path, 0
        self._hashing, self._commit, self._complete = hashing, commit, False
        bare = path.removesuffix(".gz").removesuffix(".zst")
        size = CHUNK if isinstance(commit, _Rename) else _BUFFER
        self._array = bare.endswith(".json") and not whole
        self._below: Any = io.BytesIO() if hashing is None else io.BufferedWriter(hashing, size)
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

    def write_lines(self, lines: bytes, rows: int) -> None:
        """Write many lines at once, each of them with its end."""
        if self._array:
            for line in lines.split(b"\n")[:-1]:
                self.write(line)
            return
        try:
            self._write(lines)
        except OSError as error:
            raise self._failed(error) from None
        self.rows += rows

    @property
    def replaces(self) -> bool:
        """Whether this is a file that appears under its name only when it is complete."""
        return isinstance(self._commit, _Rename)

    def complete(self) -> None:
        """Write all that there is, as far as the disk; nothing becomes visible."""
        if self._complete:
            return
        try:
            if self._array:
                self._write(b"\n]\n" if self.rows else b"[]\n")
            if self._stream is not self._below:
                self._stream.close()
            self._below.flush()
            self._commit.sync()
        except OSError as error:
            raise self._failed(error) from None
        self._complete = True

    def commit(self, role: str = "") -> Stream:
        """Complete the output, make it visible and return what was written."""
        self.complete()
        try:
            self._commit.finish()
        except OSError as error:
            raise self._failed(error) from None
        return self.stream(role)

    def stream(self, role: str = "") -> Stream:
        """Return what was written to a complete output."""
        digest = self._hashing.hexdigest() if self._hashing else ""
        return Stream(shown(self.path), digest, self.rows, role)

    def streams(self, role: str = "") -> list[Stream]:
        """Return what was written to each file of a complete output: here there is one."""
        return [self.stream(role)]

    def close(self) -> None:
        """Let go of the open file of a complete output, which can still be made visible."""
        if self._hashing is not None:
            self._hashing.close()

    def retract(self) -> None:
        """Remove the file that stands under this name: what it says is no longer shown."""
        self._commit.retract()

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

    def sync(self) -> None:
        """Wait until what was written is on the disk."""

    def finish(self) -> None:
        """Make the output visible."""
        if self.raw is not None:
            self.raw.close()

    def undo(self) -> None:
        """Leave things as they were."""

    def retract(self) -> None:
        """Remove what this output would have replaced; a device or a pipe stays."""


class _Rename(_Commit):
    """A temporary file beside its target, renamed over it on success.

    The file is removed with this object, whose life begins first: a signal may come at any moment.
    """

    raw: io.FileIO

    def __init__(self, path: str, *, fresh: bool) -> None:
        super().__init__()
        self.target, self._fresh = os.path.realpath(path), fresh
        folder, name = os.path.split(self.target)
        self.temporary = os.path.join(folder, f".{name[:40]}.{os.urandom(4).hex()}.tmp")
        self._remove = weakref.finalize(self, _unlink, self.temporary)
        mode = stat.S_IMODE(os.stat(self.target).st_mode) if os.path.exists(self.target) else None
        self.raw = io.FileIO(self.temporary, "xb", opener=_opener(mode))
        if mode is not None:
            os.fchmod(self.raw.fileno(), mode)

    def sync(self) -> None:
        if self._fresh and os.path.lexists(self.target):
            raise FileExistsError(errno.EEXIST, "it was made meanwhile; --force replaces it")
        os.fsync(self.raw.fileno())

    def finish(self) -> None:
        os.replace(self.temporary, self.target)
        self._remove.detach()
        folder = os.open(os.path.dirname(self.target), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.raw.close()

    def retract(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.target)

    def undo(self) -> None:
        self._remove()


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _opener(mode: int | None) -> Callable[[str, int], int]:
    """Return how a file is made: for everybody the umask allows, or private until it has a mode."""
    return lambda path, flags: os.open(path, flags, 0o666 if mode is None else 0o600)


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
    if not path:
        raise OutputError("an output has an empty name")
    for other in apart:
        if _same(path, other):
            raise OutputError(f"{path}: is also {other}: an output must be a file of its own")
    if dry:
        return Sink(path, None, _Commit())
    if (descriptor := _descriptor(path)) is not None:
        return Sink(path, Hashing(_inherited(descriptor)), _Commit())
    if os.path.isdir(path):
        raise OutputError(f"{path}: is a directory")
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raw = io.FileIO(os.open(path, os.O_WRONLY), "wb")
        return Sink(path, Hashing(raw), _Commit(raw))
    if os.path.exists(path) and not force:
        raise OutputError(f"{path}: exists; --force replaces it")
    rename = _Rename(path, fresh=not force)
    return Sink(path, Hashing(rename.raw), rename, whole)


def _inherited(descriptor: int) -> io.FileIO:
    """Return a descriptor that the caller gave us; one of our own files is not meant by it."""
    if descriptor > 2 and not os.get_inheritable(descriptor):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return io.FileIO(descriptor, "wb", closefd=False)


def _same(path: str, other: str) -> bool:
    """Tell whether two names are one file or stream; a device may be named more than once."""
    first, second = _descriptor(path), _descriptor(other)
    if first is not None and first == second:
        return True
    try:
        found, known = (
            os.stat(name) if number is None else os.fstat(number)
            for name, number in ((path, first), (other, second))
        )
    except OSError:
        return first is second is None and os.path.realpath(path) == os.path.realpath(other)
    kept = stat.S_ISREG(found.st_mode) or (first is second is None and stat.S_ISFIFO(found.st_mode))
    return kept and os.path.samestat(found, known)


def _descriptor(path: str) -> int | None:
    """Return the open descriptor that a path stands for: `-` (1), `/dev/stdin`, `/dev/fd/3`."""
    if path in _STANDARD:
        return _STANDARD[path]
    found = _DESCRIPTOR.match(path)
    return int(found[1]) if found else None


def _compressed(path: str, raw: Any) -> Any:
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
