"""A file that is only ever appended to: whole durable lines, one writer at a time.

A line is on disk when `append` returns, or, where that is not asked for, with the operating system:
no death of the process can lose it then. What a killed process left torn is closed with a line end
before the next line is added, so that it damages nothing but itself.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from synthgate.errors import InputError, OutputError
from synthgate.jsonl.locking import lock
from synthgate.jsonl.raw import CHUNK, why

_LONGEST = 1 << 28  # bytes; only damage makes a line longer, and that must not fill the memory
_BLOCK = 1 << 16
_sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class Log:
    """An open append-only file; lines are known by the offset at which they begin."""

    def __init__(self, path: str, handle: int) -> None:
        self.path = path
        self._handle = handle
        self._end = os.fstat(handle).st_size

    def close_torn_tail(self) -> None:
        """End a last line that a killed process left without its end."""
        if self._end and os.pread(self._handle, 1, self._end - 1) != b"\n":
            self.append(b"")

    def cut_torn_tail(self) -> None:
        """Take off a last line that a killed process left without its end."""
        keep = self._end
        while keep and (block := os.pread(self._handle, min(keep, _BLOCK), max(0, keep - _BLOCK))):
            if (at := block.rfind(b"\n")) >= 0:
                keep += at + 1 - len(block)
                break
            keep -= len(block)
        if keep != self._end:
            os.ftruncate(self._handle, keep)
            self._end = keep

    def foreign(self, ours: Callable[[bytes], bool]) -> bool:
        """Tell whether this is another kind of file: whole lines, and not one of them ours."""
        count = 0
        for count, (_, line) in enumerate(self.lines(), 1):  # noqa: B007 - how many is asked below
            if ours(line):
                return False
        return count > 1 or (count == 1 and os.pread(self._handle, 1, self._end - 1) == b"\n")

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, line) of every line that is not blank, one line in memory at a time."""
        raw = io.FileIO(self._handle, "rb", closefd=False)
        raw.seek(0)
        reader, offset = io.BufferedReader(raw, CHUNK), 0
        while line := reader.readline(_LONGEST):
            if stripped := line.strip():
                yield offset, stripped
            offset += len(line)

    def at(self, offset: int) -> bytes:
        """Return the line that begins at an offset."""
        blocks: list[bytes] = []
        while not blocks or b"\n" not in blocks[-1]:
            block = os.pread(self._handle, _BLOCK, offset)
            if not block:
                break
            blocks.append(block)
            offset += len(block)
        return b"".join(blocks).partition(b"\n")[0].strip()

    def append(self, line: bytes, *, durable: bool = True) -> int:
        """Return the offset of a line that was added, or raise `OutputError`.

        It is on disk, unless `durable` is false: that is 100 times as fast, and a line is lost only
        where the machine dies with the process.
        """
        return self.append_all([line], durable=durable)[0]

    def append_all(self, lines: Sequence[bytes], *, durable: bool = True) -> list[int]:
        """Return the offsets of lines that were added by one write, or raise `OutputError`."""
        offsets = list(accumulate((len(line) + 1 for line in lines), initial=self._end))[:-1]
        data = b"".join(line + b"\n" for line in lines)
        try:
            written = os.write(self._handle, data)
            self._end += written
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                _sync(self._handle)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {why(error)}") from None
        return offsets

    def sync(self) -> None:
        """Put on disk what was appended without being durable."""
        _sync(self._handle)


@contextlib.contextmanager
def open_log(
    path: str, *, write: bool, cut: bool = False, ours: Callable[[bytes], bool] | None = None
) -> Iterator[Log]:
    """Open a log for the time of a `with` block, made if it is not there and `write` is asked.

    A torn last line is ended with a line end, or taken off where `cut` is asked. `ours` knows the
    log's own lines: nothing is added to a file that has others only, such as somebody's rows.

    The lock is the kernel's: exclusive for a writer, shared among readers. Raises `OutputError`
    or `InputError` where it cannot be opened, `Locked` while another run writes it.
    """
    failure = OutputError if write else InputError
    try:
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            raise failure(f"{path}: must be a regular file")
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT if write else os.O_RDONLY
        handle = os.open(path, flags | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise failure(f"{path}: cannot be {'written' if write else 'read'}: {why(error)}") from None
    try:
        lock(handle, path, shared=not write)
        log = Log(path, handle)
        if write and ours and log.foreign(ours):
            raise OutputError(f"{path}: holds something else: lines are added to a file of its own")
        if write:
            log.cut_torn_tail() if cut else log.close_torn_tail()
            _sync_folder(path)
        yield log
    finally:
        os.close(handle)


def _sync_folder(path: str) -> None:
    """Make the name of a new file durable: lines of a file that nobody can find are lost too."""
    folder = os.open(os.path.dirname(os.path.realpath(path)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
