"""What a run is doing right now, for the line that people watch."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Meter:
    """Numbers that a generator keeps up to date; whoever reads them may be another thread.

    `retried` counts the calls that were made again by cause, `told` is what the generator learnt
    about the server that the user should know, and `waits` holds, for each thing that calls are
    waiting for, until when (seconds of the monotonic clock).
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    in_flight: int = 0
    limit: int = 0
    retried: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    waits: dict[str, float] = field(default_factory=dict)

    def waiting(self, now: float | None = None) -> str:
        """Return what the calls wait for, longest first, "" where nothing holds them up."""
        now = time.monotonic() if now is None else now
        left = sorted(((until - now, what) for what, until in self.waits.items()), reverse=True)
        return ", ".join(f"{what} ({seconds:.0f} s)" for seconds, what in left if seconds > 0)

    def wait(self, what: str, seconds: float) -> None:
        """Say that calls wait for something."""
        self.waits[what] = max(self.waits.get(what, 0.0), time.monotonic() + seconds)
