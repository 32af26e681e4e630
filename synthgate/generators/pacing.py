"""So much a minute: calls are spread evenly, and never more than the limit in any minute."""

from __future__ import annotations


class Pace:
    """A leaky bucket without a burst (the generic cell rate algorithm); 0 a minute is no limit.

    Times are seconds of any clock that does not go back.
    """

    def __init__(self, a_minute: float) -> None:
        self._seconds = 60.0 / a_minute if a_minute else 0.0
        self._free_at = float("-inf")

    def delay(self, units: float, now: float) -> float:
        """Take so many units and return how long to wait before they may be used."""
        start = max(now, self._free_at)
        self._free_at = start + units * self._seconds
        return start - now

    def correct(self, units: float) -> None:
        """Take more units (or give some back), where an estimate was wrong."""
        self._free_at += units * self._seconds
