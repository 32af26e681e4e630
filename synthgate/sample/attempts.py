"""How often one lineage of sets was audited: a ledger that only grows, one line a draw.

A bad set passes one audit at most `risk` of the time, and the best of many audits far more often;
so attempts are counted. A set that was drawn keeps its draw: it is extended, never redrawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from synthgate.errors import BadLine, GateStop, Stale
from synthgate.labels import Chain
from synthgate.rows import parse
from synthgate.sample.plan import AuditPlan, digest_of
from synthgate.sample.terms import Terms


class Attempt(msgspec.Struct, frozen=True):
    """One draw: of which set, by which nonce and terms, and the how manieth of its lineage."""

    set_digest: str
    nonce: str
    terms: str
    attempt: int
    lineage: str = ""
    plan: str = ""


def attempt_of(plan: AuditPlan) -> Attempt:
    """Return the draw that a plan records."""
    asked = digest_of([plan.policy, plan.everyone, plan.gold_digest])
    seeding = plan.nonce if plan.nonce_from == "self" else f"{plan.nonce_from}:{plan.nonce}"
    return Attempt(plan.set_digest, seeding, asked, plan.attempt, plan.lineage, plan.plan)


def intended(set_digest: str, terms: Terms) -> Attempt:
    """Return the draw that is asked for, before it has a number and a plan."""
    asked = digest_of([terms.policy(), terms.everyone, terms.gold_digest])
    return Attempt(set_digest, terms.seeding, asked, 0, terms.lineage)


def number_of(known: Iterable[Attempt], asked: Attempt, most: int) -> int:
    """Return the how manieth attempt on its lineage a draw is; the same draw again is the same.

    Raises `Stale` where the set was drawn with another nonce, and `GateStop` where all `most`
    attempts are used up (0: there is no limit).
    """
    last = 0
    for each in known:
        same = each.set_digest == asked.set_digest
        if same and each.nonce != asked.nonce:
            raise Stale(
                "these rows were drawn before, with another nonce or seed: a sample can be "
                "extended, it is never drawn again"
            )
        if each.lineage == asked.lineage:
            if same and each.terms == asked.terms:
                return each.attempt
            last = max(last, each.attempt)
    if most and last >= most:
        raise GateStop(
            f"this lineage was audited {last} times and the policy allows {most}: nothing was drawn"
        )
    return last + 1


class Ledger:
    """The draws that a ledger's lines record, and the chain that they form."""

    def __init__(self, lines: Iterable[bytes], path: str) -> None:
        self._chain = Chain("")
        self.known: list[Attempt] = []
        for number, line in enumerate(lines, 1):
            where = f"{path}:{number}"
            try:
                value: dict[str, Any] = parse(line)
                self._chain.follow(line, value, where)
                self.known.append(msgspec.convert(value, Attempt))
            except (BadLine, msgspec.ValidationError) as error:
                raise Stale(f"{where}: is no line of a ledger of audits: {error}") from None

    def holds(self, plan: AuditPlan) -> bool:
        """Tell whether the draw of a plan is on record."""
        return any(each.plan == plan.plan and each.attempt == plan.attempt for each in self.known)

    def add(self, attempt: Attempt) -> bytes:
        """Record a draw; return the line for it, empty where it is on record."""
        if any(each.plan == attempt.plan for each in self.known):
            return b""
        self.known.append(attempt)
        return self._chain.seal(msgspec.to_builtins(attempt))
