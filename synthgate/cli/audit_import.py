"""Check label lines against the audit plan and write them as its label log.

A label line is {"id", "verdict": "pass|fail|edit|unsure", "reviewer"}; other fields are kept.
What `audit export` handed out comes back as it is: JSONL, CSV, the exports of Label Studio and
Argilla. Several people may label a row: any doubt counts. Memory: the labels.

Example: synthgate audit import labels.jsonl --plan plan.json -o log.jsonl
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command, Shaping

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy
    from synthgate.sample import AuditPlan

COMMAND = Command(
    "audit-import", groups=(Shaping,), fields=("plan", "reviewer", "edits", "rows"), table="audit"
)


def run(io: Session, policy: AuditPolicy) -> None:
    """Read label lines in any order, write them in the order of the sample."""
    from synthgate.cli.answers import Answers, edited_elsewhere
    from synthgate.errors import InputError
    from synthgate.rows import Decision
    from synthgate.sample import Labels

    plan = read_plan_of(io, policy)
    labels = Labels(plan)
    answers = Answers(io, policy.reviewer)
    io.open_outputs()
    for row in answers:
        if not labels.add(row):
            io.reject(Decision(row, "repeated", "says again what this reviewer said"))
    if not answers.rows:
        raise InputError("no labels: there is nothing to import")
    output = io.sinks["output"]
    for line in labels.lines():
        output.write(line)
    io.manifest.rows_out = output.rows
    labelled = sum(row_id in labels.verdicts for row_id in plan.sample)
    io.note(f"{labelled} of {len(plan.sample)} sampled rows are labelled")
    io.manifest.findings = {"plan": plan.plan, "labels": labelled, "reviewers": labels.reviewers}
    edited_elsewhere(io, policy, answers.labels)


def read_plan_of(io: Session, policy: AuditPolicy) -> AuditPlan:
    """Return the plan that --plan names."""
    from synthgate.errors import UsageError
    from synthgate.sample import read_plan

    if not policy.plan:
        raise UsageError("name the plan with --plan FILE; audit draw writes it")
    return read_plan(io.text(policy.plan, "plan"), policy.plan)
