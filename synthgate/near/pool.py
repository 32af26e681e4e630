"""The work on batches, in this process or in several: the same answers in the same order."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
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
        busy: deque[subprocess.Popen[bytes]] = deque()
        for batch in batches:
            if self._count < 2 or self._alone:
                self._alone = max(0, self._alone - 1)
                yield WORK[work](batch, self._settings)
                continue
            if len(busy) == self._count:
                yield _receive(busy[0])
                worker = busy.popleft()
            else:
                worker = self._worker(len(busy))
            _send(worker, (work, batch))
            busy.append(worker)
        while busy:
            yield _receive(busy.popleft())

    def _worker(self, number: int) -> subprocess.Popen[bytes]:
        while len(self._workers) <= number:
            worker = subprocess.Popen(
                [sys.executable, "-m", "synthgate.near.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=self._settings.handles,
                env={**_MALLOC, **os.environ},
            )
            self._workers.append(worker)
            _send(worker, self._settings)
        return self._workers[number]

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
    if worker.stdout is None:
        raise _gone(worker)
    try:
        answer = pickle.load(worker.stdout)  # noqa: S301 - our own process
    except (EOFError, pickle.UnpicklingError):
        raise _gone(worker) from None
    if isinstance(answer, SynthgateError | RuntimeError):
        raise answer
    return answer


def _gone(worker: subprocess.Popen[bytes]) -> Unreachable:
    return Unreachable(f"a worker process ended early (code {worker.wait()})")
