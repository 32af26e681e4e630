"""Check every candidate with something other than its generator.

Shape: per row. Memory: one row, or a bounded window of them where checks run in threads; beside it
what the checks hold (`agree` holds an index of its file). How verdicts become a decision is said in
`verifiers.combine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import get_args

from msgspec.structs import replace

from synthgate.errors import SynthgateError
from synthgate.formats import Shape
from synthgate.rows import Decision, Row
from synthgate.verifiers import PASS, Outcome, Verdict, Verifier, fingerprint
from synthgate.verifiers.calibration import Calibration, Confidence
from synthgate.verifiers.canary import ROWS, refuse_vacuous
from synthgate.verifiers.combine import Combination
from synthgate.verifiers.crew import Judge, in_order
from synthgate.verifiers.head import Headed
from synthgate.verifiers.memory import Check, Memory, encode, shown

Record = Callable[[bytes], object]
Watch = Callable[[Decision, Sequence[Verdict]], object]
OUTCOMES = frozenset(get_args(Outcome))
NO_VERDICT = Verdict("error", "no_verdict")


def verify(
    rows: Iterable[Row],
    shape: Shape,
    checks: Sequence[Verifier],
    record: Record | None = None,
    *,
    require: str = "all",
    workers: int = 0,
    memory: Memory | None = None,
    calibration: Calibration | None = None,
    watch: Watch | None = None,
    vetted: bool = False,
) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; `record` gets one JSON line per row.

    `workers` caps the rows that a check takes at a time (0: as many as it wants); `memory` holds
    verdicts of costly checks that need not be given again; `watch` sees decisions and verdicts.
    `rows` is read once more for each check that looks ahead. Raises `UsageError` before the first
    row is judged if a check is vacuous, and whatever `SynthgateError` a check raises. `vetted` says
    that `vet` has seen to all that, where these rows are a part of more.
    """
    combination = Combination(require, checks)
    if not vetted:
        for check in checks:
            if check.looks_ahead:
                check.prepare(rows, shape)
        rows = Headed(rows, ROWS)
        vet(rows.head, shape, checks)
    known = [(check.name, fingerprint(check)) for check in checks]
    bench = _Bench(checks, known, combination, calibration)
    sizes = [min(check.at_once, workers or check.at_once) for check in checks]
    for row, verdicts in _judged(rows, _judges(checks, known, shape, memory), sizes):
        decision = bench.decide(row, verdicts)
        if record is not None:
            record(bench.evidence(decision, verdicts))
        if watch is not None:
            watch(decision, verdicts)
        yield decision


def vet(head: Sequence[Row], shape: Shape, checks: Sequence[Verifier]) -> None:
    """Raise `UsageError` for a check that passes on the first rows what cannot be right."""
    refuse_vacuous(head[:ROWS], shape, checks, _judge)


# --- verdicts ---------------------------------------------------------------------------


def _judge(check: Verifier, shape: Shape, row: Row) -> Verdict:
    """Return the verdict of a check; one that breaks down is an `error`, never a pass or a fail."""
    try:
        verdict = check.check(row, shape)
        return verdict if verdict.outcome in OUTCOMES else NO_VERDICT
    except SynthgateError:
        raise
    except Exception as error:  # noqa: BLE001 -- checks are foreign plug-ins too: one that raises
        # whatever it likes must neither end the run nor let its row through.
        return Verdict("error", type(error).__name__)


def _judges(
    checks: Sequence[Verifier], known: Sequence[Check], shape: Shape, memory: Memory | None
) -> list[Judge]:
    """Return what gives each check's verdict on a row, from memory where it was given before."""

    def kept(check: Verifier, name: Check, memory: Memory) -> Judge:
        def judge(row: Row) -> Verdict:
            verdict = memory.known(row.id, name)
            if verdict is None:
                verdict = _judge(check, shape, row)
                memory.keep(row.id, name, verdict)
            return verdict

        return judge

    return [
        kept(check, name, memory)
        if memory is not None and check.costly
        else partial(_judge, check, shape)
        for check, name in zip(checks, known, strict=True)
    ]


def _judged(
    rows: Iterable[Row], judges: Sequence[Judge], sizes: Sequence[int]
) -> Iterator[tuple[Row, list[Verdict]]]:
    """Yield each row with the verdicts of all checks, in input order."""
    if max(sizes) > 1:
        yield from in_order(rows, judges, sizes)
    elif len(judges) == 1:  # the common case: a comprehension costs a frame of its own
        (judge,) = judges
        for row in rows:
            yield row, [judge(row)]
    else:
        for row in rows:
            yield row, [judge(row) for judge in judges]


# --- decisions --------------------------------------------------------------------------


class _Bench:
    """What turns the verdicts on one row after the other into decisions and evidence."""

    def __init__(
        self,
        checks: Sequence[Verifier],
        known: Sequence[Check],
        combination: Combination,
        calibration: Calibration | None,
    ) -> None:
        self._heads = [(name, check.kind) for name, check in zip(known, checks, strict=True)]
        self._combination, self._names = combination, combination.names
        self._confidence: Confidence = calibration.of(known) if calibration else lambda _: 0.0
        self._all = len(checks) if combination.accepts_all_passed else -1
        self._most = self._confidence(("pass",) * len(checks))
        self._fresh = _joined("", self._names)
        self._people = [at for at, check in enumerate(checks) if check.kind == "human"]

    def decide(self, row: Row, verdicts: Sequence[Verdict]) -> Decision:
        """Return the decision about a row; a kept one names the checks that it passed."""
        before = row.provenance
        if verdicts.count(PASS) == self._all and not before.needs:  # the common case
            known = before.verified_by
            verified = _joined(known, self._names) if known else self._fresh
            passed = replace(before, verified_by=verified, confidence=self._most)
            return Decision(replace(row, provenance=passed))
        reason, detail = self._combination.decide(verdicts)
        return Decision(row, reason, detail) if reason else Decision(self._marked(row, verdicts))

    def _marked(self, row: Row, verdicts: Sequence[Verdict]) -> Row:
        """Return a kept row with the names of its checks and of the guards that were off."""
        outcomes = tuple(verdict.outcome for verdict in verdicts)
        names = zip(self._names, outcomes, strict=True)
        passed = tuple(name for name, outcome in names if outcome == "pass")
        override = row.provenance.override
        for verdict in verdicts:
            if verdict.override and f"; {verdict.override}; " not in f"; {override}; ":
                override = f"{override}; {verdict.override}" if override else verdict.override
        return row.marked(
            verified_by=_joined(row.provenance.verified_by, passed),
            confidence=self._confidence(outcomes),
            needs="" if self._person_passed(outcomes) else row.provenance.needs,
            override=override,
        )

    def _person_passed(self, outcomes: Sequence[Outcome]) -> bool:
        return any(outcomes[at] == "pass" for at in self._people)

    def evidence(self, decision: Decision, verdicts: Sequence[Verdict]) -> bytes:
        """Return the line of evidence of one row."""
        row = decision.row
        said = zip(self._heads, verdicts, strict=True)
        line = {
            "id": row.id,
            "file": row.file,
            "line": row.line,
            "verdict": decision.reason.partition(":")[0] or "pass",
            "checks": [shown(name, each.kind or kind, each) for (name, kind), each in said],
        }
        return encode(line)


@lru_cache(maxsize=256)
def _joined(names: str, more: tuple[str, ...]) -> str:
    """Return names with more names, each once, in order."""
    return " ".join(dict.fromkeys([*names.split(), *more]))
