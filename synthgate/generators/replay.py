"""Answers from the journal alone: `--offline`, and what a dry run can tell without paying."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synthgate.generators import Answer, Bench, Request
from synthgate.generators.record import Keys

NOT_CALLED = "not_called"


class Replay:
    """Answers what is on record; the rest is `not_in_journal`."""

    def __init__(self, bench: Bench) -> None:
        self.identity = bench.policy.model
        self._bench = bench
        self._of = Keys(bench).of

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield one answer for each request, in order; nothing is called."""
        for request in requests:
            key = self._of(request)
            found = self._find(key)
            self._bench.counts["replayed"] += found is not None
            yield found or self._missing(key, request)

    def _find(self, key: str) -> Answer | None:
        return self._bench.journal.recorded(key) if self._bench.journal else None

    def _missing(self, key: str, _request: Request) -> Answer:
        return Answer("", "not_in_journal", "no answer is on record for this request", key)


class Rehearsal(Replay):
    """What an online run would do: its replays are answers, its calls are counted, none is made.

    Memory: one key for each call that would be made.
    """

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._keys: set[str] = set()

    def _find(self, key: str) -> Answer | None:
        journal = self._bench.journal
        return journal.settled(key, self._bench.policy) if journal else None

    def _missing(self, key: str, _request: Request) -> Answer:
        self._keys.add(key)
        self._bench.counts["calls"] = len(self._keys)
        return Answer("", NOT_CALLED, "a run would ask for this answer", key)
