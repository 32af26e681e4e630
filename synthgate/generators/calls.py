"""Making one call: when it may start, what is sent, and whether it is made again.

A call waits for a slot, for the pace that the user or the server asks for, and for the budget.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from synthgate.errors import SynthgateError
from synthgate.generators import Bench, Request
from synthgate.generators.concurrency import Slots
from synthgate.generators.faults import Reply, again, futile, pause, throttled
from synthgate.generators.pacing import Pace
from synthgate.generators.record import Sampling
from synthgate.generators.spending import Estimate, Spending
from synthgate.generators.stall import Breaker
from synthgate.generators.transport import Transport
from synthgate.generators.wire import Dialect, encoded, learnt, request_body, spoken

Keep = Callable[[Reply, Dialect], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asking:
    """How a request is asked: its key, what it draws with, the most tokens of its answer."""

    key: str
    sampling: Sampling
    limit: int


class Calls:
    """The calls of one run to one model. All of it happens on the event loop."""

    def __init__(self, bench: Bench, transport: Transport) -> None:
        self.policy = policy = bench.policy
        self.url = transport.url
        self._bench, self._transport, self._meter = bench, transport, bench.meter
        self._slots = Slots(policy.concurrency)
        self._calls_a_minute, self._tokens_a_minute = Pace(policy.rpm), Pace(policy.tpm)
        self._spending = Spending(policy)
        self.breaker = Breaker(max(policy.stall, policy.timeout + 1), policy.concurrency)
        words = bench.journal.dialect(policy.model) if bench.journal else ""
        self._dialect = spoken(words, policy.schema_dialect)
        self._not_before = 0.0
        self._stop: SynthgateError | None = None
        self._stopped = asyncio.Event()

    def halt(self, error: SynthgateError) -> None:
        """Let no further call start; what is in flight goes on to its end."""
        self._stop = self._stop or error
        self._stopped.set()

    async def make(self, request: Request, asking: Asking, keep: Keep) -> Reply:
        """Return the reply to a call, made several times where the fault may pass.

        `keep` puts it on record before its slot goes to another call, so that never more than
        `concurrency` answers are on their way. Raises what the run was stopped with.
        """
        attempt, tried = 0, False
        while True:
            await self._slots.take(first=tried)
            tried = True
            try:
                dialect = self._dialect  # only now: others may have learnt while this one waited
                content = self._content(request, asking, dialect)
                reply, began = await self._attempt(content, asking.limit)
                adapts = self._learn(dialect, reply)
                attempt += not adapts
                if not adapts and not self._repeats(reply, attempt):
                    await keep(reply, dialect)
                    return reply
                if throttled(reply):
                    await self._nap(self._slots.rest(began))
            finally:
                self._slots.free()
                self._show()
            if not adapts:
                self._meter.retried[reply.cause] += 1
                await self._nap(pause(attempt - 1, asking.key))

    def _content(self, request: Request, asking: Asking, dialect: Dialect) -> bytes:
        model, sampling = self.policy.model, asking.sampling
        messages = request.messages
        return encoded(request_body(model, messages, sampling, asking.key, asking.limit, dialect))

    def _repeats(self, reply: Reply, attempt: int) -> bool:
        """Tell whether to make a call once more after so many attempts."""
        if not again(reply) or futile(reply, self.policy.longest_wait):
            return False
        # What the server asks of one call is meant for all, as a minimum.
        self._not_before = max(self._not_before, time.monotonic() + reply.wait)
        return attempt < self.policy.attempts

    def _learn(self, dialect: Dialect, reply: Reply) -> bool:
        """Tell whether the call should be made in another dialect than it was made in."""
        found = learnt(dialect, reply.status, reply.body)
        if found is None:
            return False
        if self._dialect == dialect:  # nobody else has learnt it meanwhile
            self._dialect = found
            self._meter.told.append(f"{self.policy.model} takes other parameters: {found}")
        return True

    async def _attempt(self, content: bytes, limit: int) -> tuple[Reply, float]:
        """Make one call when it is its turn; return when it began as well."""
        estimate = self._spending.estimate(content, limit)
        await self._turn(estimate.expected.total)
        await self._spending.reserve(estimate)
        reply = None
        try:
            self._check()
            self._bench.counts["calls"] += 1
            self._show()
            admitted = time.monotonic()
            reply = await self._transport.post(content, self.policy.timeout)
            self._settle(estimate, reply, admitted)
            return reply, admitted
        finally:
            if reply is None:
                self._spending.release(estimate)

    async def _turn(self, tokens: int) -> None:
        """Wait for the pace that the server and the user ask for."""
        self._check()
        await self._started()
        for what, seconds in (
            ("the server, which asks for a pause", self._not_before - time.monotonic()),
            ("--rpm", self._calls_a_minute.delay(1, time.monotonic())),
            ("--tpm", self._tokens_a_minute.delay(tokens, time.monotonic())),
        ):
            if seconds > 0:
                self._meter.wait(what, seconds)
                self.breaker.waited(seconds)
                self._show()
                await self._nap(seconds)

    async def _started(self) -> None:
        """Wait for the start that is booked; a cut meanwhile books another one."""
        cuts = -1
        while cuts != self._slots.cuts:
            cuts = self._slots.cuts
            if (seconds := self._slots.start()) > 0:
                self._meter.wait("the server, which refuses many calls", seconds)
                self._show()
                await self._nap(seconds)

    def _settle(self, estimate: Estimate, reply: Reply, admitted: float) -> None:
        """Take note of what a call did cost and of how it went."""
        actual = self._spending.settle(estimate, reply)
        self._tokens_a_minute.correct(actual.total - estimate.expected.total)
        self.breaker.heard(reply.cause)
        if throttled(reply):
            self._slots.refused(admitted)
        elif not reply.cause:
            self._slots.went_well(admitted)

    def _show(self) -> None:
        meter, spent = self._meter, self._spending.spent
        meter.prompt_tokens, meter.completion_tokens = spent.prompt, spent.completion
        meter.usd = self._spending.usd
        meter.in_flight, meter.limit = self._slots.in_flight, self._slots.limit

    async def _nap(self, seconds: float) -> None:
        """Wait, but not beyond the moment when the run is stopped."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
        self._check()

    def _check(self) -> None:
        if self._stop:
            raise self._stop
