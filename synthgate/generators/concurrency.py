"""How many calls are in flight at a time: less after a burst of 429, slowly more while all is well.

Additive increase, multiplicative decrease, as TCP does (Jacobson, 1988): one cut for each burst.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

_CUT = 0.75
_WELL = 25  # successes before one more call is let in
_BURST = 1.0  # seconds; refusals that close together are one burst


class Slots:
    """At most `limit` calls in flight, which moves between 1 and `most`."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self.most = self.limit = most
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._now = now
        self._cut_at = float("-inf")
        self._well = 0

    async def take(self, *, first: bool = False) -> None:
        """Wait for a slot; `first` goes ahead of all that wait."""
        while self.in_flight >= self.limit:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.appendleft(turn) if first else self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()  # the turn that was given to it is another's now
                raise
        self.in_flight += 1

    def free(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._wake()

    def refused(self, admitted: float) -> None:
        """Cut the limit after a 429 to a call that began at `admitted`, once for each burst.

        Calls that had begun before the last cut say nothing about the new limit.
        """
        now = self._now()
        self._well = 0
        if admitted > self._cut_at and now >= self._cut_at + _BURST:
            self._cut_at = now
            self.limit = max(1, int(self.limit * _CUT))

    def went_well(self) -> None:
        """Let one more call in after 25 successes."""
        self._well += 1
        if self._well >= _WELL and self.limit < self.most:
            self._well = 0
            self.limit += 1
            self._wake()

    def _wake(self) -> None:
        free = self.limit - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
