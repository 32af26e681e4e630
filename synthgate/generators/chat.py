"""Any OpenAI-compatible chat completions server, over HTTP.

Calls run on an event loop in a thread of its own, so that an answer that was paid for reaches the
journal however slowly the rows are consumed, and a signal finds the main thread. The only module
that knows httpx.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from itertools import islice
from urllib.parse import urlsplit

import httpx

from synthgate.errors import SynthgateError, Unreachable, UsageError
from synthgate.generators import Answer, Bench, Request
from synthgate.generators.body import BadBody, read_body
from synthgate.generators.faults import ATTEMPTS, Reply, again, asked_wait, futile, pause
from synthgate.generators.journal import Record, request_key, sampling_of
from synthgate.rows import lot
from synthgate.version import __version__

_LOOKAHEAD = 4  # windows: one slow call must not keep the others idle
_SECRET = 8  # characters; a shorter key is a placeholder for a local server, and no secret


class Chat:
    """Asks for answers that the journal does not have, at most `concurrency` at a time."""

    def __init__(self, bench: Bench, client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop):
        policy = bench.policy
        self.identity = policy.model
        self._bench, self._client, self._loop = bench, client, loop
        self._url = endpoint(policy.base_url)
        self._sampling = sampling_of(policy, bench.seed)
        self._slots = asyncio.Semaphore(policy.concurrency)
        self._running: dict[str, asyncio.Task[Answer]] = {}
        self._stop: SynthgateError | None = None
        self._stopped = asyncio.Event()
        self._not_before = 0.0
        self._counting = threading.Lock()

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield one answer for each request, in order, a bounded number of requests ahead.

        Where going on is futile, what is in flight still reaches the journal before it raises.
        """
        asked, window = iter(requests), deque[Future[Answer]]()
        most = _LOOKAHEAD * self._bench.policy.concurrency
        while True:
            window.extend(map(self._submit, islice(asked, most - len(window))))
            if not window:
                return
            try:
                answer = window.popleft().result()
            except Unreachable:
                wait(window)
                raise
            yield answer

    def _submit(self, request: Request) -> Future[Answer]:
        """Return what will be the answer: what is on record, or a call on the loop."""
        key = request_key(self.identity, request.messages, self._sampling, request.sample)
        found = self._on_record(key)
        if not found:
            return asyncio.run_coroutine_threadsafe(self._settle(request, key), self._loop)
        with self._counting:  # several threads may ask
            self._bench.counts["replayed"] += 1
        future = Future[Answer]()
        future.set_result(found)
        return future

    def _on_record(self, key: str) -> Answer | None:
        journal = self._bench.journal
        return journal.settled(key, self._bench.policy.max_tokens) if journal else None

    async def _settle(self, request: Request, key: str) -> Answer:
        """Return the answer that was just bought, is being bought, or is bought now."""
        if found := self._on_record(key):
            return found
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = self._loop.create_task(self._ask(request, key))
            task.add_done_callback(lambda _: self._running.pop(key))
        return await task

    async def _ask(self, request: Request, key: str) -> Answer:
        """Make one wanted call and put what came of it on record before it is used."""
        async with self._slots:
            try:
                reply = await self._call(request, key)
                answer = self._keep(request, key, reply)
                if why := futile(reply):
                    raise Unreachable(f"{self._url}: {why}")
            except SynthgateError as error:
                self._stop = self._stop or error
                self._stopped.set()
                raise
        return answer

    async def _call(self, request: Request, key: str) -> Reply:
        """Return the reply to a call that is made up to three times where the fault may pass."""
        content, attempt = self._content(request, key), 0
        while True:
            await self._nap(self._not_before - time.monotonic())
            self._bench.counts["calls"] += 1
            reply = self._redacted(await self._once(content))
            attempt += 1
            if not again(reply) or futile(reply):
                return reply
            # What the server asks of one call is meant for all, as a minimum.
            self._not_before = max(self._not_before, time.monotonic() + reply.wait)
            if attempt == ATTEMPTS:
                return reply
            await self._nap(pause(attempt - 1, key))

    async def _nap(self, seconds: float) -> None:
        """Wait, but not beyond the moment when the run is stopped."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), seconds)
        if self._stop:
            raise self._stop

    def _content(self, request: Request, key: str) -> bytes:
        policy = self._bench.policy
        body = {
            "model": policy.model,
            "messages": request.messages,
            "temperature": policy.temperature,
            "top_p": policy.top_p,
            "max_tokens": policy.max_tokens,
            "seed": lot(self._bench.seed, key) >> 33,  # 31 bits: the most that every server takes
        }
        return json.dumps(body, ensure_ascii=False).encode()

    async def _once(self, content: bytes) -> Reply:
        """Make one call under one deadline for all of it, however slowly the body drips."""
        try:
            async with (
                asyncio.timeout(self._bench.policy.timeout),
                self._client.stream("POST", self._url, content=content) as response,
            ):
                seconds = asked_wait(response.headers)
                body = await read_body(response.aiter_raw(), response.headers)
                return Reply(response.status_code, body, wait=seconds)
        except BadBody as error:
            if response.status_code != 200:
                return Reply(response.status_code, error.text, wait=seconds)
            return Reply(200, error.text, error.reason, str(error))
        except (TimeoutError, httpx.TimeoutException):
            return Reply(error="timeout", detail=f"no answer in {self._bench.policy.timeout:g} s")
        except httpx.TransportError as error:
            return Reply(error="connection", detail=f"{type(error).__name__}: {error}")

    def _redacted(self, reply: Reply) -> Reply:
        """Return the reply without the API key, which a server may echo."""
        key = self._bench.api_key
        if len(key) < _SECRET or (key not in reply.body and key not in reply.detail):
            return reply
        body, detail = (text.replace(key, "[api key]") for text in (reply.body, reply.detail))
        return Reply(reply.status, body, reply.error, detail, reply.wait, redacted=True)

    def _keep(self, request: Request, key: str, reply: Reply) -> Answer:
        """Put the reply into the journal, whatever it is, and return what it means."""
        policy = self._bench.policy
        new = Record(
            key=key,
            model=policy.model,
            sample=request.sample,
            sampling=self._sampling,
            messages=list(request.messages),
            max_tokens=policy.max_tokens,
            status=reply.status,
            error=reply.error,
            detail=reply.detail,
            redacted=reply.redacted,
            body=reply.body,
        )
        if self._bench.journal:
            self._bench.journal.add(new)
        return new.answer()


def endpoint(base_url: str, flag: str = "--base-url") -> str:
    """Return the URL of chat completions for a base URL with or without `/v1`."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{flag} must look like https://host or http://host:port/v1")
    if parts.username or parts.query or parts.fragment:
        raise UsageError(f"{flag} must hold no user, query or fragment: it is recorded")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if path == parts.path.rstrip("/") and not re.search(r"/v\d", path):
        path += "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}/chat/completions"


@contextlib.contextmanager
def build(bench: Bench) -> Iterator[Chat]:
    """Connect for the time of a `with` block; what is in flight at its end is dropped."""
    endpoint(bench.policy.base_url)
    headers = {"content-type": "application/json", "accept-encoding": "gzip"}
    headers["user-agent"] = f"synthgate/{__version__}"
    if bench.api_key:
        headers["authorization"] = f"Bearer {bench.api_key}"
    size = bench.policy.concurrency
    client = httpx.AsyncClient(
        headers=headers,
        timeout=httpx.Timeout(bench.policy.timeout, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=size),
        follow_redirects=False,
    )
    with _background() as loop:
        try:
            yield Chat(bench, client, loop)
        finally:
            asyncio.run_coroutine_threadsafe(_shut(client), loop).result()


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


async def _shut(client: httpx.AsyncClient) -> None:
    """Drop every call in flight, then close the connections."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.aclose()
