"""Any program on a text: started without a shell, under a wall clock, in a box where that is asked.

Bounded: at most 64 KiB of what it says on descriptor 3 are kept, and the end of its stderr; stdout
goes nowhere. In a box the memory of all its processes together is watched.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from synthgate.sandbox.box import Box, Plan
from synthgate.sandbox.streams import Streams

_SAID = 1 << 16  # bytes on descriptor 3
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/tmp"}


def why_not(program: str) -> str:
    """Return why a program that `shutil.which` does not find cannot be run."""
    there = os.sep in program and os.path.lexists(program)
    return "cannot be run: " + ("not executable" if there else "no such program")


@dataclass(frozen=True)
class Exit:
    """How a program ended: its exit code or minus a signal, and `why` it had to be killed."""

    status: int
    said: bytes = b""
    stderr: bytes = b""
    why: str = ""


def run_command(
    argv: list[str],
    stdin: bytes,
    seconds: float,
    *,
    stdout: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> Exit:
    """Run a program with the user's own rights; raises `OSError` where it cannot be started.

    `said` is what it says on descriptor 3, or with `stdout` up to that many bytes on stdout. It is
    killed when `stop` says so.
    """
    with Streams(stdout or _SAID) as streams, open(os.devnull, "wb") as null:
        stdin_end, said_end, stderr_end = streams.theirs
        actions = [
            (os.POSIX_SPAWN_DUP2, stdin_end, 0),
            (os.POSIX_SPAWN_DUP2, said_end if stdout else null.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, stderr_end, 2),
        ]
        if not stdout:
            actions.append((os.POSIX_SPAWN_DUP2, said_end, 3))
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setpgroup=0)
        streams.passed()
        ended: list[int] = []

        def over() -> str | None:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                ended.append(os.waitstatus_to_exitcode(status))
            return "" if found else "stopped" if stop() else None

        try:
            why = streams.pump(stdin, seconds, over)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            if not ended:
                ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return Exit(ended[0], bytes(streams.out), bytes(streams.stderr), why)


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
        with Streams(_SAID) as streams, open(os.devnull, "wb") as null:
            stdin_end, said_end, stderr_end = streams.theirs
            handles = [stdin_end, null.fileno(), stderr_end, said_end]
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
            return Exit(status, bytes(streams.out), bytes(streams.stderr), why)

    def close(self) -> None:
        """End every box."""
        for box in self._made:
            box.close()
