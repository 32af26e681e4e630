"""How many calls are in flight at a time: less after a burst of 429, slowly more while all is well.

One cut for each burst, as TCP does (Jacobson, 1988). A burst is more than the odd 429 of a server
that sheds load whatever comes: cut for each of those, calls fall to one at a time, and the server
refuses as large a share of them as before.

After a cut calls start one after the other, spread over most of the time of an answer. In waves
they would overrun a limit by the second that they are well below. A refusal comes at once: its slot
rests for as long as an answer takes, else the slots above the limit turn over the faster, and use
up the attempts of the calls that wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

_CUT = 0.75
_WELL = 25  # successes in a row before more calls are let in
_MORE = 16  # of so many calls in flight one more, and one at least
_LOOK, _REFUSED = 25, 7  # a burst: more than a quarter of the last calls, refused
_FLOOD = 0.3  # of the last calls refused: more than that, and no call starts for a while
_SPREAD = 0.75  # of the time of an answer, over which the calls in flight start
_RECENT = 16  # answers whose time counts
BURST = 0.5  # seconds; refusals that close together are one burst, and no call starts in a flood


class Slots:
    """At most `limit` calls in flight, which moves between 1 and `most`."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self.most = self.limit = most
        self.in_flight = 0
        self.cuts = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._now = now
        self._cut_at = float("-inf")
        self._well = 0
        self._answer = 0.0  # seconds that an answer takes, in the mean of the last ones
        self._start_at = float("-inf")
        self._refused: deque[bool] = deque(maxlen=_LOOK)  # of calls begun since the last cut

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

    def start(self) -> float:
        """Return the seconds that the next call waits, and book its start.

        A start that was booked before a cut (`cuts` tells) is to be booked again.
        """
        now = self._now()
        at = max(now, self._start_at)
        if self.limit < self.most:
            self._start_at = at + _SPREAD * self._answer / self.limit
        return at - now

    def rest(self, admitted: float) -> float:
        """Return the seconds that the slot of a refused call is kept: those of an answer."""
        return min(BURST, max(0.0, admitted + self._answer - self._now()))

    def refused(self, admitted: float) -> bool:
        """Take note of a 429 to a call that began at `admitted`; cut the limit once for a burst.

        Calls that had begun before the last cut say nothing about the new limit. Tells whether
        there was a cut.
        """
        now = self._now()
        self._well = 0
        if admitted > self._cut_at:
            self._refused.append(True)
        refused = sum(self._refused)
        if refused < _REFUSED or now < self._cut_at + BURST:
            return False
        if refused > _FLOOD * len(self._refused):
            self._start_at = now + BURST
        self._cut_at = now
        self._refused.clear()
        self.limit = max(1, int(self.limit * _CUT))
        self.cuts += 1
        return True

    def went_well(self, admitted: float) -> None:
        """Let more calls in after 25 successes without a 429 between."""
        seconds = self._now() - admitted
        self._answer += (seconds - self._answer) / _RECENT if self._answer else seconds
        if admitted > self._cut_at:
            self._refused.append(False)
        self._well += 1
        if self._well >= _WELL and self.limit < self.most:
            self._well = 0
            self.limit = min(self.most, self.limit + max(1, self.limit // _MORE))
            self._wake()

    def _wake(self) -> None:
        free = self.limit - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1
