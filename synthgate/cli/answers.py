"""Label lines as they come from elsewhere, whatever tool they were given in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from synthgate.cli.common import Session
from synthgate.config import AuditPolicy
from synthgate.errors import UsageError
from synthgate.jsonl import expand
from synthgate.review.edits import edits_in
from synthgate.review.exchange import csv_rows, labels_in
from synthgate.rows import Provenance, Row


class Answers:
    """The labels of the command's inputs, one row each; what nobody has answered is left out.

    `labels` are those that were read so far. A line may hold several labels, or none.
    """

    def __init__(self, io: Session, reviewer: str) -> None:
        self.io, self.reviewer = io, reviewer
        self.labels: list[Mapping[str, Any]] = []
        paths = expand(io.options.inputs) if io.options.inputs else []
        self._tables = [path for path in paths if path.lower().endswith(".csv")]
        others = [path for path in paths if path not in self._tables]
        self._source = io.source(others) if others or not self._tables else None

    @property
    def rows(self) -> int:
        """How many labels were read."""
        return len(self.labels)

    def __iter__(self) -> Iterator[Row]:
        for row in self._lines():
            for label in labels_in(row.value, f"{row.file}:{row.line}", self.reviewer):
                self.labels.append(label)
                yield msgspec.structs.replace(row, value=label)
        self.io.manifest.rows_in = self.rows + (self._source.bad if self._source else 0)

    def _lines(self) -> Iterator[Row]:
        yield from self._source or ()
        for path in self._tables:
            for line, value in csv_rows(self.io.text(path, "labels"), path):
                yield Row(path, line, b"", value, Provenance(""))


def edited_elsewhere(io: Session, policy: AuditPolicy, labels: Iterable[Mapping[str, Any]]) -> None:
    """Write the rows that reviewers wrote instead, for which the audited rows are needed."""
    from synthgate.cli.reviewing import shape_of, write_edits

    edits = edits_in(labels)
    if not edits and not policy.edits:
        return
    if not policy.edits:
        io.note(f"edited rows: {len(edits)}; --edits FILE --rows AUDITED writes the new ones")
        return
    if not policy.rows:
        raise UsageError("--edits: name the audited rows with --rows FILE")
    audited = io.source(policy.rows, role="labels")
    rows = list({row.id: row for row in audited if row.id in edits}.values())
    write_edits(io, policy.edits, rows, shape_of(rows, io.options.values), labels)
