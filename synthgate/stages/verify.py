"""Check every candidate with something other than its generator.

Shape: per row. Memory: one row, and whatever the checks hold (`agree` holds an index of its file).
A row is kept when no check fails or errs and at least one passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import get_args

import msgspec
from msgspec.structs import replace

from synthgate.errors import SynthgateError, UsageError
from synthgate.formats import Shape
from synthgate.rows import Decision, Row
from synthgate.verifiers import PASS, Outcome, Verdict, Verifier

Record = Callable[[bytes], object]
OUTCOMES = frozenset(get_args(Outcome))
NO_VERDICT = Verdict("error", "no_verdict")
_BLANK = ("", "   ")
_encode = msgspec.json.Encoder(enc_hook=str).encode


def verify(
    rows: Iterable[Row], shape: Shape, checks: Sequence[Verifier], record: Record | None = None
) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; `record` gets one JSON line per row.

    Raises `UsageError` before the first row is judged if a check passes a blank answer.
    """
    first = True
    names = tuple(check.name for check in checks)
    for row in rows:
        if first:
            _refuse_vacuous(row, shape, checks)
            first = False
        verdicts = [_judge(check, row, shape) for check in checks]
        if verdicts.count(PASS) == len(verdicts):  # the common case: nothing more to look at
            before = row.provenance
            passed = replace(before, verified_by=_joined(before.verified_by, names))
            decision = Decision(replace(row, provenance=passed))
        else:
            decision = _decide(row, checks, verdicts)
        if record is not None:
            record(_evidence(decision, checks, verdicts))
        yield decision


def _refuse_vacuous(row: Row, shape: Shape, checks: Sequence[Verifier]) -> None:
    """Refuse a check that passes a row whose answer was taken out."""
    for text in _BLANK:
        value = shape.with_response(row.value, text)
        blank = Row(row.file, row.line, row.payload, value, row.provenance)
        for check in checks:
            if _judge(check, blank, shape).outcome == "pass":
                raise UsageError(f"check {check.name} passes a blank answer: it checks nothing")


def _judge(check: Verifier, row: Row, shape: Shape) -> Verdict:
    """Return the verdict of a check; one that breaks down is an `error`, never a pass or a fail."""
    try:
        verdict = check.check(row, shape)
        return verdict if verdict.outcome in OUTCOMES else NO_VERDICT
    except SynthgateError:
        raise
    except Exception as error:  # noqa: BLE001 -- checks are foreign plug-ins too: one that raises
        # whatever it likes must neither end the run nor let its row through.
        return Verdict("error", type(error).__name__)


def _decide(row: Row, checks: Sequence[Verifier], verdicts: Sequence[Verdict]) -> Decision:
    passed: tuple[str, ...] = ()
    for at, verdict in enumerate(verdicts):
        if verdict.outcome == "pass":
            passed += (checks[at].name,)
        elif verdict.outcome != "abstain":
            return Decision(row, f"{verdict.outcome}:{checks[at].name}", _detail(verdict))
    if passed:
        return Decision(_marked(row, passed, verdicts))
    said = (f"{each.name}: {_detail(v)}" for each, v in zip(checks, verdicts, strict=True))
    return Decision(row, "abstain", "; ".join(said))


def _marked(row: Row, passed: tuple[str, ...], verdicts: Sequence[Verdict]) -> Row:
    """Return a verified row with the names of its checks and of the guards that were off."""
    provenance = row.provenance
    verified, override = _joined(provenance.verified_by, passed), provenance.override
    for verdict in verdicts:
        if verdict.override and f"; {verdict.override}; " not in f"; {override}; ":
            override = f"{override}; {verdict.override}" if override else verdict.override
    marked = replace(provenance, verified_by=verified, override=override)
    return replace(row, provenance=marked)


@lru_cache(maxsize=256)
def _joined(names: str, more: tuple[str, ...]) -> str:
    """Return names with more names, each once, in order."""
    return " ".join(dict.fromkeys([*names.split(), *more]))


def _detail(verdict: Verdict) -> str:
    """Return a check's reason and its evidence in one line of words."""
    shown = ", ".join(f"{key} {value}" for key, value in verdict.evidence.items())
    return f"{verdict.reason}: {shown}" if shown else verdict.reason


def _evidence(decision: Decision, checks: Sequence[Verifier], verdicts: Sequence[Verdict]) -> bytes:
    row = decision.row
    line = {
        "id": row.id,
        "file": row.file,
        "line": row.line,
        "verdict": decision.reason.partition(":")[0] or "pass",
        "checks": [_shown(*each) for each in zip(checks, verdicts, strict=True)],
    }
    return _encode(line)


def _shown(check: Verifier, verdict: Verdict) -> dict[str, object]:
    """Return one check's verdict and its evidence, which cannot overwrite the verdict."""
    head = {"check": check.name, "verdict": verdict.outcome, "reason": verdict.reason}
    if verdict.override:
        head["override"] = verdict.override
    return {**head, **verdict.evidence, **head}
