"""The streams of one program: what goes in, and a bounded part of what comes out."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress

LOOK = 0.05  # seconds between two looks at a program that says nothing
TAIL = 2000  # bytes of stderr that are kept
_BLOCK = 1 << 16


class Streams:
    """A pipe into a program and two out of it: stderr, of which the end is kept, and another.

    `theirs` are the program's ends: of its input, of `out` and of stderr. `out` holds at most
    `most` bytes and one block.
    """

    def __init__(self, most: int) -> None:
        pairs = [os.pipe(), os.pipe(), os.pipe()]
        self._in, self._out, self._err = pairs[0][1], pairs[1][0], pairs[2][0]
        self.theirs = [pairs[0][0], pairs[1][1], pairs[2][1]]
        self._open = {handle for pair in pairs for handle in pair}
        self.out, self.stderr, self._most = bytearray(), bytearray(), most

    def __enter__(self) -> Streams:
        return self

    def __exit__(self, *_error: object) -> None:
        for handle in list(self._open):
            self._close(handle)

    def _close(self, handle: int) -> None:
        if handle in self._open:
            self._open.remove(handle)
            os.close(handle)

    def passed(self) -> None:
        """Close what the program holds now."""
        for handle in self.theirs:
            self._close(handle)

    def pump(
        self,
        data: bytes,
        seconds: float,
        over: Callable[[], str | None],
        wake: socket.socket | None = None,
    ) -> str:
        """Move bytes until the program is over; return why it must be killed, else "".

        `over` tells: "" when it has ended, a reason to kill it, or None while it may go on; it is
        asked whenever something moves, `wake` becomes readable, or a moment has passed. The end
        of a stream is never waited for: something else may hold it open.
        """
        until, left = time.monotonic() + seconds, memoryview(data)
        with selectors.DefaultSelector() as watched:
            for handle in (self._in, self._out, self._err):
                os.set_blocking(handle, False)
            watched.register(self._in, selectors.EVENT_WRITE)
            for source in (self._out, self._err, *([wake.fileno()] if wake else [])):
                watched.register(source, selectors.EVENT_READ)
            while True:
                wait = min(LOOK, until - time.monotonic())
                if wait <= 0:
                    return "timeout"
                for key, _ in watched.select(wait):
                    if key.fd == self._in:
                        left = self._write(left)
                    if key.fd in self._open and not self._goes_on(key.fd, left):
                        watched.unregister(key.fd)
                        self._close(key.fd)
                if len(self.out) > self._most:
                    return "too much output"
                why = over()
                if why is not None:
                    self._drain()
                    return why or ("too much output" if len(self.out) > self._most else "")

    def _goes_on(self, handle: int, left: memoryview) -> bool:
        """Tell whether a stream may still move bytes, after it moved some."""
        return len(left) > 0 if handle == self._in else self._read(handle)

    def _write(self, left: memoryview) -> memoryview:
        try:
            return left[os.write(self._in, left[:_BLOCK]) :] if left else left
        except BlockingIOError:
            return left
        except OSError:  # it does not read its input, which is no fault
            return left[:0]

    def _read(self, handle: int) -> bool:
        try:
            data = os.read(handle, _BLOCK)
        except BlockingIOError:
            return True
        (self.out if handle == self._out else self.stderr).extend(data)
        del self.stderr[:-TAIL]
        return bool(data)

    def _drain(self) -> None:
        """Read what is still in the pipes of a program that has ended."""
        for handle in (self._out, self._err):
            with suppress(OSError):
                while handle in self._open and len(self.out) <= self._most:
                    data = os.read(handle, _BLOCK)
                    if not data:
                        break
                    (self.out if handle == self._out else self.stderr).extend(data)
        del self.stderr[:-TAIL]
