"""What a check is. One check a file; `build(argument, bench)` makes it from `name:argument`.

A verdict has four values. `abstain` is "could not tell": never a pass and never a fail.
`error` is a broken rig: never either. How the verdicts of a row's checks become one decision
is said in `combine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from synthgate import registry
from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row

Outcome = Literal["pass", "fail", "abstain", "error"]
Kind = Literal[
    "execution", "answer", "schema", "rule", "retrieval", "human", "judge", "agreement", "leak",
    "shared-execution", "arithmetic", "command", "function",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says of one row; `override` names a guard that the user switched off."""

    outcome: Outcome
    reason: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    override: str = ""


class Verifier:
    """One configured check. A new one sets `name` and `kind` and writes `check`.

    `name` is what a passing row shows in `verified_by`; `kind` is the class of its evidence.
    """

    name = ""
    kind: Kind = "function"
    config: Any = ""
    """What decides its verdicts beside the row: any JSON value. Another one, another check."""
    at_once = 1
    """How many rows it takes at a time; with more than 1, `check` is called from threads."""
    costly = False
    """Whether a verdict is worth keeping for a run that is taken up again."""
    looks_ahead = False
    """Whether `prepare` must see all rows before the first verdict."""

    def prepare(self, rows: Iterable[Row], shape: Shape) -> None:
        """Look at every row before the first is judged; raises `UsageError` to refuse them."""

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return the verdict on one row; never raises for anything that a row can hold.

        Raises `Unreachable` where the rig is broken for every other row as well.
        """
        raise NotImplementedError

    def notes(self) -> list[str]:
        """Return what the summary should say of this run of the check, a line each."""
        return []

    def close(self) -> None:
        """Release processes and connections; called once, however the run ends."""


def _no_secret(_name: str) -> str:
    return ""


def _silent(_text: str) -> None:
    pass


@dataclass(frozen=True)
class Bench:
    """What a check may use while it is built: its policy, and files through the one reader.

    `rows(path)` and `text(path)` read reference files, which the manifest then names; `secret`
    returns the value of an environment variable; `note` says one line on stderr.
    """

    policy: VerifyPolicy
    rows: Callable[[str], tuple[Iterable[Row], Shape]]
    text: Callable[[str], str]
    seed: int = 0
    secret: Callable[[str], str] = _no_secret
    note: Callable[[str], None] = _silent


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
