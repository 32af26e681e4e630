"""Answers compared as mathematics, by math-verify in processes of its own that can be killed.

An answer is hostile: `9^{9^{9^9}}` and 200 brackets are worked on for ever. A process that takes
longer than the limit is killed, not asked to stop, and another one is started. What could not be
finished is `abstain`, never a pass and never a fail.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from queue import SimpleQueue

from synthgate.errors import Unreachable, UsageError
from synthgate.verifiers import Verdict
from synthgate.verifiers.math_text import latex

SECONDS = 5.0  # for one comparison
STARTING = 60.0  # for a process to begin: sympy takes a second or two
MEMORY = 1024  # MiB of address space for one process
QUESTIONS = 5000  # that one process is asked; sympy's memory grows
_LONGEST_LINE = 1 << 16
_WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "math_worker.py")
_DIFFERS = Verdict("fail", "differs")
_SAYS = {
    "same": Verdict("pass"),
    "differs": _DIFFERS,
    "unread": Verdict("fail", "unread"),
    "unsure": Verdict("abstain", "math_unsure"),
    "gold_unread": Verdict("abstain", "gold_unread"),
}
_TIMEOUT = Verdict("abstain", "math_timeout")
_GOLD_TIMEOUT = Verdict("abstain", "gold_timeout")
_LIMIT = Verdict("abstain", "math_limit")


class _Ended(Exception):
    """The process ended or talked nonsense instead of answering."""


class Mathematics:
    """A few processes with math-verify, started when they are needed and kept warm.

    Raises `UsageError` where math-verify is not installed. May be called from threads.
    """

    def __init__(self, workers: int, tolerance: float = 0.0) -> None:
        found = find_spec("math_verify")
        if found is None or found.origin is None:
            raise UsageError("--math needs math-verify: pip install 'synthgate[math]'")
        self.version = f"math-verify {version('math-verify')}"
        self._packages = os.path.dirname(os.path.dirname(found.origin))
        self._tolerance = tolerance
        self._free: SimpleQueue[_Worker | None] = SimpleQueue()
        self.workers = workers
        for _ in range(workers):
            self._free.put(None)

    def compare(self, gold: str, answer: str) -> Verdict:
        """Return the verdict on an answer that is not the gold answer as it is written.

        Where one of the two is no mathematics, that they are written differently decides.
        """
        wanted, found = latex(gold), latex(answer)
        if not wanted or not found:
            return _DIFFERS
        question = {"gold": wanted, "answer": found, "tolerance": self._tolerance}
        line = json.dumps(question).encode() + b"\n"
        try:
            return self._ask(line)
        except _Ended:
            pass  # perhaps because of what it was asked before: once more, with a new one
        try:
            return self._ask(line, fresh=True)
        except _Ended:
            return _LIMIT

    def _ask(self, line: bytes, *, fresh: bool = False) -> Verdict:
        """Put one question to a free process; raises `_Ended` where it did not survive it."""
        worker = self._free.get()
        kept: _Worker | None = None
        try:
            if worker is not None and (fresh or worker.asked == QUESTIONS):
                worker.kill()
                worker = None
            worker = worker or _Worker(self._packages)
            said = worker.ask(line)
            kept = worker if said in _SAYS else None
        finally:
            if worker is not None and kept is None:
                worker.kill()
            self._free.put(kept)
        return _SAYS.get(said) or (_TIMEOUT if said == "gold" else _GOLD_TIMEOUT)

    def close(self) -> None:
        """Kill all processes; called when nothing is asked any more."""
        for _ in range(self.workers):
            worker = self._free.get()
            if worker is not None:
                worker.kill()
            self._free.put(None)


class _Worker:
    """One process. Raises `Unreachable` where it cannot be started at all."""

    def __init__(self, packages: str) -> None:
        argv = [sys.executable, "-I", _WORKER, str(MEMORY), str(SECONDS), packages]
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- our own script, no text of a row
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
                bufsize=0,
            )
        except OSError as error:
            raise Unreachable(f"math-verify cannot be started: {error}") from None
        self.asked = 0
        self._buffer = b""
        self._poll = select.poll()
        self._poll.register(self._process.stdout.fileno(), select.POLLIN)  # type: ignore[union-attr] # a pipe
        self._begin()

    def _begin(self) -> None:
        try:
            ready = self._line(time.monotonic() + STARTING)
        except _Ended:
            ready = ""
        except BaseException:  # Ctrl-C too: no worker stays behind
            self.kill()
            raise
        if ready != "ready":
            self.kill()
            raise Unreachable("math-verify cannot be started: its process ended or hung")

    def ask(self, line: bytes) -> str:
        """Return the last thing it said in time: an answer, `gold`, or nothing."""
        self.asked += 1
        until = time.monotonic() + SECONDS
        try:
            self._process.stdin.write(line)  # type: ignore[union-attr] # a pipe, as opened above
        except OSError:
            raise _Ended from None
        said = self._line(until)
        return (self._line(until) or said) if said == "gold" else said

    def _line(self, until: float) -> str:
        """Return what the next line says, "" where none came in time."""
        out = self._process.stdout.fileno()  # type: ignore[union-attr] # a pipe, as opened above
        while b"\n" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0 or not self._poll.poll(1000 * left):
                return ""
            data = os.read(out, _LONGEST_LINE)
            if not data or len(self._buffer) > _LONGEST_LINE:
                raise _Ended
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return str(json.loads(line))
        except ValueError:
            raise _Ended from None

    def kill(self) -> None:
        """End it and everything it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
