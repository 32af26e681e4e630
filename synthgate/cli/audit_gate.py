"""Let the rows through only if the labels prove the set, and say what was proved.

Rows flow on PASS, without those that a reviewer did not pass. Nothing flows on STOP (exit 3),
on too few labels (5), or when rows, plan and labels do not belong together (6). With --calibration
the precision of the checks that passed the labelled rows is measured for `verify`. Memory: 110
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
    from collections.abc import Sequence

    from synthgate.cli.audit_evidence import Evidence
    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy
    from synthgate.jsonl import Output, Source
    from synthgate.rows import Decision
    from synthgate.sample.verdict import Assessment

COMMAND = Command(
    "audit-gate",
    groups=(Stamping, Declaring),
    fields=(
        "plan", "labels", "certificate", "gold", "nonce", "nonce_env", "ledger", "require",
        "allowed_signers", "sign", "unverified", "min_pass", "confidence", "max_n", "spend",
        "max_attempts", "report_format", "report", "in_toto", "calibration", "evidence",
    ),
    table="audit",
)  # fmt: skip
CERTIFICATE = "certificate.json"
_EXIT = {
    "PASS": 0, "MEASURED": 0, "STOP": GateStop.exit_code, "INCOMPLETE": Incomplete.exit_code
}  # fmt: skip


def run(io: Session, policy: AuditPolicy) -> int:
    """Judge the labels; return 0 for PASS, 3 for STOP, 5 for INCOMPLETE."""
    # All is loaded before an output is open: a signal waits for imports, and must not wait long.
    import synthgate.cli.audit_evidence
    import synthgate.cli.calibrate
    import synthgate.stages.audit  # noqa: F401
    from synthgate.cli.audit_reports import stale
    from synthgate.errors import Stale

    _refuse(policy)
    io.quiet = io.quiet or policy.report_format != "text"
    source = io.source(again=True)
    io.refuse_stdin([policy.labels])  # before the work: the labels are read after the rows
    io.open_outputs()
    proofs = _open_certificate(io, policy)
    try:
        found = _gate(io, policy, source, proofs)
    except Stale as error:
        _retract(proofs)
        stale(io, policy, str(error))
        raise
    if found != "PASS":
        _retract(proofs)
    return _EXIT[found]


def _refuse(policy: AuditPolicy) -> None:
    from synthgate.errors import UsageError

    if not policy.labels:
        raise UsageError("name the labels with --labels FILE")
    if bool(policy.calibration) != bool(policy.evidence):
        raise UsageError("--calibration FILE and --evidence FILE go together")


def _open_certificate(io: Session, policy: AuditPolicy) -> list[Output]:
    """Open the certificate that is named, or that of the run folder, and its signature.

    The one of the run folder may be replaced.
    """
    from synthgate.errors import UsageError

    path, folder = policy.certificate, os.environ.get("SYNTHGATE_RUN_DIR")
    if not path and folder:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, CERTIFICATE)
    if not path:
        if policy.sign:
            raise UsageError("--sign signs the certificate: name one with --certificate FILE")
        return []
    force = not policy.certificate
    found = [io.open("certificate", path, whole=True, force=force)]
    if policy.sign:
        found.append(io.open("signature", f"{path}.sig", whole=True, force=force))
    return found


def _retract(proofs: list[Output]) -> None:
    """Remove an earlier certificate: it must not vouch for what is not shown now."""
    for sink in proofs:
        sink.retract()


def _gate(io: Session, policy: AuditPolicy, source: Source, proofs: list[Output]) -> str:
    """Recompute everything, judge, and release or withhold; return the verdict."""
    from synthgate.cli.audit_evidence import gather
    from synthgate.cli.audit_reports import announce
    from synthgate.cli.calibrate import calibrate
    from synthgate.sample.verdict import assess
    from synthgate.stages.audit import report

    evidence = gather(io, policy, source)
    found = assess(evidence.drawn, evidence.labels, evidence.gold)
    verdict = found.verdict.verdict
    io.manifest.findings = report(evidence.plan, evidence.labels, found, evidence.characters)
    io.manifest.findings |= {"signed_by": evidence.signer, "on_record": evidence.on_record}
    if policy.calibration:
        calibrate(io, policy, evidence.drawn, evidence.labels)
    document = None
    if verdict == "PASS":
        document = _release(io, policy, source, evidence, found)
        _prove(policy, document, proofs)
    else:
        io.withhold()
        io.headline = f"{evidence.plan.rows:,} rows in, nothing flows"
    announce(io, policy, io.manifest.findings, document)
    return verdict


def _release(
    io: Session, policy: AuditPolicy, source: Source, evidence: Evidence, found: Assessment
) -> dict[str, Any]:
    """Write the rows that flow and the rejects; return the certificate that binds both sets."""
    from synthgate.sample import set_digest
    from synthgate.stages.audit import certificate, release, without

    ids, removed = evidence.ids, Counter[bytes]()
    decisions = release(source, evidence.labels.verdicts)
    io.settle(_marked(_noting(decisions, ids, removed), policy.unverified))
    digest, released = set_digest(without(ids, removed)), len(ids) - removed.total()
    io.manifest.findings |= {"released": released, "released_digest": digest}
    document = certificate(evidence.plan, evidence.labels, found, io.manifest.findings)
    return {
        **document,
        "labels_signed_by": evidence.signer,
        "on_record": evidence.on_record,
        "unverified": policy.unverified,
        "signed": bool(policy.sign),
    }


def _prove(policy: AuditPolicy, document: dict[str, Any], proofs: list[Output]) -> None:
    """Write the certificate, and its signature where a key is named."""
    text = json.dumps(document, indent=2, ensure_ascii=True).encode()
    for sink in proofs[:1]:
        sink.write(text)
    for sink in proofs[1:]:
        from synthgate.signing import sign

        sink.write(sign(text + b"\n", policy.sign).removesuffix(b"\n"))


def _noting(
    decisions: Iterable[Decision], ids: Sequence[bytes], removed: Counter[bytes]
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


def _marked(decisions: Iterable[Decision], reason: str) -> Iterator[Decision]:
    """Write the reason into the rows that nothing verified."""
    from synthgate.rows import Decision

    for each in decisions:
        provenance = each.row.provenance
        if reason and provenance.synthetic and not provenance.verified_by and not each.reason:
            mark = "; ".join(filter(None, (provenance.override, f"unverified: {reason}")))
            yield Decision(each.row.marked(override=mark))
        else:
            yield each
