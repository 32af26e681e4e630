"""What checks said of all rows, and, where it is known which rows are right, what that is worth.

Memory: a few numbers a check, and the counts of slices.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from synthgate.formats import dig
from synthgate.rows import Decision
from synthgate.stats.interval import at_least, at_most
from synthgate.verifiers import PASS, Outcome, Verdict, Verifier, fingerprint
from synthgate.verifiers.combine import detail
from synthgate.verifiers.slices import Slices

ALPHA = 0.05
ENOUGH = 30
HARDLY = 0.1
OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "abstain", "error")
_TRUTH = {True: True, False: False, "pass": True, "fail": False}


@dataclass(frozen=True)
class Worth:
    """What a check is worth on `rows` of which `right` are right, when it passes `passes`."""

    rows: int
    right: int
    passes: int
    hits: int

    @property
    def base(self) -> float:
        """The share of right rows, checked or not."""
        return self.right / self.rows

    @property
    def precision(self) -> float:
        """The share of right rows among those that pass."""
        return self.hits / self.passes if self.passes else 0.0

    @property
    def shown(self) -> float:
        """The precision that the rows show at least."""
        return at_least(self.hits, self.passes, ALPHA)

    @property
    def recall(self) -> float:
        """The share of right rows that pass."""
        return self.hits / self.right if self.right else 0.0

    @property
    def judged(self) -> str:
        """What there is to say against the check, "" where nothing is.

        It verifies where what passes is shown to be right more often than any row; and hardly,
        where that takes away less than a tenth of the wrong rows' share.
        """
        if not self.passes or not 0 < self.right < self.rows:
            return ""
        if self.shown <= self.base:
            return "it verifies nothing" if self.passes >= ENOUGH else "too few rows pass to tell"
        small = self.precision - self.base < HARDLY * (1 - self.base)
        return "it verifies hardly anything" if small else ""

    def as_json(self) -> dict[str, Any]:
        """Return all figures; lift is precision over the base rate."""
        lift = self.precision / self.base if self.base else 0.0
        least = self.shown / self.base if self.base else 0.0
        figures = {
            "base_rate": self.base,
            "precision": self.precision,
            "precision_at_least": self.shown,
            "precision_at_most": at_most(self.hits, self.passes, ALPHA) if self.passes else 1.0,
            "recall": self.recall,
            "lift": lift,
            "lift_at_least": least,
        }
        counts = {"rows": self.rows, "right": self.right, "passes": self.passes, "hits": self.hits}
        return {**counts, **{key: round(value, 4) for key, value in figures.items()}}


class Tally:
    """Counts the verdicts and decisions of one run, row by row."""

    def __init__(
        self,
        checks: Sequence[Verifier],
        truth: str = "",
        by: Sequence[str] = (),
        *,
        calibrated: bool = False,
    ) -> None:
        self.slices = Slices(by)
        self._count = self.slices.add
        self.uncalibrated = 0
        """Rows that were kept without a measured confidence, where one was asked for."""
        self._checks, self._truth, self._calibrated = checks, truth, calibrated
        self._plain = not (truth or calibrated)
        self._all = [PASS] * len(checks)
        self._clean = 0  # rows that all checks passed, where nothing else is asked
        self._said: list[Counter[tuple[str, bool | None]]] = [Counter() for _ in checks]
        self._kept: Counter[tuple[bool, bool | None]] = Counter()
        self._first: dict[tuple[int, Outcome], Verdict] = {}  # that judged nothing

    def add(self, decision: Decision, verdicts: Sequence[Verdict]) -> None:
        """Count one row."""
        kept = not decision.reason
        self._count(decision.row, kept)
        if kept and self._plain and verdicts == self._all:
            self._clean += 1
            return
        measured = decision.row.provenance.confidence > 0
        self.uncalibrated += kept and self._calibrated and not measured
        right = truth_of(dig(decision.row.value, self._truth)) if self._truth else None
        self._kept[kept, right] += 1
        for at, verdict in enumerate(verdicts):
            self._said[at][verdict.outcome, right] += 1
            if verdict.outcome in ("error", "abstain"):
                self._first.setdefault((at, verdict.outcome), verdict)

    def counts(self) -> tuple[Any, ...]:
        """Return what was counted, as data that `absorb` adds up."""
        return (
            self.slices.counts(), self.uncalibrated, self._clean, self._said, self._kept,
            self._first,
        )  # fmt: skip

    def absorb(self, counted: tuple[Any, ...]) -> None:
        """Add what was counted of other rows, which come behind these."""
        slices, uncalibrated, clean, said, kept, first = counted
        self.slices.absorb(slices)
        self.uncalibrated += uncalibrated
        self._clean += clean
        for mine, theirs in zip(self._said, said, strict=True):
            mine.update(theirs)
        self._kept.update(kept)
        self._first = {**first, **self._first}

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return self._clean + self._kept.total()

    @property
    def measured(self) -> int:
        """How many rows say whether they are right."""
        return sum(count for (_, right), count in self._kept.items() if right is not None)

    def outcomes(self, at: int) -> dict[str, int]:
        """Return how often a check gave each verdict."""
        counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
        counts["pass"] = self._clean
        for (outcome, _), count in self._said[at].items():
            counts[outcome] += count
        return counts

    def worth(self, at: int) -> Worth:
        """Return what a check is worth on the rows that say whether they are right."""
        said = self._said[at]
        right = sum(count for (_, truth), count in said.items() if truth)
        passes = said["pass", True] + said["pass", False]
        return Worth(self.measured, right, passes, said["pass", True])

    def combined(self) -> Worth:
        """Return what all checks together are worth."""
        kept = self._kept
        passes = kept[True, True] + kept[True, False]
        return Worth(self.measured, kept[True, True] + kept[False, True], passes, kept[True, True])

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest says of the checks."""
        found: dict[str, Any] = {"checks": []}
        for at, check in enumerate(self._checks):
            counts = self.outcomes(at)
            rate = round(counts["pass"] / self.rows, 4) if self.rows else 0.0
            each: dict[str, Any] = {"name": check.name, "kind": check.kind}
            each |= {"config": fingerprint(check), "verdicts": counts, "accept_rate": rate}
            if self.measured:
                each["truth"] = self.worth(at).as_json()
            found["checks"].append(each)
        if self.measured:
            found["combined"] = self.combined().as_json()
        return found

    def broken(self) -> Iterator[str]:
        """Yield a line for each check that gave no verdict but `error`."""
        for name, why in self._of_all("error"):
            yield f"check {name} gave no verdict on any row: {why}"

    def silent(self) -> Iterator[str]:
        """Yield a line for each check that could not tell of any row: it was asked amiss."""
        for name, why in self._of_all("abstain"):
            yield f"{name} abstains on every row: {why}"

    def _of_all(self, outcome: Outcome) -> Iterator[tuple[str, str]]:
        """Yield the checks with one outcome for all rows, and the first reason."""
        for (at, found), verdict in self._first.items():
            if found == outcome and self.outcomes(at)[outcome] == self.rows:
                yield self._checks[at].name, detail(verdict) or "no reason given"

    def lines(self) -> Iterator[str]:
        """Yield a line on the worth of each check and of all together, and which are worth none."""
        if not self.measured:
            return
        each = [(check.name, self.worth(at)) for at, check in enumerate(self._checks)]
        together = [("all checks together", self.combined())] if len(each) > 1 else []
        for name, worth in (*each, *together):
            yield _figures(name, worth)
        for name, worth in each:
            if worth.judged:
                yield _verdict_on(name, worth)


def truth_of(value: Any) -> bool | None:
    """Return what a field says of a row, None where it says nothing that is known."""
    return _TRUTH.get(value) if isinstance(value, bool | int | str) else None


def _figures(name: str, worth: Worth) -> str:
    lift = worth.precision / worth.base if worth.base else 0.0
    return (
        f"{name}: passes {_percent(worth)} of {worth.rows:,} rows, precision "
        f"{_share(worth.precision)} (at least {_share(worth.shown)}), recall "
        f"{_share(worth.recall)}, lift {lift:.2f} over a base rate of {_share(worth.base)}"
    )


def _verdict_on(name: str, worth: Worth) -> str:
    return (
        f"{name} passes {_percent(worth)} of rows at precision {_share(worth.precision)} over a "
        f"base rate of {_share(worth.base)}: {worth.judged}"
    )


def _percent(worth: Worth) -> str:
    return f"{100 * worth.passes / worth.rows:.1f} %"


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value < 1 else "1"
