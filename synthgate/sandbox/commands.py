"""Any program on a text: started without a shell, under a wall clock, in a box where that is asked.

Bounded: at most 64 KiB of what it says on descriptor 3 are kept, and the end of its stderr; stdout
goes nowhere. In a box the memory of all its processes together is watched.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from synthgate.sandbox.box import Box, Plan

_SAID, _TAIL, _BLOCK = 1 << 16, 2000, 1 << 16
_LOOK = 0.05  # seconds between two looks at a program that says nothing
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}


@dataclass(frozen=True)
class Exit:
    """How a program ended: its exit code or minus a signal, and `why` it had to be killed."""

    status: int
    said: bytes = b""
    stderr: bytes = b""
    why: str = ""


class Streams:
    """Stdin, stderr and descriptor 3 of one program."""

    def __init__(self) -> None:
        pairs = [os.pipe(), os.pipe(), os.pipe()]
        self._in, self._err, self._said = pairs[0][1], pairs[1][0], pairs[2][0]
        self.stdin, self.stderr, self.third = pairs[0][0], pairs[1][1], pairs[2][1]
        self._open = {handle for pair in pairs for handle in pair}
        self._held = {self._err: bytearray(), self._said: bytearray()}

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
        for handle in (self.stdin, self.stderr, self.third):
            self._close(handle)

    def pump(self, data: bytes, seconds: float, over: Callable[[], str | None]) -> str:
        """Move bytes until the program is over; return why it must be killed, else "".

        `over` tells: "" when it has ended, a reason to kill it, or None while it may go on.
        """
        until, left = time.monotonic() + seconds, memoryview(data)
        with selectors.DefaultSelector() as watched:
            for handle in (self._in, self._err, self._said):
                os.set_blocking(handle, False)
            watched.register(self._in, selectors.EVENT_WRITE)
            watched.register(self._err, selectors.EVENT_READ)
            watched.register(self._said, selectors.EVENT_READ)
            while True:
                wait = min(_LOOK, until - time.monotonic())
                if wait <= 0:
                    return "timeout"
                for key, _ in watched.select(wait):
                    if key.fd == self._in:
                        left = self._write(left)
                        done = not left
                    else:
                        done = not self._read(key.fd)
                    if done:
                        watched.unregister(key.fd)
                        if key.fd == self._in:
                            self._close(self._in)
                if len(self._held[self._said]) > _SAID:
                    return "said too much"
                why = over()
                if why is not None:
                    self._drain()
                    return why

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
        self._held[handle].extend(data)
        del self._held[self._err][:-_TAIL]
        return bool(data)

    def _drain(self) -> None:
        for handle, held in self._held.items():
            with suppress(OSError):
                while len(held) <= _SAID and (data := os.read(handle, _BLOCK)):
                    held.extend(data)

    def exit(self, status: int, why: str) -> Exit:
        """Return what became of the program."""
        return Exit(status, bytes(self._held[self._said]), bytes(self._held[self._err]), why)


def run_command(argv: list[str], stdin: bytes, seconds: float) -> Exit:
    """Run a program with the user's own rights; raises `OSError` where it cannot be started."""
    with Streams() as streams, open(os.devnull, "wb") as null:
        actions = [
            (os.POSIX_SPAWN_DUP2, streams.stdin, 0),
            (os.POSIX_SPAWN_DUP2, null.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, streams.stderr, 2),
            (os.POSIX_SPAWN_DUP2, streams.third, 3),
        ]
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setpgroup=0)
        streams.passed()
        ended: list[int] = []

        def over() -> str | None:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                ended.append(os.waitstatus_to_exitcode(status))
            return "" if found else None

        try:
            why = streams.pump(stdin, seconds, over)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            if not ended:
                ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return streams.exit(ended[0], why)


class Jailed:
    """Runs programs in boxes, one box for each thread that asks at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._idle: SimpleQueue[Box] = SimpleQueue()
        self._made: list[Box] = []

    def run(self, argv: list[str], stdin: bytes, seconds: float) -> Exit:
        """Run a program in a box; raises `Broken` where none can be had."""
        try:
            box = self._idle.get_nowait()
        except Empty:
            box = Box(self._plan, len(self._made))
            self._made.append(box)
        try:
            return self._run(box, argv, stdin, seconds)
        finally:
            if box.alive:
                self._idle.put(box)

    def _run(self, box: Box, argv: list[str], stdin: bytes, seconds: float) -> Exit:
        with Streams() as streams, open(os.devnull, "wb") as null:
            handles = [streams.stdin, null.fileno(), streams.stderr, streams.third]
            box.start("execute", handles, stdio=3, argv=argv, env=_ENVIRONMENT)
            streams.passed()

            def over() -> str | None:
                if box.memory() > self._plan.memory:
                    return "too much memory"
                if box.stored() > self._plan.disk:
                    return "too much on disk"
                return "" if box.is_over() else None

            why = "stopped"
            try:
                why = streams.pump(stdin, seconds, over)
            finally:
                box.end(gone=not why)
                status = box.ended()
            return streams.exit(status, why)

    def close(self) -> None:
        """End every box."""
        for box in self._made:
            box.close()
