"""Any OpenAI-compatible chat completions server.

Calls run on an event loop in a thread of its own, so that an answer that was paid for reaches the
journal however slowly the rows are consumed, and a signal finds the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from itertools import islice

from synthgate.errors import SynthgateError, Unreachable
from synthgate.generators import Answer, Bench, Request
from synthgate.generators.calls import Asking, Calls
from synthgate.generators.commit import Commits
from synthgate.generators.faults import Reply, futile
from synthgate.generators.record import Keys, Record, raised_limit
from synthgate.generators.transport import Transport
from synthgate.generators.wire import Dialect, endpoint

_LOOKAHEAD = 4  # windows: one slow call must not keep the others idle
_PULSE = 0.5  # seconds between looks at whether the run gets anywhere
_RIG = (
    "connection", "timeout", "request", "redirect", "error_in_200", "no_choices", "invalid_json"
)  # fmt: skip


class Chat:
    """Asks for answers that the journal does not have, at most `concurrency` at a time."""

    def __init__(self, bench: Bench, transport: Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.identity = bench.policy.model
        self._bench, self._loop = bench, loop
        self._url = transport.url
        self._keys = Keys(bench)
        self.calls = Calls(bench, transport)
        self.commits = Commits(bench.journal) if bench.journal else None
        self._running: dict[str, asyncio.Task[Answer]] = {}
        self._counting = threading.Lock()

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield one answer for each request, in order, a bounded number of requests ahead.

        Where going on is futile, what is in flight still reaches the journal before it raises.
        """
        asked, window = iter(requests), deque[Future[Answer]]()
        most = _LOOKAHEAD * self._bench.policy.concurrency
        while True:
            if len(window) <= most // 2:  # many at once: each hand-over wakes the other thread
                window.extend(self._submit(islice(asked, most - len(window))))
            if not window:
                return
            try:
                answer = window.popleft().result()
            except Unreachable:
                wait(window)
                raise
            yield answer

    def _submit(self, requests: Iterable[Request]) -> list[Future[Answer]]:
        """Return what will be the answers: what is on record, or calls on the loop."""
        futures, new = [], []
        for request in requests:
            key, future = self._keys.of(request), Future[Answer]()
            futures.append(future)
            if found := self._on_record(key):
                future.set_result(found)
            else:
                new.append((request, key, future))
        if new:
            self._loop.call_soon_threadsafe(self._begin, new)
        with self._counting:  # several threads may ask
            self._bench.counts["replayed"] += len(futures) - len(new)
        return futures

    def _on_record(self, key: str) -> Answer | None:
        journal = self._bench.journal
        return journal.settled(key, self._bench.policy) if journal else None

    def _begin(self, new: list[tuple[Request, str, Future[Answer]]]) -> None:
        """Give each future the answer that was just bought, is being bought, or is bought now."""
        for request, key, future in new:
            if found := self._on_record(key):
                future.set_result(found)
                continue
            task = self._running.get(key)
            if task is None:
                task = self._running[key] = self._loop.create_task(self._ask(request, key))
                task.add_done_callback(partial(self._over, key))
            task.add_done_callback(partial(_hand_over, future))

    def _over(self, key: str, _task: asyncio.Task[Answer]) -> None:
        del self._running[key]

    async def _ask(self, request: Request, key: str) -> Answer:
        """Buy one wanted answer; what makes going on futile stops every other call as well."""
        self.calls.breaker.begin()
        try:
            answer = await self._bought(request, key)
            rig = answer.reason.startswith("http_") or answer.reason in _RIG
            if why := self.calls.breaker.settled(answer.reason if rig else ""):
                raise Unreachable(f"{self._url}: {why}")
        except SynthgateError as error:
            self.calls.halt(error)
            raise
        finally:
            self.calls.breaker.end()
        return answer

    async def _bought(self, request: Request, key: str) -> Answer:
        """Make the call, and where the answer was cut off once more with a higher limit.

        What is known to be cut off at the first limit is asked for at the higher one alone.
        """
        policy, journal = self._bench.policy, self._bench.journal
        first, raised = policy.max_tokens, raised_limit(policy)
        known = journal is not None and journal.cut_at(key) >= first
        answer = await self._once(request, key, raised if known else first)
        if answer.reason != "truncated" or known or raised == first:
            return answer
        second = await self._once(request, key, raised)
        return second if second.reason in ("", "truncated") else answer

    async def _once(self, request: Request, key: str, limit: int) -> Answer:
        """Make one wanted call, and put what came of it on record before it is used."""
        asking = Asking(key, self._keys.sampling(request), limit)
        kept: list[Answer] = []

        async def keep(reply: Reply, dialect: Dialect) -> None:
            new = self._record(request, asking, reply, dialect)
            if self.commits:
                await self.commits.add(new)
            kept.append(new.answer())

        self._stop_if_futile(await self.calls.make(request, asking, keep))
        return kept[0]

    def _record(self, request: Request, asking: Asking, reply: Reply, dialect: Dialect) -> Record:
        return Record(
            key=asking.key,
            model=self.identity,
            sample=request.sample,
            sampling=asking.sampling,
            messages=list(request.messages),
            max_tokens=asking.limit,
            status=reply.status,
            error=reply.error,
            detail=reply.detail,
            redacted=reply.redacted,
            dialect=str(dialect),
            body=reply.body,
        )

    def _stop_if_futile(self, reply: Reply) -> None:
        if why := futile(reply, self._bench.policy.longest_wait):
            raise Unreachable(f"{self._url}: {why}")


def _hand_over(future: Future[Answer], task: asyncio.Task[Answer]) -> None:
    """Give what became of a task to the thread that waits for it."""
    if task.cancelled():
        future.cancel()
    elif error := task.exception():
        future.set_exception(error)
    else:
        future.set_result(task.result())


@contextlib.contextmanager
def build(bench: Bench) -> Iterator[Chat]:
    """Connect for the time of a `with` block; what is in flight at its end is dropped."""
    url = endpoint(bench.policy.base_url)
    with _background() as loop:
        transport = Transport(url, bench.api_key, bench.policy.concurrency)
        chat = Chat(bench, transport, loop)
        asyncio.run_coroutine_threadsafe(_watch(chat), loop)
        try:
            yield chat
        finally:
            asyncio.run_coroutine_threadsafe(_shut(chat, transport), loop).result()


async def _watch(chat: Chat) -> None:
    """End a run that gets nowhere."""
    while True:
        await asyncio.sleep(_PULSE)
        if why := chat.calls.breaker.stalled():
            chat.calls.halt(Unreachable(f"{chat.calls.url}: {why}"))


@contextlib.contextmanager
def _background() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread for the time of a `with` block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _shut(chat: Chat, transport: Transport) -> None:
    """Drop every call in flight, let what came back reach the disk, close the connections."""
    writing = chat.commits.writing if chat.commits else None
    tasks = asyncio.all_tasks() - {asyncio.current_task(), writing}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if chat.commits:
        await chat.commits.finish()
    await transport.aclose()
