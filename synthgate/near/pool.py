"""The work on batches, in this process or in several: the same answers in the same order."""

from __future__ import annotations

import os
import pickle
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import IO, Any, Protocol

from synthgate.errors import SynthgateError, Unreachable
from synthgate.near.emit import name, written
from synthgate.near.judge import judge
from synthgate.near.scan import scan
from synthgate.near.settings import Settings

WORK: dict[str, Callable[[Any, Settings], Any]] = {
    "scan": scan, "judge": judge, "name": name, "write": written,
}  # fmt: skip
# Batches that are given out before the answer to the first of them: while one process compares a
# large group, the others go on. Answers that wait are at most a page each.
_AHEAD = 32
_ALONE = 2  # pages that are done before it is worth starting a process
# Arrays of a page come and go. By default glibc gives those above 128 KiB back to the system each
# time, and every page of memory that is touched again is a fault: a tenth of a worker's time.
_MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 22), "MALLOC_TRIM_THRESHOLD_": str(1 << 24)}


class Pool(Protocol):
    """Something that does a kind of `WORK` on batches and gives the answers in their order."""

    def map(self, work: str, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the answer to each batch."""


class Serial:
    """All work in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def map(self, work: str, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the answer to each batch."""
        for batch in batches:
            yield WORK[work](batch, self._settings)

    def __enter__(self) -> Serial:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Processes:
    """Work in `count` processes, once there is enough of it; leave the `with` block to end them.

    A process is given a batch only when it has answered the last one, so that neither side ever
    waits to write while the other does. When this process dies, theirs see their input end.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings, self._count = settings, count
        self._workers: list[subprocess.Popen[bytes]] = []
        self._alone = _ALONE

    def map(self, work: str, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the answer to each batch."""
        asked: dict[int, subprocess.Popen[bytes]] = {}  # the batches that are being worked on
        answers: dict[int, Any] = {}  # those that came before their turn
        given = told = 0
        for batch in batches:
            if self._count < 2 or self._alone:
                self._alone = max(0, self._alone - 1)
                yield WORK[work](batch, self._settings)
                continue
            while len(asked) == self._count:
                _collect(asked, answers)
            asked[given] = self._idle(asked)
            _send(asked[given], (work, batch))
            given += 1
            while told in answers or given - told == _AHEAD:
                if told not in answers:
                    _collect(asked, answers)
                    continue
                yield _answer(answers.pop(told))
                told += 1
        while told < given:
            while told not in answers:
                _collect(asked, answers)
            yield _answer(answers.pop(told))
            told += 1

    def _idle(self, asked: dict[int, subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Return a process that has nothing to do, the first ones again before another starts."""
        busy = list(asked.values())
        return next((each for each in self._workers if each not in busy), None) or self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        worker = subprocess.Popen(
            [sys.executable, "-m", "synthgate.near.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=self._settings.handles,
            env={**_MALLOC, **os.environ},
        )
        self._workers.append(worker)
        _send(worker, self._settings)
        return worker

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            if kind is not None:
                worker.kill()
            for stream in (worker.stdin, worker.stdout):
                _close(stream)
            worker.wait()


def _collect(asked: dict[int, subprocess.Popen[bytes]], answers: dict[int, Any]) -> None:
    """Move what is answered next, whichever it is, from one to the other."""
    with selectors.DefaultSelector() as ready:
        for number, worker in asked.items():
            ready.register(_answers_of(worker), selectors.EVENT_READ, number)
        for key, _ in ready.select():
            answers[key.data] = _receive(asked.pop(key.data))


def _answers_of(worker: subprocess.Popen[bytes]) -> IO[bytes]:
    if worker.stdout is None:
        raise _gone(worker)
    return worker.stdout


def _close(stream: IO[bytes] | None) -> None:
    try:
        if stream is not None:
            stream.close()
    except BrokenPipeError:  # what was buffered for a process that is gone
        pass


def _send(worker: subprocess.Popen[bytes], message: Any) -> None:
    stdin = worker.stdin
    if stdin is None:
        raise _gone(worker)
    try:
        pickle.dump(message, stdin, protocol=5)
        stdin.flush()
    except BrokenPipeError:
        raise _gone(worker) from None


def _receive(worker: subprocess.Popen[bytes]) -> Any:
    try:
        return pickle.load(_answers_of(worker))  # noqa: S301 - our own process
    except (EOFError, pickle.UnpicklingError):
        raise _gone(worker) from None


def _answer(answer: Any) -> Any:
    """Return an answer, or raise the error that it is."""
    if isinstance(answer, SynthgateError | RuntimeError):
        raise answer
    return answer


def _gone(worker: subprocess.Popen[bytes]) -> Unreachable:
    return Unreachable(f"a worker process ended early (code {worker.wait()})")
