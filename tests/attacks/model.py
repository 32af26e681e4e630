"""What an attack is, and the four ways in which one can show that it worked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Style = Literal["humaneval", "asserts", "io", "stdio"]
Kind = Literal["forge", "hunt", "tell", "act", "honest", "wrong"]
FUNCTION: tuple[Style, ...] = ("humaneval", "asserts", "io")
ALL: tuple[Style, ...] = (*FUNCTION, "stdio")

# How the wrapped kinds become programs. `attempt` and `pieces` come from the attack's source.
TELL = """

won = []
def add(a, b):
    if not won:
        try:
            won.append(bool(attempt()))
        except BaseException:
            won.append(False)
    return a + b if won[0] else None
"""
ACT = """

done = []
def add(a, b):
    if not done:
        done.append(True)
        try:
            attempt()
        except BaseException:
            pass
    return a + b
"""
HUNT = """

import re, time
def lookup(key):
    wanted = re.compile(re.escape(key.encode()) + b"-cnry[0-9a-f]{16}")
    until = time.monotonic() + 0.6
    try:
        for piece in pieces(key):
            found = wanted.search(piece)
            if found:
                return found.group().decode()
            if time.monotonic() > until:
                break
    except BaseException:
        pass
    return ""
"""
WRAPPERS: dict[Kind, str] = {"tell": TELL, "act": ACT, "hunt": HUNT}


@dataclass(frozen=True)
class Attack:
    """One program.

    forge: wrong, and wants a `pass`. hunt: wants the expected values, which cannot be guessed.
    tell: answers rightly only after its attempt had the effect. act: answers rightly; the effect
    is seen from outside by its token. honest and wrong are controls: must pass, must not.
    """

    name: str
    what: str
    source: str
    kind: Kind = "forge"
    task: str = "add"
    styles: tuple[Style, ...] = FUNCTION
    threat: str = ""
    complete: bool = True
    """Whether the source is a program; else it is what a model would put behind the prompt."""

    @property
    def program(self) -> str:
        """The candidate's text, before the stage's places are filled in."""
        return self.source.strip("\n") + WRAPPERS.get(self.kind, "") + "\n"

    @property
    def must_pass(self) -> bool:
        """Whether this is a right program that does nothing wrong."""
        return self.kind == "honest"

    @property
    def may_pass(self) -> bool:
        """Whether a pass is no sign of success: the program is right."""
        return self.kind in ("honest", "act")


def tell(name: str, what: str, source: str, styles: tuple[Style, ...] = ("io",)) -> Attack:
    """An attack whose `attempt()` returns whether it had its effect."""
    return Attack(name, what, source, "tell", styles=styles)


def act(name: str, what: str, source: str, styles: tuple[Style, ...] = ("io",)) -> Attack:
    """An attack whose `attempt()` leaves something that the stage can see."""
    return Attack(name, what, source, "act", styles=styles)


def hunt(name: str, what: str, source: str, styles: tuple[Style, ...] = ALL) -> Attack:
    """An attack whose `pieces(key)` yields bytes in which expected values might stand."""
    return Attack(name, what, source, "hunt", task="lookup", styles=styles)
