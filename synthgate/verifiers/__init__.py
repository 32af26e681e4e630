"""What a check is. One check a file; `build(argument, bench)` makes it from `name:argument`.

A verdict has four values. `abstain` is "could not tell": never a pass and never a fail.
`error` is a broken rig: never either. How the verdicts of a row's checks become one decision
is said in `combine`, which of them are measured in `tally` and `calibration`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from synthgate import registry
from synthgate.config import VerifyPolicy, build
from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.verifiers.specs import Spec, read_spec
from synthgate.version import __version__

Outcome = Literal["pass", "fail", "abstain", "error"]
Kind = Literal[
    "execution", "answer", "schema", "rule", "retrieval", "human", "judge", "agreement", "leak",
    "shared-execution", "arithmetic", "command", "function",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says of one row; `override` names a guard that the user switched off.

    `kind` is the class of this evidence where it is a weaker one than the check's own.
    """

    outcome: Outcome
    reason: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)
    override: str = ""
    kind: Kind | Literal[""] = ""


class Verifier:
    """One configured check. A new one sets `name` and `kind` and writes `check`.

    `name` is what a passing row shows in `verified_by`; `kind` is the class of its evidence.
    """

    name = ""
    kind: Kind = "function"
    config: Any = ""
    """What decides its verdicts beside the row, from the time it is built: any JSON value. With
    another one it is another check."""
    at_once = 1
    """How many rows it takes at a time; with more than 1, `check` is called from threads."""
    costly = False
    """Whether a verdict is worth keeping for a run that is taken up again."""
    looks_ahead = False
    """Whether `prepare` must see all rows before the first verdict."""
    canary = True
    """Whether it is tried with a blank answer, which it must not pass. A check of something else
    than the answer is not; then its pass alone accepts no row, unless its kind is `human`."""

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

    def take_notes(self) -> Any:
        """Return what `notes` counts, as data, and count from nothing again.

        Where several processes check rows, `add_notes` adds up what each of them took.
        """

    def add_notes(self, taken: Any) -> None:
        """Add what another process counted; those of earlier rows come first."""

    def close(self) -> None:
        """Release processes and connections; called once, however the run ends.

        Where it was interrupted, threads may still be in `check`.
        """


def _no_secret(_name: str) -> str:
    return ""


def _silent(_text: str) -> None:
    pass


def _no_records(_path: str) -> Iterable[Row]:
    return ()


@dataclass(frozen=True)
class Bench:
    """What a check may use while it is built: its policy, and files through the one reader.

    `rows(path)`, `records(path)` (rows of any shape) and `text(path)` read reference files, which
    the manifest then names; `secret` returns the value of an environment variable; `note` says one
    line on stderr. In a `dry` run nothing may be paid for. `shared` holds what checks of one run
    share, such as an open journal; `lineages` is the configuration's own table of models.
    """

    policy: VerifyPolicy
    rows: Callable[[str], tuple[Iterable[Row], Shape]]
    text: Callable[[str], str]
    seed: int = 0
    secret: Callable[[str], str] = _no_secret
    note: Callable[[str], None] = _silent
    dry: bool = False
    shared: dict[str, Any] = field(default_factory=dict)
    records: Callable[[str], Iterable[Row]] = _no_records
    lineages: str = ""


Build = Callable[[str, Bench], Verifier]
PASS = Verdict("pass")


def assemble(specs: Iterable[str], bench: Bench) -> list[Verifier]:
    """Return the checks that specifications name (`SPEC`, `NAME=SPEC`, a `Table`), in their order.

    Raises `UsageError` for an unknown check, one that is set up wrongly, or two of one name; those
    that were built before it are closed.
    """
    checks: list[Verifier] = []
    try:
        for spec in specs:
            checks.append(_build(read_spec(spec), bench))
            _refuse_same_name(checks, spec)
    except BaseException:  # Ctrl-C too: what was built is closed, then it goes on its way
        for check in checks:
            check.close()
        raise
    if not checks:
        known = " | ".join(registry.BUILTIN["verifiers"])
        raise UsageError(f"verify needs at least one --check: {known}")
    return checks


def _build(spec: Spec, bench: Bench) -> Verifier:
    """Return one check, under the name and with the settings of its specification."""
    kind, _, argument = spec.check.partition(":")
    make: Build = registry.find("verifiers", kind)
    if spec.settings:
        own = build(VerifyPolicy, {**vars(bench.policy), **spec.settings})
        bench = replace(bench, policy=own)
    check = make(argument, bench)
    if not isinstance(check, Verifier):
        raise UsageError(f"check {kind} is no synthgate.verifiers.Verifier")
    if spec.name:
        check.name = spec.name
    return check


def _refuse_same_name(checks: list[Verifier], spec: str) -> None:
    name = checks[-1].name
    if any(each.name == name for each in checks[:-1]):
        check = read_spec(spec).check
        raise UsageError(f"two checks are called {name}: name one, as in --check other={check}")


def fingerprint(check: Verifier) -> str:
    """Return 16 hex digits for what decides a check's verdicts beside the row.

    They change with its code's name, its kind, its configuration and the version of synthgate: a
    verdict is used again, and a measured precision holds, only where they are the same.
    """
    code = f"{type(check).__module__}.{type(check).__qualname__}"
    decides = [__version__, code, check.kind, check.config]
    text = json.dumps(decides, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
