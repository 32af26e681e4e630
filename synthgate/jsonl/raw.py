"""Raw files that hash what passes through them, and the words for what went wrong."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from queue import SimpleQueue
from typing import Any

from synthgate.errors import InputError, OutputError

CHUNK = 1 << 20
_LARGE = CHUNK // 2  # what a full buffer hands on is a little less than the buffer
_AHEAD = 4  # blocks that wait to be hashed


class _Digest:
    """SHA-256 of blocks, in a thread of its own once they are large.

    Hashing gives the interpreter's lock away, so on two cores it costs next to no time. A signal
    may interrupt any line of this: then a block too few is waited for, never one too many.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._blocks: SimpleQueue[bytes] | None = None
        self._done: SimpleQueue[None] = SimpleQueue()
        self._waiting = 0

    def update(self, block: memoryview) -> None:
        """Add a block, which may change as soon as this returns."""
        if self._blocks is None and len(block) < _LARGE:
            self._sha256.update(block)
            return
        if self._blocks is None:
            self._blocks = SimpleQueue()
            threading.Thread(target=self._work, args=(self._blocks,), daemon=True).start()
        if self._waiting == _AHEAD:
            self._wait()
        self._blocks.put(bytes(block))
        self._waiting += 1

    def _wait(self) -> None:
        self._waiting -= 1
        self._done.get()

    def _work(self, blocks: SimpleQueue[bytes]) -> None:
        while block := blocks.get():
            self._sha256.update(block)
            self._done.put(None)

    def hexdigest(self) -> str:
        """Return the digest of all blocks so far."""
        while self._waiting:
            self._wait()
        return self._sha256.hexdigest()

    def close(self) -> None:
        """Let the thread end."""
        if self._blocks is not None:
            self._blocks.put(b"")


class FileDigest:
    """SHA-256 of a plain file as it is now, taken in a thread while others read it.

    `handle` is the descriptor of a file without a name. Raises `InputError`.
    """

    def __init__(self, path: str, handle: int = -1) -> None:
        self._path = path
        try:
            self._handle = os.dup(handle) if handle >= 0 else os.open(path, os.O_RDONLY)
            self.size = os.fstat(self._handle).st_size
        except OSError as error:
            raise InputError(f"{path}: {why(error)}") from None
        self._found: str | OSError | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        sha256, at = hashlib.sha256(), 0
        try:
            while at < self.size and (
                block := os.pread(self._handle, min(CHUNK, self.size - at), at)
            ):
                sha256.update(block)
                at += len(block)
            self._found = sha256.hexdigest()
        except OSError as error:
            self._found = error
        finally:
            os.close(self._handle)

    def hexdigest(self) -> str:
        """Return the digest, once it is known."""
        self._thread.join()
        if isinstance(self._found, str):
            return self._found
        raise InputError(f"{self._path}: {why(self._found or OSError('not read'))}")


class Hashing(io.RawIOBase):
    """A raw file that hashes what passes through it, in large blocks.

    With a `copy` what is read is also written there; once `dead`, writes are swallowed, so that
    a buffer above can be dropped without reaching the file.
    """

    def __init__(self, raw: Any, copy: Any = None) -> None:
        super().__init__()
        self.raw = raw
        self.copy = copy
        self.dead = False
        self.ended = False
        self._digest = _Digest()

    def readable(self) -> bool:
        return bool(self.raw.readable())

    def writable(self) -> bool:
        return bool(self.raw.writable())

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self.raw.readinto(buffer)
        block = memoryview(buffer)[: count or 0]
        self.ended = count == 0
        if count:
            self._digest.update(block)
        if self.copy is not None:
            self._keep(block)
        return count

    def _keep(self, block: memoryview) -> None:
        try:
            self.copy.write(block)
        except OSError as error:
            raise OutputError(f"no room for a copy of the input: {why(error)}") from None

    def write(self, data: Any) -> int | None:
        if self.dead:
            return len(data)
        count: int | None = self.raw.write(data)
        if count:
            self._digest.update(memoryview(data)[:count])
        return count

    def hexdigest(self) -> str:
        """Return the SHA-256 of what has passed so far."""
        return self._digest.hexdigest()

    def close(self) -> None:
        if not self.closed:
            self._digest.close()
            super().close()
            self.raw.close()


def why(error: OSError) -> str:
    """Return what an operating system error says, in lower case and without its number."""
    return (error.strerror or str(error)).lower()


def shown(path: str) -> str:
    """Return a path as rows and records name it: valid UTF-8, whatever bytes the name holds."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
