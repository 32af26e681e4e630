"""Files that one run at a time may write."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from synthgate.errors import Locked, OutputError
from synthgate.jsonl.raw import why


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
        lock(handle, path)
        yield
    finally:
        os.close(handle)


def lock(handle: int, path: str, *, shared: bool = False) -> None:
    """Lock an open file until it is closed, or raise `Locked`; shared locks bear each other."""
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Locked(f"{path}: another run holds the lock") from None
