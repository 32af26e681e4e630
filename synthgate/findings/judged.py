"""What verify made of each row, from its rejects, its evidence and the marks of rows that passed.

Memory: of evidence, about 150 bytes a row for at most a million rows; where there are more, those
with the smallest ids are held (ids are digests, so they are a random sample), and only rows of
that sample are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from synthgate.findings.inherited import Judged
from synthgate.findings.slices import Fate
from synthgate.rejects import record_of
from synthgate.rows import Row

_MOST = 1_000_000
_FATES: dict[str, Fate] = {
    "pass": "accepted", "fail": "failed", "abstain": "undecided", "error": "undecided"
}  # fmt: skip


@dataclass
class Evidence:
    """The verdict on each row id, as lines of evidence say it."""

    most: int = _MOST
    limit: int = 1 << 64
    _fates: dict[bytes, Fate] = field(default_factory=dict)

    def add(self, line: Mapping[str, Any]) -> None:
        """Take in one line of evidence; what is none is left out."""
        row_id, fate = line.get("id"), _FATES.get(str(line.get("verdict")))
        if not isinstance(row_id, str) or fate is None or not self.covers(row_id):
            return
        self._fates[_key(row_id)] = fate
        while len(self._fates) > self.most:
            self.limit //= 2
            self._fates = {key: f for key, f in self._fates.items() if _lot(key) < self.limit}

    def covers(self, row_id: str) -> bool:
        """Tell whether a row is one of those whose evidence is held, if it has any."""
        return _lot(_key(row_id)) < self.limit

    def of(self, row_id: str) -> Fate | None:
        """Return what became of a row, None where the evidence does not say."""
        return self._fates.get(_key(row_id))

    def __len__(self) -> int:
        return len(self._fates)


def _key(row_id: str) -> bytes:
    try:
        return bytes.fromhex(row_id)
    except ValueError:
        return b""


def _lot(key: bytes) -> int:
    return int.from_bytes(key[:8], "big")


def judged(rows: Iterable[Row], evidence: Evidence | None = None) -> Iterator[Judged | None]:
    """Yield, for each row, what verify made of it and why; None where nobody knows.

    A reject says it itself; else the evidence does; else a row that carries `verified_by` passed.
    Rows that an earlier stage rejected were never judged.
    """
    for row in rows:
        yield _judge(row, evidence)


def _judge(row: Row, evidence: Evidence | None) -> Judged | None:
    record = record_of(row.raw)
    if record.get("stage") == "verify":
        reason = str(record.get("reason", ""))
        fate = _FATES.get(reason.partition(":")[0])
        why = ": ".join(filter(None, (reason, str(record.get("detail", "")))))
        return (row, fate, why) if fate else None
    if record:
        return None
    if evidence is not None and len(evidence):
        if not evidence.covers(row.id):
            return None
        fate = evidence.of(row.id)
        if fate is not None:
            return row, fate, ""
    return (row, "accepted", "") if row.provenance.verified_by else None
