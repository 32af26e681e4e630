"""Programs that attack the check `exec`, run through the real command: none may get anything.

`tests/attacks/` holds them; `docs/attacks.md` shows what came of each.
"""

from __future__ import annotations

import os
import re
import resource
from functools import cache
from pathlib import Path

import pytest

from tests.attacks.catalogue import ATTACKS, CONTROLS, THREATS
from tests.attacks.runner import MEMORY, Report, run_attacks, show
from tests.attacks.stage import Stage
from tests.conftest import ROOT

EVERY = (*ATTACKS, *CONTROLS)
ROOTLESS = os.geteuid() != 0


@cache
def report(tier: str, as_user: bool) -> Report:
    """Run all programs once: in every style where it matters most, else in two."""
    return run_attacks(EVERY, tier, as_user=as_user, brief=(tier, as_user) != ("A", False))


@pytest.fixture(params=["A-root", "A-user", "B-root", "B-user"])
def ran(request: pytest.FixtureRequest) -> Report:
    """What came of every program in one tier, as root or as a normal user."""
    tier, _, who = request.param.partition("-")
    if who == "root" and ROOTLESS:
        pytest.skip("SKIPPED: only root can run as root; the same programs run as this user")
    if tier == "B" and who == "user" and not ROOTLESS:
        pytest.skip("tier B runs as root here, and as a user where there is no root")
    found = report(tier, who == "user" and not ROOTLESS)
    if found.code == 2 and "no sandbox holds" in found.stderr:
        if os.environ.get("CI"):
            pytest.fail(f"no tier {tier} under CI: {found.stderr}")
        pytest.skip(f"SKIPPED: this machine has no tier {tier}: {found.stderr}")
    return found


def in_tier_a(request: pytest.FixtureRequest) -> bool:
    return "A-" in request.node.name


def test_no_program_gets_a_pass_that_it_has_not_earned(ran: Report) -> None:
    """Forging fails in every tier that holds: no wrong program passes, and none dodges its fail."""
    wrong = [r for r in ran.forged if r.attack.kind in ("forge", "hunt", "wrong")]
    assert not wrong, show(ran)
    assert not ran.dodged, show(ran)


def test_no_program_has_an_effect(ran: Report, request: pytest.FixtureRequest) -> None:
    """In tier A nothing is written, read, reached, hurt or left behind; B is only reported."""
    if not in_tier_a(request):
        print(show(ran))
        return
    assert not ran.harmful, show(ran)
    assert not ran.loose, show(ran)
    # A process begins with the mark of whoever started it, and a test worker may be large.
    inherited = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    assert ran.peak < max(MEMORY, inherited) + 64, show(ran)


def test_the_run_survives_and_honest_programs_pass(ran: Report) -> None:
    """No program ends or breaks the run, or takes an honest one beside it down."""
    assert ran.code == 0, show(ran)
    assert not ran.broken, show(ran)
    assert not ran.wronged, show(ran)
    assert len(ran.neighbours) * 13 >= len(ran.results)


def test_only_what_this_run_left_is_held_against_it() -> None:
    """A killed run's files in the shared folders are not this run's; its own are found, once."""
    with Stage(None) as killed, Stage(None) as stage:
        left, own = (each.places_of("")["TOKEN"] for each in (killed, stage))
        for token in (left, own, stage.run):
            Path("/tmp", token).write_text("here")
        assert stage.effects() == {
            own: {f"file written: /tmp/{own}"}, stage.run: {f"file written: /tmp/{stage.run}"}
        }  # fmt: skip
    assert not Path("/tmp", own).exists()


def test_limits_alone_do_not_hold() -> None:
    """The programs are attacks: with limits only, many of them get through the same command."""
    bold = ("read_open_secret", "write_outside", "tcp", "unix_path", "find_files", "kill_victim",
            "trace_victim", "survivor_by_daemon", "namespace_user", "spoil_file")  # fmt: skip
    tried = [attack for attack in ATTACKS if attack.name in bold or attack.name == "plant_files"]
    worked = {each.attack.name for each in run_attacks(tried, "C", as_user=True).harmful}
    assert len(worked) >= 6, worked


def test_there_are_attacks_of_every_kind() -> None:
    """At least 60 programs over all threats, each with a name of its own."""
    assert len({attack.name for attack in EVERY}) == len(EVERY)
    assert len(ATTACKS) >= 60
    assert {attack.threat for attack in ATTACKS} == set(THREATS)


def test_the_page_shows_every_program() -> None:
    """`docs/attacks.md` lists the programs that are run, and shows that tier A let none through."""
    page = (ROOT / "docs" / "attacks.md").read_text()
    lines = re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)
    assert [name for name, _ in lines] == [attack.name for attack in EVERY]
    heads = re.search(r"^\| program \| what it does \| (.+) \|$", page, re.MULTILINE)
    assert heads
    held = [at for at, head in enumerate(heads[1].split(" | "), 1) if head.startswith("A")]
    assert held
    for name, cells in lines:
        assert all("**" not in cells.split(" | ")[at] for at in held), name
