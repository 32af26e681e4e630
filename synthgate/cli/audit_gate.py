"""Let the rows through only if the labels prove the set, and say what was proved.

Rows flow on PASS, without those that a reviewer did not pass. Nothing flows on STOP (exit 3),
on too few labels (5), or when rows, plan and labels do not belong together (6). With --calibration
the precision of the checks that passed the labelled rows is measured for `verify`. Memory: 100
bytes a row; two passes (stdin is kept in a temporary file).

Example: synthgate audit gate verified.jsonl --plan plan.json --labels log.jsonl -o audited.jsonl
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command, Declaring, Stamping
from synthgate.errors import GateStop, Incomplete

if TYPE_CHECKING:
    from synthgate.cli.common import Output, Session
    from synthgate.config import AuditPolicy
    from synthgate.jsonl import Source
    from synthgate.rows import Decision
    from synthgate.sample import AuditPlan, Labels
    from synthgate.stages.audit import Verdict

COMMAND = Command(
    "audit-gate",
    groups=(Stamping, Declaring),
    fields=("plan", "labels", "certificate", "report_format", "calibration", "evidence"),
    table="audit",
)
CERTIFICATE = "certificate.json"
_EXIT = {"PASS": 0, "STOP": GateStop.exit_code, "INCOMPLETE": Incomplete.exit_code}


def run(io: Session, policy: AuditPolicy) -> int:
    """Judge the labels; return 0 for PASS, 3 for STOP, 5 for INCOMPLETE."""
    from synthgate.errors import Stale, UsageError

    if not policy.labels:
        raise UsageError("name the labels with --labels FILE")
    if bool(policy.calibration) != bool(policy.evidence):
        raise UsageError("--calibration FILE and --evidence FILE go together")
    io.quiet = io.quiet or policy.report_format == "json"
    source = io.source(again=True)
    if policy.labels == "-" and "-" in source.paths:
        raise UsageError("--labels -: stdin holds the rows; name a file")
    io.open_outputs()
    proof = _open_certificate(io, policy)
    try:
        found = _gate(io, policy, source, proof)
    except Stale:
        _retract(proof)
        raise
    if found != "PASS":
        _retract(proof)
    return _EXIT[found]


def _open_certificate(io: Session, policy: AuditPolicy) -> Output | None:
    """Open the certificate that is named, or that of the run folder: that one may be replaced."""
    if policy.certificate:
        return io.open("certificate", policy.certificate, whole=True)
    folder = os.environ.get("SYNTHGATE_RUN_DIR")
    if not folder:
        return None
    os.makedirs(folder, exist_ok=True)
    return io.open("certificate", os.path.join(folder, CERTIFICATE), whole=True, force=True)


def _retract(proof: Output | None) -> None:
    """Remove an earlier certificate: it must not vouch for what is not shown now."""
    if proof is not None:
        proof.retract()


def _gate(io: Session, policy: AuditPolicy, source: Source, proof: Output | None) -> str:
    """Recompute everything, judge, and release or withhold; return the verdict."""
    from synthgate.cli.audit_import import read_plan_of
    from synthgate.cli.calibrate import calibrate
    from synthgate.errors import InputError
    from synthgate.sample import Labels, check_set, frozen_ids
    from synthgate.stages.audit import judge

    plan = read_plan_of(io, policy)
    ids = frozen_ids(io.watched(iter(source)))
    if not ids:
        raise InputError("no rows: there is nothing to release")
    check_set(plan, ids, policy.plan)
    labels = Labels(plan)
    for row in io.source([policy.labels], role="labels"):
        labels.add(row)
    found = judge(plan, labels.verdicts)
    io.manifest.findings = _findings(plan, labels, found)
    if policy.calibration:
        calibrate(io, policy, plan, labels)
    if found.verdict == "PASS":
        _release(io, source, ids, (plan, labels, found), proof)
    else:
        io.withhold()
        io.headline = f"{plan.rows:,} rows in, nothing flows"
    _announce(io, policy, found.verdict)
    return found.verdict


def _findings(plan: AuditPlan, labels: Labels, found: Verdict) -> dict[str, Any]:
    from synthgate.stages.audit import words

    return {
        "verdict": found.verdict,
        "words": words(plan, found),
        "rows": plan.rows,
        "sample": len(plan.sample),
        "labels": found.labels,
        "failures": found.failures,
        "passed_at": found.at,
        "missing": found.missing,
        "min_pass": plan.min_pass,
        "confidence": plan.confidence,
        "stop_at_failures": plan.stop_at_failures,
        "plan": plan.plan,
        "set_digest": plan.set_digest,
        "attempt": plan.attempt,
        "reviewers": labels.reviewers,
    }


def _release(
    io: Session,
    source: Source,
    ids: list[bytes],
    judged: tuple[AuditPlan, Labels, Verdict],
    proof: Output | None,
) -> None:
    """Write the rows that flow, the rejects, and the certificate that binds both sets."""
    from synthgate.sample import set_digest
    from synthgate.stages.audit import certificate, release, without

    removed: Counter[bytes] = Counter()
    io.settle(_noting(release(source, judged[1].verdicts), ids, removed))
    digest, released = set_digest(without(ids, removed)), len(ids) - removed.total()
    io.manifest.findings |= {"released": released, "released_digest": digest}
    if proof is not None:
        document = certificate(*judged, released, digest)
        proof.write(json.dumps(document, indent=2, ensure_ascii=True).encode())


def _noting(
    decisions: Iterable[Decision], ids: list[bytes], removed: Counter[bytes]
) -> Iterator[Decision]:
    """Pass the decisions on and count what is removed; a row that was not judged ends it all."""
    from synthgate.errors import Stale

    for decision in decisions:
        row_id = bytes.fromhex(decision.row.id)
        at = bisect_left(ids, row_id)
        if ids[at : at + 1] != [row_id]:
            raise Stale(f"{decision.row.file}:{decision.row.line}: changed while it was being read")
        if decision.reason:
            removed[row_id] += 1
        yield decision


def _announce(io: Session, policy: AuditPolicy, verdict: str) -> None:
    """Say the verdict on stderr; that nothing flows is said even to those who asked for silence."""
    if policy.report_format == "json":
        io.say(json.dumps(io.manifest.findings, ensure_ascii=True))
    elif verdict == "PASS":
        io.note(f"PASS: {io.manifest.findings['words']}")
    else:
        io.say(f"{io.manifest.stage}: {verdict}: {io.manifest.findings['words']}")
