"""What a check is. One check a file; `build(argument, bench)` makes it from `name:argument`.

A verdict has four values. `abstain` is "could not tell": never a pass and never a fail.
`error` is a broken rig: never either. A row is verified when no check fails or errs and at
least one passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from synthgate import registry
from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row

Outcome = Literal["pass", "fail", "abstain", "error"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says of one row; `override` names a guard that the user switched off."""

    outcome: Outcome
    reason: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    override: str = ""


class Verifier(Protocol):
    """One configured check; `name` is what a passing row shows in `verified_by`."""

    name: str

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return the verdict on one row; never raises for anything that a row can hold."""
        ...


@dataclass(frozen=True)
class Bench:
    """What a check may use while it is built: its policy, and files through the one reader."""

    policy: VerifyPolicy
    rows: Callable[[str], tuple[Iterable[Row], Shape]]
    text: Callable[[str], str]


Build = Callable[[str, Bench], Verifier]
PASS = Verdict("pass")


def assemble(specs: Iterable[str], bench: Bench) -> list[Verifier]:
    """Return the checks that `name` or `name:argument` specifications name, in their order."""
    checks = []
    for spec in specs:
        name, _, argument = spec.partition(":")
        build: Build = registry.find("verifiers", name)
        checks.append(build(argument, bench))
    if not checks:
        known = " | ".join(registry.BUILTIN["verifiers"])
        raise UsageError(f"verify needs at least one --check: {known}")
    return checks
