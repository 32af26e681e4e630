"""When calls may be made: slots, pace, budgets, and the breaker that ends a run in vain."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import GeneratePolicy
from synthgate.errors import Unreachable
from synthgate.generators import Bench, Request
from synthgate.generators.calls import Asking, Calls
from synthgate.generators.concurrency import BURST, Slots
from synthgate.generators.faults import Reply, again, asked_wait, futile
from synthgate.generators.network import Reader, Stream
from synthgate.generators.pacing import Pace
from synthgate.generators.spending import Spending, Usage, usage_of
from synthgate.generators.stall import Breaker
from synthgate.generators.wire import Dialect
from tests.chat_server import ChatServer, generate


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        yield running


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# --- slots ------------------------------------------------------------------------------


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_slots_are_never_oversold(firsts: list[bool], most: int) -> None:
    """No more calls than slots are in flight at any moment, and every one that waits gets in."""
    seen: list[int] = []

    async def one(slots: Slots, first: bool) -> None:
        await slots.take(first=first)
        seen.append(slots.in_flight)
        await asyncio.sleep(0)
        slots.free()

    async def everyone() -> None:
        slots = Slots(most)
        await asyncio.wait_for(asyncio.gather(*(one(slots, first) for first in firsts)), 20)
        assert slots.in_flight == 0

    asyncio.run(everyone())
    assert len(seen) == len(firsts)
    assert max(seen, default=0) <= most


def test_a_slot_of_one_who_leaves_is_not_lost() -> None:
    """A call that is cancelled while it waits, even with its turn given, leaves it to the next."""

    async def run() -> None:
        slots = Slots(1)
        await slots.take()
        leaving = asyncio.create_task(slots.take())
        staying = asyncio.create_task(slots.take())
        await asyncio.sleep(0)
        slots.free()  # gives the turn to the one that leaves
        leaving.cancel()
        await asyncio.wait_for(staying, 5)
        assert slots.in_flight == 1

    asyncio.run(run())


# --- pace -------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), min_size=1, max_size=40),
    st.integers(1, 200),
)
def test_never_more_than_the_limit_in_a_minute(
    asked: list[tuple[float, int]], a_minute: int
) -> None:
    """In any 60 s, what starts after the first is at most the limit (an independent count)."""
    pace, now = Pace(a_minute), 0.0
    started: list[tuple[float, int]] = []
    for gap, units in asked:
        now += gap
        started.append((now + pace.delay(units, now), units))
    for index, (begin, _) in enumerate(started):
        window = [units for start, units in started[index:] if start < begin + 60 - 1e-6]
        assert sum(window[:-1]) <= a_minute + 1e-6
    assert started == sorted(started, key=lambda each: each[0])


def test_no_limit_is_no_wait() -> None:
    """Zero a minute means that nobody waits."""
    pace = Pace(0)
    assert [pace.delay(1000, 0.0) for _ in range(5)] == [0.0] * 5


def test_rpm_is_kept(server: ChatServer, tmp_path: Path) -> None:
    """Calls of a run are at least the asked time apart, however many could be in flight."""
    prompts = [f"prompt {number}" for number in range(6)]
    generate(server, tmp_path, prompts, "--rpm", "300", "--concurrency", "6")
    times = sorted(each["at"] for each in server.requests)
    assert times[-1] - times[0] >= 5 * 0.2 * 0.6  # the first one may arrive late


def test_tpm_is_kept(server: ChatServer, tmp_path: Path) -> None:
    """Tokens are counted as the server reports them: 7 a call, 840 a minute, half a second each."""
    prompts = [f"prompt {number}" for number in range(5)]
    flags = ("--tpm", "840", "--max-tokens", "1", "--concurrency", "1")
    generate(server, tmp_path, prompts, *flags)
    times = sorted(each["at"] for each in server.requests)
    assert times[-1] - times[0] >= 4 * 0.5 * 0.6


# --- budgets ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, Usage(3, 4)),
        ({"usage": {"input_tokens": 3, "output_tokens": 4}}, Usage(3, 4)),
        ({"usage": {"prompt_tokens": 0, "completion_tokens": 0}}, None),
        ({"usage": None}, None),
        ({"usage": {"prompt_tokens": "3", "completion_tokens": -1}}, None),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 2}}, Usage(0, 2)),
        ({}, None),
    ],
)
def test_usage(body: dict[str, Any], expected: Usage | None) -> None:
    """Usage is read in both spellings; nonsense and zero are no usage."""
    assert usage_of(body) == usage_of(json.dumps(body)) == expected


@pytest.mark.parametrize("name", ["good", "null", "internal", "filtered"])
def test_a_budget_of_tokens_is_a_hard_stop(server: ChatServer, tmp_path: Path, name: str) -> None:
    """At 7 tokens a call, 100 tokens are 14 calls at most, failed ones too; then exit 7.

    A 500 reports no usage, so that what it may have cost is counted instead.
    """
    server.always = name
    prompts = [f"prompt {number}" for number in range(60)]
    flags = ("--budget-tokens", "100", "--concurrency", "8", "--max-tokens", "4")
    done = generate(server, tmp_path, prompts, *flags)
    assert (done.code, done.rows) == (7, [])
    assert "--budget-tokens" in done.err.splitlines()[-1]
    assert 1 <= server.calls <= 14
    journal = (tmp_path / "journal.jsonl").read_bytes().splitlines()
    assert name == "internal" or len(journal) == server.calls
    assert all(json.loads(line)["key"] for line in journal)


def test_a_budget_of_dollars_is_a_hard_stop(server: ChatServer, tmp_path: Path) -> None:
    """3 + 4 tokens at 1 and 2 dollars a million are 11e-6 dollars; what is bought is kept."""
    prompts = [f"prompt {number}" for number in range(40)]
    flags = ("--budget-usd", "0.00025", "--price-in", "1", "--price-out", "2", "--max-tokens", "9")
    done = generate(server, tmp_path, prompts, *flags)
    assert (done.code, "--budget-usd" in done.err.splitlines()[-1]) == (7, True)
    assert 5 <= server.calls <= 22
    bought = server.calls
    done = generate(server, tmp_path, prompts)
    assert (done.code, len(done.rows), server.calls) == (0, 40, 40)
    assert bought == len({each["prompt"] for each in server.requests[:bought]})


def test_a_budget_is_not_overdrawn_by_many_at_once(server: ChatServer, tmp_path: Path) -> None:
    """Until the length of an answer is known, calls go one at a time."""
    server.delay = 0.1
    prompts = [f"prompt {number}" for number in range(30)]
    flags = ("--budget-tokens", "60", "--concurrency", "16", "--max-tokens", "1000")
    assert generate(server, tmp_path, prompts, *flags).code == 7
    assert 1 <= server.calls * 7 <= 60


@pytest.mark.parametrize("unit", ["tokens", "usd"])
def test_a_budget_is_overdrawn_by_one_call_at_most(
    server: ChatServer, tmp_path: Path, unit: str
) -> None:
    """Answers that grow longer than all before, 64 at a time: the bill stays within one call."""
    server.always, server.delay = "lengthening", 0.02
    prompts = [f"prompt {number}" for number in range(900)]
    flags = ["--budget-tokens", "25000"]
    if unit == "usd":  # the same budget at a dollar a token
        flags = ["--budget-usd", "25000", "--price-in", "1e6", "--price-out", "1e6"]
    done = generate(server, tmp_path, prompts, *flags, "--concurrency", "64", "--max-tokens", "200")
    assert (done.code, f"--budget-{unit}" in done.err.splitlines()[-1]) == (7, True)
    request = max(len(json.dumps(each["body"])) for each in server.requests)
    assert server.most_in_flight > 16
    assert 25_000 - (request + 200) <= server.billed <= 25_000 + 200 - 1


def test_a_price_is_needed_to_spend_dollars(server: ChatServer, tmp_path: Path) -> None:
    """A budget in dollars without prices could never stop anything: exit 2, nothing called."""
    done = generate(server, tmp_path, ["one"], "--budget-usd", "1")
    assert (done.code, server.calls) == (2, 0)
    assert "--price-in" in done.err


@given(
    st.integers(10, 3000),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 60), st.booleans()), max_size=60),
)
def test_what_is_known_is_never_overspent(budget: int, calls: list[tuple[int, int, bool]]) -> None:
    """Where no answer is longer than the first, the budget holds to the last token."""
    policy = GeneratePolicy(budget_tokens=budget)

    async def run() -> int:
        spending = Spending(policy)
        longest, paid = 60, 0  # counted here, and not by what is tested
        for prompt, completion, failed in [(1, 60, False), *calls]:
            wanted = spending.estimate(b"x" * 4 * prompt, longest)
            try:
                await asyncio.wait_for(spending.reserve(wanted), 5)
            except Unreachable:
                break
            usage = {"prompt_tokens": prompt, "completion_tokens": completion}
            body = json.dumps({"usage": usage, "choices": []})
            spending.settle(wanted, Reply(500 if failed else 200, body))
            paid += prompt + completion
        return paid

    assert asyncio.run(run()) <= max(budget, 61)


# --- the breaker ------------------------------------------------------------------------


def test_a_stall_is_seen() -> None:
    """No answer for the time that was set, while something is asked, is a stall."""
    clock = Clock()
    breaker = Breaker(60, 4, clock)
    clock.now = 1000.0
    assert breaker.stalled() == ""  # nobody asks
    breaker.begin()
    clock.now += 59
    breaker.heard("http_429")
    assert breaker.stalled() == ""
    clock.now += 2
    assert "61 s (http_429 1)" in breaker.stalled()
    breaker.heard("")
    assert breaker.stalled() == ""
    clock.now += 59
    breaker.waited(30)  # the user's own limit
    clock.now += 10
    assert breaker.stalled() == ""
    breaker.end()
    clock.now += 1000
    assert breaker.stalled() == ""


def test_a_wait_of_many_counts_once() -> None:
    """64 calls that wait for the same half minute put the stall off by half a minute."""
    clock = Clock()
    breaker = Breaker(60, 64, clock)
    breaker.begin()
    for _ in range(64):
        breaker.waited(30)
    clock.now += 89
    assert breaker.stalled() == ""
    clock.now += 2
    assert breaker.stalled()
    breaker.waited(30)
    clock.now += 20
    breaker.waited(30)  # 20 s of the last wait, then 30 more
    assert breaker.stalled() == ""
    clock.now += 39
    assert breaker.stalled()


def test_no_call_starts_in_a_burst() -> None:
    """Where all are refused, the calls that wait are not thrown after the first ones."""
    times: list[float] = []

    class Refusing:
        url = "http://nowhere"

        async def post(self, _content: bytes, _timeout: float) -> Reply:
            times.append(time.monotonic())
            await asyncio.sleep(0)
            return Reply(429, "{}")

    async def keep(_reply: Reply, _dialect: Dialect) -> None: ...

    async def run() -> None:
        policy = GeneratePolicy(model="m", concurrency=32, attempts=1)
        calls = Calls(Bench(policy, 0, "", None), Refusing())  # type: ignore[arg-type]
        message = ({"role": "user", "content": "?"},)
        sampling = {"seed": 0, "temperature": 1.0, "top_p": 1.0}
        wanted = (Asking(f"{number:064x}", sampling, 9) for number in range(90))
        await asyncio.gather(*(calls.make(Request(message, 0), each, keep) for each in wanted))

    asyncio.run(run())
    assert len(times) == 90
    assert sum(at < times[0] + 0.8 * BURST for at in times) <= 32 + 7


@given(st.lists(st.sampled_from(["", "http_404", "connection", "http_400"]), max_size=130))
def test_a_row_of_the_same_fault(causes: list[str]) -> None:
    """50 times the same fault of the server, and no answer before, end a run; else nothing."""
    breaker = Breaker(60, 1)
    for index, cause in enumerate(causes):
        if not cause:
            breaker.heard("")
        why = breaker.settled(cause)
        row = len(list(itertools.takewhile(lambda c: c == cause, reversed(causes[: index + 1]))))  # noqa: B023
        fatal = cause in ("http_404", "connection") and row >= 50 and "" not in causes[:index]
        assert bool(why) == fatal


def test_a_wrong_model_is_not_asked_for_thousands_of_times(
    server: ChatServer, tmp_path: Path
) -> None:
    """A server that knows nothing of what is asked ends the run after some 50 calls, with 7."""
    server.always = "not_found"
    prompts = [f"prompt {number}" for number in range(300)]
    done = generate(server, tmp_path, prompts, "--concurrency", "4")
    assert (done.code, "http_404" in done.err.splitlines()[-1]) == (7, True)
    assert 50 <= server.calls <= 54


def test_a_silent_server_is_given_up(server: ChatServer, tmp_path: Path) -> None:
    """A server that only ever says 429 ends the run by itself, with 7 and the reason."""
    server.always = "rate_limit"
    flags = ("--stall", "2", "--timeout", "1", "--attempts", "100", "--concurrency", "4")
    done = generate(server, tmp_path, [f"prompt {number}" for number in range(9)], *flags)
    assert done.code == 7
    assert "no answer for" in done.err.splitlines()[-1]
    assert "http_429" in done.err.splitlines()[-1]


# --- classes of faults ------------------------------------------------------------------


@pytest.mark.parametrize("status", range(300, 600))
def test_what_is_asked_again(status: int) -> None:
    """Exactly 408, 429, 500, 502, 503, 504 and 529 may pass by themselves."""
    assert again(Reply(status, "{}")) == (status in (408, 429, 500, 502, 503, 504, 529))


@pytest.mark.parametrize("status", [402, 429])
@pytest.mark.parametrize(
    "code",
    [
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
    ],
)
def test_billing_is_futile(status: int, code: str) -> None:
    """No code of billing is asked again, whatever Retry-After says beside it."""
    body = json.dumps({"error": {"message": "m", "code": code}})
    assert futile(Reply(status, body, wait=1.0))


def test_payment_with_a_date_is_a_pause() -> None:
    """402 ends a run, unless the server says when to come back."""
    assert futile(Reply(402, "{}"))
    assert again(Reply(402, "{}", wait=3.0))
    assert not futile(Reply(402, "{}", wait=3.0))
    assert futile(Reply(402, "{}", wait=61.0))
    assert not futile(Reply(402, "{}", wait=61.0), longest_wait=100.0)


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after": " 1.5 "}, 1.5, 1.5),
        ({"retry-after": "Thu, 01 Jan 2015 00:00:00 GMT"}, 0, 0),
        ({"retry-after": "Fri, 31 Dec 2100 23:59:59 GMT"}, 1e6, 1e11),
        ({"retry-after": "soon"}, -1, -1),
        ({"retry-after": "-5"}, -1, -1),
        ({"retry-after": "1e9"}, -1, -1),
        ({"retry-after": "9" * 400}, -1, -1),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25, 0.25),
        ({}, -1, -1),
    ],
)
def test_retry_after(headers: dict[str, str], low: float, high: float) -> None:
    """Seconds or a date, never below zero; nonsense is as if nothing was said."""
    assert low <= asked_wait(headers) <= high


def test_a_connection_with_leftovers_is_not_used_again() -> None:
    """More bytes than the response, read or unread, spoil a connection."""

    class Writer:
        def write(self, data: bytes) -> None: ...

        async def drain(self) -> None: ...

    async def exchange(raw: bytes, length: int | None, later: bytes = b"") -> bool:
        reader = Reader()
        stream = Stream(reader, Writer())  # type: ignore[arg-type]
        await stream.write(b"POST")
        reader.feed_data(raw)
        await stream.read(65536)
        stream.ended(length)
        if later:
            reader.feed_data(later)
        return bool(stream.get_extra_info("is_readable"))

    async def run() -> None:
        whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
        chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        assert not await exchange(whole, 2)
        assert await exchange(whole + whole, 2)
        assert await exchange(whole, 2, later=b"H")
        assert not await exchange(chunks, None)
        assert await exchange(chunks + chunks, None)

    asyncio.run(run())
