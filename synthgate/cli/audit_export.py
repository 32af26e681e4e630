"""Write the sample for another labelling tool: JSONL, CSV, Label Studio or Argilla.

Rows go out blind and in the order of labelling; hidden characters are shown as escapes, and no
cell of the CSV can be a formula. A .json output is one array, as Label Studio and Argilla read it.
The answers come back with `audit import`. Memory: the sample.

Example: synthgate audit export sample.jsonl --plan plan.json --to label-studio -o tasks.json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command, Shaping

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy

COMMAND = Command(
    "audit-export", groups=(Shaping,), fields=("plan", "to", "all_waiting"), table="audit"
)


def run(io: Session, policy: AuditPolicy) -> None:
    """Write one record for each row of the sample."""
    from synthgate.cli.reviewing import rows_to_review, shape_of
    from synthgate.review.exchange import as_line, header, record

    rows, plan = rows_to_review(io, policy)
    shape = shape_of(rows, io.options.values)
    io.open_outputs()
    output = io.sinks["output"]
    if policy.to == "csv":
        output.write(header())
    for position, row in enumerate(rows, 1):
        output.write(as_line(record(row, position, plan.plan if plan else "", shape), policy.to))
    io.manifest.rows_in = io.manifest.rows_out = len(rows)
    io.looked_at = 0
    io.headline = f"{len(rows)} rows for {policy.to}"
