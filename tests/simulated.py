"""A client with the real rules of slots and pauses before servers that are only told of: no clock.

`run` plays the calls of a run as events and tells what came of them.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import selectors
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from synthgate.generators.concurrency import Slots
from synthgate.generators.faults import pause


class Server(Protocol):
    """Answers a call after some seconds, or refuses it."""

    def ask(self, now: float) -> tuple[float, bool]:
        """Return (seconds, whether it is answered)."""

    def end(self) -> None:
        """An answer has been given."""


@dataclass
class Sheds:
    """Refuses a share of all calls, whatever comes."""

    share: float
    seconds: float
    draw: random.Random = field(default_factory=lambda: random.Random(0))

    def ask(self, now: float) -> tuple[float, bool]:
        return self.seconds * self.draw.uniform(0.5, 1.5), self.draw.random() >= self.share

    def end(self) -> None: ...


@dataclass
class Room:
    """Has room for some calls at a time and refuses all others at once."""

    places: int
    seconds: float
    taken: int = 0
    draw: random.Random = field(default_factory=lambda: random.Random(0))

    def ask(self, now: float) -> tuple[float, bool]:
        if self.taken >= self.places:
            return 0.01, False
        self.taken += 1
        return self.seconds * self.draw.uniform(0.5, 1.5), True

    def end(self) -> None:
        self.taken -= 1


@dataclass
class Rate:
    """Takes so many calls a second and refuses all others at once."""

    a_second: float
    seconds: float
    left: float = 20.0
    last: float = 0.0

    def ask(self, now: float) -> tuple[float, bool]:
        self.left = min(20.0, self.left + (now - self.last) * self.a_second)
        self.last = now
        if self.left < 1:
            return 0.01, False
        self.left -= 1
        return self.seconds, True

    def end(self) -> None: ...


@dataclass
class Came:
    """What came of a run: `limit` is the mean over time of the calls that were let in."""

    answered: int = 0
    refused: int = 0
    lost: int = 0
    seconds: float = 0.0
    limit: float = 0.0


class _Run:
    def __init__(self, server: Server, calls: int, most: int, attempts: int) -> None:
        self.server, self.attempts, self.came = server, attempts, Came()
        self.now = 0.0
        self.slots = Slots(most, lambda: self.now)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._new = iter(range(calls))
        self._waiting = deque((call, 0) for call in itertools.islice(self._new, 4 * most))

    def play(self) -> Came:
        self._send()
        area = 0.0
        while self._events:
            at, _, happen = heapq.heappop(self._events)
            area += (at - self.now) * self.slots.limit
            self.now = at
            happen()
            self._send()
        self.came.seconds, self.came.limit = self.now, area / self.now
        return self.came

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), happen))

    def _send(self) -> None:
        while self._waiting and self.slots.in_flight < self.slots.limit:
            call, attempt = self._waiting.popleft()
            self.slots.in_flight += 1
            self._book(call, attempt)

    def _book(self, call: int, attempt: int) -> None:
        cuts, seconds = self.slots.cuts, self.slots.start()

        def start() -> None:
            if cuts == self.slots.cuts:
                self._ask(call, attempt)
            else:
                self._book(call, attempt)

        self._at(seconds, start) if seconds > 0 else start()

    def _ask(self, call: int, attempt: int) -> None:
        seconds, answered = self.server.ask(self.now)
        begun, end = self.now, self._answered if answered else self._refused
        self._at(seconds, lambda: end(call, attempt, begun))

    def _answered(self, _call: int, _attempt: int, begun: float) -> None:
        self.slots.in_flight -= 1
        self.server.end()
        self.slots.went_well(begun)
        self.came.answered += 1
        self._next()

    def _refused(self, call: int, attempt: int, begun: float) -> None:
        self.came.refused += 1
        self.slots.refused(begun)
        rest = self.slots.rest(begun)
        self._at(rest, self._free)
        if attempt + 1 == self.attempts:
            self.came.lost += 1
            self._next()
        else:
            again = (call, attempt + 1)
            self._at(rest + pause(attempt, str(call)), lambda: self._waiting.appendleft(again))

    def _free(self) -> None:
        self.slots.in_flight -= 1

    def _next(self) -> None:
        self._waiting.extend((call, 0) for call in itertools.islice(self._new, 1))


def run(server: Server, calls: int, most: int = 64, attempts: int = 5) -> Came:
    """Play the calls of a run."""
    return _Run(server, calls, most, attempts).play()


class _Skipping(selectors.DefaultSelector):
    """Waits for nothing: the time that it should wait has passed at once."""

    now = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += timeout or 0.0
        return super().select(0)


class Hurried(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to what happens next."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now
