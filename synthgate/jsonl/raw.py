"""Raw files that hash what passes through them, and the words for what went wrong."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from synthgate.errors import OutputError

CHUNK = 1 << 20


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
        self._sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return bool(self.raw.readable())

    def writable(self) -> bool:
        return bool(self.raw.writable())

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self.raw.readinto(buffer)
        block = memoryview(buffer)[: count or 0]
        self.ended = count == 0
        self._sha256.update(block)
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
        self._sha256.update(memoryview(data)[: count or 0])
        return count

    def hexdigest(self) -> str:
        """Return the SHA-256 of what has passed so far."""
        return self._sha256.hexdigest()

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.raw.close()


def why(error: OSError) -> str:
    """Return what an operating system error says, in lower case and without its number."""
    return (error.strerror or str(error)).lower()


def shown(path: str) -> str:
    """Return a path as rows and records name it: valid UTF-8, whatever bytes the name holds."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
