"""What the verbs that show rows to people share: the rows, their shape, the rows they wrote."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from synthgate.cli.audit_import import read_plan_of
from synthgate.cli.common import Session
from synthgate.config import AuditPolicy
from synthgate.errors import BadLine, InputError, UsageError
from synthgate.formats import SHAPES, Shape
from synthgate.jsonl import open_log
from synthgate.review.edits import edited_rows, edits_in
from synthgate.review.items import read_sample, waiting
from synthgate.rows import Row, parse
from synthgate.sample import AuditPlan
from synthgate.shapes import find_shape


def rows_to_review(io: Session, policy: AuditPolicy) -> tuple[list[Row], AuditPlan | None]:
    """Return the rows in the order of labelling, and the plan; with --all there is none."""
    if policy.all_waiting:
        if policy.plan:
            raise UsageError("--all: these rows are no sample, leave out --plan")
        source = io.source()
        rows = list(waiting(io.watched(iter(source))))
        io.looked_at = source.seen
        if not rows:
            raise InputError("no row says needs: human: there is nothing to review")
        return rows, None
    plan = read_plan_of(io, policy)
    paths = io.options.inputs
    if len(paths) != 1 or paths[0] == "-":
        raise UsageError("name the one file of the sample; audit draw -o writes it")
    rows = read_sample(io.text(paths[0], "sample").encode(), paths[0], plan)
    return rows[: io.options.limit or None], plan


def shape_of(rows: list[Row], options: Mapping[str, Any]) -> Shape | None:
    """Return the shape of the rows; None where they have none that is known.

    Then the whole row is what is edited. Raises the error where the user named a format.
    """
    try:
        return find_shape(rows, SHAPES, options)[0]
    except (InputError, UsageError):
        if any(options.get(key) for key in ("format", "prompt_field", "response_field")):
            raise
        return None


def refuse_other_file(path: str) -> None:
    """Raise `InputError` where --labels names a file that is no label log.

    Opening a log takes a torn last line off; rows without a last line end must not lose theirs.
    """
    if not os.path.exists(path):
        return
    with open_log(path, write=False) as log:
        _, first = next(log.lines(), (0, b""))
    try:
        linked = not first or "prev" in parse(first)
    except BadLine:
        linked = first.startswith(b'{"id":"')  # the torn first line of a killed review
    if not linked:
        raise InputError(f"{path}: is no label log; audit import makes one of label lines")


def write_edits(
    io: Session,
    path: str,
    rows: list[Row],
    shape: Shape | None,
    labels: Iterable[Mapping[str, Any]],
) -> int:
    """Write the rows that reviewers wrote instead to a file; return how many.

    It is made anew from the whole log each time, so that it replaces itself; without an edit there
    is none.
    """
    marks = edits_in(labels)
    if not marks and not os.path.exists(path):
        return 0
    sink = io.open("edits", path, force=True)
    for line in edited_rows(rows, shape, marks):
        sink.write(line)
    io.note(f"edited rows: {sink.rows}, in {path}; verify them as any new row")
    return sink.rows


def edits_beside(log: str) -> str:
    """Return the name that the edited rows of a label log have where none was given."""
    stem, end = os.path.splitext(log)
    return f"{stem}.edits{end or '.jsonl'}"


def with_provenance(io: Session, policy: AuditPolicy, rows: list[Row]) -> list[Row]:
    """Return the rows with the provenance that they have among the audited rows."""
    if not policy.rows:
        return rows
    wanted = {row.id for row in rows}
    audited = io.source(policy.rows, role="labels")
    known = {row.id: row.provenance for row in audited if row.id in wanted}
    if wanted - known.keys():
        raise InputError(f"--rows: {len(wanted - known.keys())} reviewed rows are not there")
    return [msgspec.structs.replace(row, provenance=known[row.id]) for row in rows]
