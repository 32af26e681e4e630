"""One output in several files of so many rows: `out-00000.jsonl`, `out-00001.jsonl`, ...

All of them are complete on the disk before the first appears under its name. Memory: some 500 bytes
a shard; one file is open at a time.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator

from synthgate.errors import OutputError, UsageError
from synthgate.jsonl.raw import why
from synthgate.jsonl.writing import Sink, open_sink
from synthgate.manifest import Stream

MOST = 100_000
"""Shards of one output: as many as five digits can count."""


class Shards:
    """What a `Sink` is, over files of `rows_each` rows; an output without rows is an empty one."""

    replaces = True

    def __init__(
        self, path: str, rows_each: int, *, force: bool, dry: bool, apart: tuple[str, ...]
    ) -> None:
        self.path, self.rows = path, 0
        self._rows_each, self._force, self._dry, self._apart = rows_each, force, dry, apart
        self._stack = contextlib.ExitStack()
        self._shards: list[Sink] = []
        self._old = _standing(path, apart, force=force or dry)
        self._begin()

    def _begin(self) -> None:
        number = len(self._shards)
        if number == MOST:
            raise UsageError(f"more than {MOST:,} shards: choose a larger --shard-rows")
        if number:
            self._shards[-1].complete()
            self._shards[-1].close()
        sink = open_sink(
            named(self.path, number), force=self._force, dry=self._dry, apart=self._apart
        )
        self._shards.append(self._stack.enter_context(sink))

    def write(self, line: bytes) -> None:
        """Write one line."""
        if self.rows and self.rows % self._rows_each == 0:
            self._begin()
        self._shards[-1].write(line)
        self.rows += 1

    def write_lines(self, lines: bytes, _rows: int) -> None:
        """Write many lines, each of them with its end."""
        for line in lines.split(b"\n")[:-1]:
            self.write(line)

    def complete(self) -> None:
        """Write all that there is, as far as the disk; nothing becomes visible."""
        self._shards[-1].complete()

    def commit(self) -> None:
        """Make all files visible; those of an earlier output that had more of them go."""
        self.complete()
        done = 0
        try:
            for shard in self._shards:
                shard.commit()
                done += 1
        except BaseException:  # a signal, too: part of the files is not an output
            for shard in self._shards[:done]:
                shard.retract()
            raise
        ours = {os.path.basename(shard.path) for shard in self._shards}
        for path in self._old if not self._dry else ():
            if os.path.basename(path) not in ours:
                _remove(path)

    def streams(self, role: str = "") -> list[Stream]:
        """Return what was written to each file of a complete output."""
        return [shard.stream(role) for shard in self._shards]

    def retract(self) -> None:
        """Remove what stands under these names."""
        for path in self._old:
            _remove(path)

    def abort(self) -> None:
        """Drop what is not yet visible."""
        self._stack.close()


def named(path: str, number: int) -> str:
    """Return the name of a shard: its number stands before the extensions."""
    stem, extension = _parts(path)
    return f"{stem}-{number:05d}{extension}"


def _parts(path: str) -> tuple[str, str]:
    bare = path.removesuffix(".gz").removesuffix(".zst")
    stem, extension = os.path.splitext(bare)
    return stem, extension + path[len(bare) :]


def _standing(path: str, apart: tuple[str, ...], *, force: bool) -> list[str]:
    """Return the shards that stand under these names, in their order; refuse to take others'."""
    stem, extension = _parts(path)
    folder, name = os.path.split(stem)
    if not name or os.path.isdir(path) or _is_special(path):
        raise OutputError(f"{path}: --shard-rows needs the name of a file, such as out.jsonl")
    ours = re.compile(re.escape(name) + r"-\d{5}" + re.escape(extension))
    place = os.path.realpath(folder or ".")
    for other in apart:
        at, their = os.path.split(os.path.realpath(other))
        if at == place and ours.fullmatch(their):
            raise OutputError(f"{path}: {other} would be one of its shards: choose another name")
    try:
        found = sorted(each for each in os.listdir(place) if ours.fullmatch(each))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {why(error)}") from None
    if found and not force:
        raise OutputError(f"{os.path.join(folder, found[0])}: exists; --force replaces it")
    return [os.path.join(folder, each) for each in found]


def _is_special(path: str) -> bool:
    """Tell whether a path is stdout, a device or a pipe, which cannot be cut into files."""
    known = path in ("-", "") or path.startswith(("/dev/fd/", "/proc/self/fd/"))
    return known or (os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode))


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@contextlib.contextmanager
def open_shards(
    path: str,
    rows_each: int,
    *,
    force: bool = False,
    dry: bool = False,
    apart: tuple[str, ...] = (),
) -> Iterator[Shards]:
    """Open an output in shards for the time of a `with` block, as `open_sink` opens one file.

    Shards of an earlier output under the same name are refused without `force`, and replaced as a
    whole with it: what it had more than the new one is removed.
    """
    shards = Shards(path, rows_each, force=force, dry=dry, apart=apart)
    try:
        yield shards
    finally:
        shards.abort()
