"""Freeze a set of rows and draw the random sample that people label.

The plan says when the audit passes and when it stops; both are fixed here, before the first
label. Memory: 100 bytes a row; two passes (stdin is kept in a temporary file).

Example: synthgate audit draw verified.jsonl -o sample.jsonl --plan plan.json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy

COMMAND = Command(
    "audit-draw", groups=(), fields=("plan", "min_pass", "confidence", "max_n"), table="audit"
)


def run(io: Session, policy: AuditPolicy) -> None:
    """Read the rows twice: for the plan, and for the rows of its sample."""
    from synthgate.errors import InputError, UsageError
    from synthgate.sample import freeze, frozen_ids, plan_text, sample_lines

    if not policy.plan:
        raise UsageError("name the file for the plan with --plan FILE")
    source = io.source(again=True)
    io.open_outputs()
    document = io.open("plan", policy.plan, whole=True)
    ids = frozen_ids(io.watched(iter(source)))
    if not ids:
        raise InputError("no rows: there is nothing to audit")
    plan = freeze(ids, policy.min_pass, policy.confidence, policy.max_n, io.options.seed)
    output = io.sinks["output"]
    for line in sample_lines(source, plan):
        output.write(line)
    document.write(plan_text(plan))
    io.manifest.rows_out = output.rows
    io.looked_at = len(ids) - output.rows
    io.manifest.findings = {
        "plan": plan.plan,
        "set_digest": plan.set_digest,
        "sampled": output.rows,
        "not_sampled": io.looked_at,
        "pass_points": list(plan.pass_points),
        "stop_at_failures": plan.stop_at_failures,
    }
    io.headline = (
        f"drew {output.rows:,} of {plan.rows:,} rows; without a failure the audit passes at label "
        f"{plan.pass_points[0]}, at failure {plan.stop_at_failures} it stops"
    )
