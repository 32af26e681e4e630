"""Threads that give the verdicts of slow checks, a bounded number of rows ahead, in input order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue

from synthgate.rows import Row
from synthgate.verifiers import Verdict

AHEAD = 64  # rows for each thread: so many go on while one takes its time
HELD = 32 << 20  # bytes of rows that wait for a verdict
Judge = Callable[[Row], Verdict]
Asked = list[Future[Verdict] | None]


class Crew:
    """Threads that ask one check. They are daemons: nothing ever waits for them to end."""

    def __init__(self, judge: Judge, size: int) -> None:
        self._judge, self._size = judge, size
        self._jobs: SimpleQueue[tuple[Row, Future[Verdict]] | None] = SimpleQueue()
        for _ in range(size):
            threading.Thread(target=self._work, daemon=True).start()

    def ask(self, row: Row) -> Future[Verdict]:
        """Return the verdict on a row to come."""
        answer: Future[Verdict] = Future()
        self._jobs.put((row, answer))
        return answer

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            row, answer = job
            try:
                answer.set_result(self._judge(row))
            except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for
                answer.set_exception(error)

    def dismiss(self) -> None:
        """Let the threads end after the row they are at."""
        with suppress(Empty):
            while True:
                self._jobs.get_nowait()
        for _ in range(self._size):
            self._jobs.put(None)


def in_order(
    rows: Iterable[Row], judges: Sequence[Judge], sizes: Sequence[int]
) -> Iterator[tuple[Row, list[Verdict]]]:
    """Yield each row with its verdicts; a judge with a size above 1 is asked by so many threads.

    The others are asked here, row by row. What a judge raises is raised when its row's turn comes.
    """
    both = zip(judges, sizes, strict=True)
    crews = [Crew(judge, size) if size > 1 else None for judge, size in both]
    waiting: deque[tuple[Row, Asked]] = deque()
    room, held = AHEAD * max(sizes), 0
    try:
        for row in rows:
            waiting.append((row, [None if crew is None else crew.ask(row) for crew in crews]))
            held += len(row.payload)
            while len(waiting) > room or held > HELD:
                held -= len(waiting[0][0].payload)
                yield _settled(*waiting.popleft(), judges)
        while waiting:
            yield _settled(*waiting.popleft(), judges)
    finally:
        for crew in crews:
            if crew is not None:
                crew.dismiss()


def _settled(row: Row, asked: Asked, judges: Sequence[Judge]) -> tuple[Row, list[Verdict]]:
    said = [
        judge(row) if answer is None else answer.result()
        for judge, answer in zip(judges, asked, strict=True)
    ]
    return row, said
