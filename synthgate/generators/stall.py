"""The breaker: a run that gets nowhere ends and says why, instead of asking for ever.

Two things count as getting nowhere: no answer at all for a long time while calls are made, and a
long row of calls that all fail for good in the same way, with not one answer in the whole run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

_IN_A_ROW = 50
# What a single prompt may cause: such a row says nothing about the next one.
_OF_THE_PROMPT = frozenset({"http_400", "http_413", "http_422", "http_403"})


class Breaker:
    """Watches the calls of a run; `why` says that it should end."""

    def __init__(
        self, seconds: float, concurrency: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._now = seconds, now
        self._most = max(_IN_A_ROW, 2 * concurrency)
        self._since = self._waited_until = now()
        self._busy = 0
        self._answered = False
        self._row: tuple[str, int] = ("", 0)
        self._causes: Counter[str] = Counter()

    def begin(self) -> None:
        """A request is being asked."""
        if not self._busy:
            self._since = self._now()
        self._busy += 1

    def end(self) -> None:
        """A request is settled."""
        self._busy -= 1

    def waited(self, seconds: float) -> None:
        """Do not count a wait that was asked for, by the user's limits or by the server.

        Many calls wait at once: the time that they wait together counts once.
        """
        now = self._now()
        until = now + seconds
        self._since += max(0.0, until - max(now, self._waited_until))
        self._waited_until = max(until, self._waited_until)

    def heard(self, cause: str) -> None:
        """Take note of a reply: `cause` is what went wrong, "" for an answer of whatever kind."""
        if cause:
            self._causes[cause] += 1
            return
        self._since = self._now()
        self._answered = True
        self._causes.clear()

    def settled(self, cause: str) -> str:
        """Return why to end the run after a request failed for good, or an empty string."""
        last, count = self._row
        self._row = (cause, count + 1 if cause == last else 1)
        if not cause or self._answered or cause in _OF_THE_PROMPT or self._row[1] < self._most:
            return ""
        return f"{self._row[1]} requests in a row failed with {cause}, and not one was answered"

    def stalled(self) -> str:
        """Return why to end a run that has not been answered for too long, or an empty string."""
        quiet = self._now() - self._since
        if not self._busy or quiet < self._seconds:
            return ""
        said = ", ".join(f"{name} {count}" for name, count in self._causes.most_common(3))
        return f"no answer for {quiet:.0f} s ({said or 'nothing came back'})"
