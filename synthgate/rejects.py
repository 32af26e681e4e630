"""The lines of a rejects file: the row as it was read, and why it was dropped."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from synthgate.errors import BadLine
from synthgate.provenance import attach, emit
from synthgate.rows import REJECT, Decision


def reject_line(decision: Decision, stage: str) -> bytes:
    """Return the line of a row that a stage dropped."""
    row = decision.row
    why = _why(row.file, row.line, stage, decision.reason, decision.detail)
    why["survivor"] = decision.survivor
    return attach(emit(row), REJECT, orjson.dumps(why))


def bad_line(file: str, line: int, stage: str, raw: bytes, error: BadLine) -> bytes:
    """Return the line of bytes that are no row."""
    why = _why(file, line, stage, error.reason, error.detail)
    why["base64"] = base64.b64encode(raw).decode()
    return attach(b"{}", REJECT, orjson.dumps(why))


def _why(file: str, line: int, stage: str, reason: str, detail: str) -> dict[str, Any]:
    return {"file": file, "line": line, "stage": stage, "reason": reason, "detail": detail}
