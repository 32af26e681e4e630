"""The line that people watch while answers are bought: what came, what it cost, what it waits for.

Live on a terminal; elsewhere a line every 30 s, so that a run that waits is never silent.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self

from synthgate.generators.meter import Meter

EVERY = 30.0  # seconds between lines where nothing is live
LIVE = 0.5  # seconds between updates of a live line


@dataclass(frozen=True)
class Seen:
    """How far a run is: samples done of those wanted, rows made, rejects by reason."""

    done: int
    wanted: int
    rows: int
    rejects: Counter[str]
    calls: int
    seconds: float


def line(seen: Seen, meter: Meter, *, priced: bool = False) -> str:
    """Return the state of a run as one line."""
    return "; ".join(filter(None, _parts(seen, meter, priced)))


def _parts(seen: Seen, meter: Meter, priced: bool) -> Iterator[str]:
    share = 100 * seen.done // max(1, seen.wanted)
    yield f"{seen.done} of {seen.wanted} ({share} %)"
    reasons = ", ".join(f"{name} {count}" for name, count in seen.rejects.most_common(4))
    rejected = sum(seen.rejects.values())
    yield f"{seen.rows} rows, {rejected} rejected" + (f" ({reasons})" if reasons else "")
    if spent := meter.prompt_tokens + meter.completion_tokens:
        yield f"{spent:,} tokens" + (f", {meter.usd:.4f} USD" if priced else "")
    if retried := sum(meter.retried.values()):
        causes = ", ".join(f"{name} {count}" for name, count in meter.retried.most_common(3))
        yield f"{retried} calls repeated ({causes})"
    if meter.limit:
        yield f"{meter.in_flight} calls in flight of {meter.limit}"
    if waits := meter.waiting():
        yield f"waits for {waits}"
    yield _left(seen)


def _left(seen: Seen) -> str:
    """Return how long it may still take, by the pace so far."""
    if not seen.done or not seen.calls or seen.done >= seen.wanted:
        return ""
    seconds = seen.seconds / seen.done * (seen.wanted - seen.done)
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    return (
        f"about {seconds / 60:.0f} min left"
        if seconds < 5400
        else f"about {seconds / 3600:.1f} h left"
    )


class Pulse(AbstractContextManager["Pulse"]):
    """Tells a line again and again, from a thread of its own: the run itself may be waiting."""

    def __init__(self, tell: Callable[[], None], every: float) -> None:
        self._tell, self._every = tell, every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(self._every):
            self._tell()


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long ago that was."""
        return time.monotonic() - self._began
