"""How many calls are let in: what a burst of 429 is, and what the limit does before servers."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import GeneratePolicy
from synthgate.generators import Bench, Request, calls
from synthgate.generators.calls import Asking, Calls
from synthgate.generators.concurrency import BURST, Slots
from synthgate.generators.faults import Reply
from synthgate.generators.wire import Dialect
from tests.simulated import Hurried, Rate, Room, Server, Sheds, run


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


def refuse(slots: Slots, clock: Clock, times: int, began: float) -> int:
    """Refuse some calls; return how many cuts that made."""
    return sum(slots.refused(began) for _ in range(times))


def test_one_cut_for_a_burst() -> None:
    """Seven refusals of the last 25 are a burst; calls from before its cut do not cut again."""
    clock = Clock()
    slots = Slots(64, clock)
    assert refuse(slots, clock, 6, 3.0) == 0 and slots.limit == 64
    assert refuse(slots, clock, 40, 9.9) == 1 and slots.limit == 48
    clock.now += BURST * 3
    assert refuse(slots, clock, 40, 9.9) == 0  # begun before the cut
    assert refuse(slots, clock, 7, 11.0) == 1 and slots.limit == 36
    clock.now += BURST / 2
    assert refuse(slots, clock, 40, clock.now) == 0  # the burst is not over
    clock.now += BURST
    assert refuse(slots, clock, 1, clock.now) == 1 and slots.limit == 27


@given(st.lists(st.booleans(), max_size=200))
def test_fewer_than_a_quarter_is_no_burst(refused: list[bool]) -> None:
    """The first cut comes with the first 25 calls in a row of which seven were refused."""
    clock = Clock()
    slots = Slots(64, clock)
    for at, each in enumerate(refused, 1):
        if each:
            slots.refused(clock.now)
        else:
            slots.went_well(clock.now)
        if sum(refused[max(0, at - 25) : at]) >= 7:
            assert slots.limit == 48
            return
        assert slots.limit == 64


def test_the_limit_stays_in_its_bounds() -> None:
    """However often a server refuses, one call is left; however well it goes, never too many."""
    clock = Clock()
    slots = Slots(4, clock)
    for _ in range(30):
        clock.now += 2
        refuse(slots, clock, 7, clock.now - 0.1)
    assert slots.limit == 1
    for _ in range(24):
        slots.went_well(clock.now)
    slots.refused(clock.now)
    for _ in range(24):
        slots.went_well(clock.now)
    assert slots.limit == 1  # a refusal begins the 25 anew
    slots.went_well(clock.now)
    assert slots.limit == 2
    for _ in range(1000):
        slots.went_well(clock.now)
    assert slots.limit == 4


def test_calls_start_apart_after_a_cut() -> None:
    """Without a cut calls start at once; after one they are spread, behind a pause in a flood."""
    clock = Clock()
    slots = Slots(8, clock)
    slots.went_well(clock.now - 2.0)  # an answer takes two seconds
    assert [slots.start() for _ in range(9)] == [0.0] * 9
    refuse(slots, clock, 7, clock.now)
    assert (slots.limit, slots.cuts) == (6, 1)
    starts = [slots.start() for _ in range(7)]
    assert starts == pytest.approx([BURST + number * 0.75 * 2 / 6 for number in range(7)])
    clock.now += 60.0
    assert slots.start() == 0.0
    for _ in range(100):
        slots.went_well(clock.now)
    assert slots.limit == 8 and slots.start() > 0  # the one that was booked
    clock.now += 60.0
    assert [slots.start() for _ in range(9)] == [0.0] * 9


def test_a_cut_without_a_flood_stops_nothing() -> None:
    """A server that refuses seven calls of 25 is over its limit, but not by much."""
    clock = Clock()
    slots = Slots(64, clock)
    for _ in range(18):
        slots.went_well(clock.now)
    assert refuse(slots, clock, 7, clock.now) == 1
    assert slots.start() == 0.0


def test_a_refused_slot_rests_as_long_as_an_answer_takes() -> None:
    """What is left of the time of an answer, half a second at most; nothing before any answer."""
    clock = Clock()
    slots = Slots(8, clock)
    assert slots.rest(clock.now) == 0.0
    slots.went_well(clock.now - 0.3)
    assert slots.rest(clock.now - 0.1) == pytest.approx(0.2)
    assert slots.rest(clock.now - 0.4) == 0.0
    for _ in range(200):
        slots.went_well(clock.now - 9.0)
    assert slots.rest(clock.now) == BURST


def test_it_grows_by_a_sixteenth() -> None:
    """25 successes let one more in for each 16 that are, and at least one."""
    slots = Slots(1000, Clock())
    slots.limit = 64
    grown = []
    for _ in range(4 * 25):
        slots.went_well(20.0)
        grown.append(slots.limit)
    assert grown[23::25] == [64, 68, 72, 76] and grown[24::25] == [68, 72, 76, 80]


@pytest.mark.parametrize("seconds", [0.05, 0.3, 3.0])
@pytest.mark.parametrize(("share", "least"), [(0.05, 60.0), (0.10, 24.0)])
def test_a_server_that_sheds_load_is_used(share: float, least: float, seconds: float) -> None:
    """A steady share of random 429 does not drive the calls down, however slow the answers."""
    came = run(Sheds(share, seconds), 4_000)
    assert came.limit >= least
    assert (came.answered, came.lost) == (4_000, 0)


@pytest.mark.parametrize(
    ("server", "a_second", "least"),
    [
        (Rate(100, 0.05), 100, 0.9),
        (Rate(100, 0.5), 100, 0.9),
        (Rate(300, 0.05), 300, 0.85),
        (Rate(20, 0.05), 20, 0.95),
        (Rate(20, 3.0), 20, 0.85),
        (Room(16, 1.0), 16, 0.9),
        (Room(8, 0.05), 160, 0.75),
    ],
    ids=["100/s", "100/s long", "300/s", "20/s", "20/s long", "room for 16", "room for 8"],
)
def test_what_a_server_takes_is_used(server: Server, a_second: float, least: float) -> None:
    """The calls that a server would take are made, whether its limit is of calls or of time."""
    came = run(server, 5_000)
    assert came.answered / came.seconds >= least * a_second
    assert came.lost <= 5


@pytest.mark.parametrize(
    ("server", "low", "high"),
    [(Room(16, 1.0), 12, 18), (Room(48, 3.0), 36, 56), (Rate(20, 0.3), 4, 12)],
    ids=["room for 16", "room for 48", "20 a second"],
)
def test_a_server_with_a_limit_is_kept_busy(server: Server, low: float, high: float) -> None:
    """The limit settles where the server's own is, at few refusals, and no call is given up."""
    came = run(server, 2_000)
    assert low <= came.limit <= high
    assert came.refused <= 0.25 * came.answered
    assert (came.answered, came.lost) == (2_000, 0)


def client(server: Server, wanted: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], int]:
    """Let the real client make its calls to a simulated server, in the time of a hurried loop.

    Returns when each answer came, and the limit at the end.
    """
    loop, came = Hurried(), list[float]()
    monkeypatch.setattr(time, "monotonic", loop.time)
    monkeypatch.setattr(calls, "Slots", partial(Slots, now=loop.time))

    class Line:
        url = "http://nowhere"

        async def post(self, _content: bytes, _timeout: float) -> Reply:
            seconds, answered = server.ask(loop.time())
            await asyncio.sleep(seconds)
            if answered:
                server.end()
            return Reply(200 if answered else 429, "{}")

    async def keep(reply: Reply, _dialect: Dialect) -> None:
        if reply.status == 200:
            came.append(loop.time())

    async def everyone() -> int:
        client = Calls(Bench(GeneratePolicy(model="m", concurrency=64), 0, "", None), Line())  # type: ignore[arg-type]
        sampling = {"seed": 0, "temperature": 1.0, "top_p": 1.0}
        window = asyncio.Semaphore(4 * 64)

        async def one(number: int) -> None:
            async with window:
                message = ({"role": "user", "content": "?"},)
                await client.make(Request(message, 0), Asking(f"{number:064x}", sampling, 9), keep)

        await asyncio.gather(*(one(number) for number in range(wanted)))
        return client._slots.limit

    limit = loop.run_until_complete(everyone())
    loop.close()
    return came, limit


def test_the_client_uses_what_a_server_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 calls a second that a server takes, 90 are made once the limit is found, or more.

    Answers take 50 ms, so that five calls in flight would do, and 64 are wanted.
    """
    came, limit = client(Rate(100, 0.05), 2_000, monkeypatch)
    assert len(came) >= 1_998 and limit <= 12
    assert 1_400 / (came[1_900] - came[500]) >= 90


def test_the_client_is_not_driven_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 % of 429 whatever comes, at answers of 3 s: 64 stay in flight, and nothing is given up."""
    came, limit = client(Sheds(0.05, 3.0), 1_500, monkeypatch)
    assert (len(came), limit) == (1_500, 64)
