"""Label the sample: one key is a verdict and shows the next row.

In a terminal, or with --html FILE as one page for a browser whose downloaded verdicts go to
`audit import`. Every key is one line on disk at once, so that a killed review goes on where it
was. With --all every row that needs a person (`needs: human`) is shown, for
`verify --check human:LOG`. Memory: the rows that are shown.

Example: synthgate audit review sample.jsonl --plan plan.json --labels log.jsonl --reviewer ann
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from synthgate.cli.options import Command, Shaping

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.cli.desk import Desk
    from synthgate.config import AuditPolicy
    from synthgate.formats import Shape
    from synthgate.labels import LabelLog
    from synthgate.rows import Row
    from synthgate.sample import AuditPlan

COMMAND = Command(
    "audit-review",
    groups=(Shaping,),
    fields=("plan", "labels", "reviewer", "html", "all_waiting", "edits", "rows", "reason"),
    table="audit",
    without=("output", "shard_rows", "rejects", "seed"),  # verdicts go to the log, or to the page
)


def run(io: Session, policy: AuditPolicy) -> None:
    """Show the rows and keep what is said, or write the page that does."""
    from synthgate.cli.reviewing import rows_to_review, shape_of

    _refuse(io, policy)
    rows, plan = rows_to_review(io, policy)
    shape = shape_of(rows, io.options.values)
    if policy.html:
        _page(io, policy, rows, plan, shape)
    else:
        _review(io, policy, rows, plan, shape)


def _refuse(io: Session, policy: AuditPolicy) -> None:
    """Refuse what does not go together, before anything is read."""
    from synthgate.errors import UsageError
    from synthgate.review.state import REASONS

    if not policy.labels and not policy.html:
        raise UsageError("name the label log with --labels FILE, or a page with --html FILE")
    if policy.labels and policy.html:
        raise UsageError("--html: verdicts come back with audit import, not with --labels")
    if policy.labels and io.options.dry_run:
        raise UsageError("--dry-run: a review writes down what is said when it is said")
    if len(policy.reason) > len(REASONS):
        raise UsageError(f"--reason: at most {len(REASONS)}, one a digit")


def _page(
    io: Session, policy: AuditPolicy, rows: list[Row], plan: AuditPlan | None, shape: Shape | None
) -> None:
    from synthgate.render.review_html import page
    from synthgate.review.state import REASONS

    sink = io.open("html", policy.html, whole=True)
    text = page(rows, plan, shape, policy.reviewer, policy.reason or REASONS)
    sink.write(text.encode().removesuffix(b"\n"))
    io.headline = f"{len(rows)} rows to review in {policy.html}"


def _review(
    io: Session, policy: AuditPolicy, rows: list[Row], plan: AuditPlan | None, shape: Shape | None
) -> None:
    """Review in the terminal; the edited rows are written when it ends."""
    from synthgate.cli.reviewing import (
        edits_beside,
        refuse_other_file,
        with_provenance,
        write_edits,
    )
    from synthgate.labels import open_labels

    name = _name(policy)
    refuse_other_file(policy.labels)
    with open_labels(policy.labels, plan.plan if plan else "") as log:
        desk = _desk(policy, rows, plan, shape, log, name)
        _work(desk)
        io.headline = f"{desk.said} marks by {name}: {desk.counts}"
        if plan is not None:
            io.headline += f"; {desk.standing}"
        edits = policy.edits or edits_beside(policy.labels)
        write_edits(io, edits, with_provenance(io, policy, rows), shape, log.labels)
        io.manifest.findings = {"reviewer": name, "marks": desk.said, "verdict": desk.verdict}


def _name(policy: AuditPolicy) -> str:
    from synthgate.errors import UsageError

    name = policy.reviewer or os.environ.get("USER", "") or os.environ.get("LOGNAME", "")
    if not name.strip():
        raise UsageError("who are you? name yourself with --reviewer NAME")
    return name.strip()


def _desk(
    policy: AuditPolicy,
    rows: list[Row],
    plan: AuditPlan | None,
    shape: Shape | None,
    log: LabelLog,
    name: str,
) -> Desk:
    from synthgate.cli.desk import Desk
    from synthgate.review.marks import done, said
    from synthgate.review.state import REASONS, start

    marks, others = said(log.labels, name)
    ids = tuple(row.id for row in rows)
    state = start(ids, marks, done(log.labels, name, plan), policy.reason or REASONS)
    return Desk(rows, shape, plan, log, name, state, others)


def _work(desk: Desk) -> None:
    """Review on the screen, or line by line where there is none."""
    if sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM", "") != "dumb":
        from synthgate.cli.review_terminal import Terminal

        Terminal(desk).run()
    else:
        from synthgate.cli.review_plain import review

        review(desk)
