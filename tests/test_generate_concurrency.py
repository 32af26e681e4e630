"""How many calls are let in: what a burst of 429 is, and what the limit does before servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.generators.concurrency import BURST, Slots
from tests.simulated import Rate, Room, Server, Sheds, run


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
