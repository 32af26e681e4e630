"""The lines of a rejects file: the row as it was read, and why it was dropped."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from synthgate.errors import BadLine
from synthgate.provenance import attach, emit
from synthgate.rows import REJECT, Decision

_RECORD = b',"' + REJECT.encode() + b'":'


def reject_line(decision: Decision, stage: str) -> bytes:
    """Return the line of a row that a stage dropped."""
    row, said = decision.row, (decision.reason, decision.detail, decision.survivor)
    return dropped(emit(row), row.file, row.line, stage, said)


def dropped(line: bytes, file: str, number: int, stage: str, said: tuple[str, str, str]) -> bytes:
    """Return the line of a reject from the line as it would have been written.

    `said` is the reason, the detail and the id of the survivor.
    """
    why = _why(file, number, stage, said[0], said[1])
    why["survivor"] = said[2]
    return attach(line, REJECT, orjson.dumps(why))


def bad_line(file: str, line: int, stage: str, raw: bytes, error: BadLine) -> bytes:
    """Return the line of bytes that are no row."""
    why = _why(file, line, stage, error.reason, error.detail)
    why["base64"] = base64.b64encode(raw).decode()
    return attach(b"{}", REJECT, orjson.dumps(why))


def _why(file: str, line: int, stage: str, reason: str, detail: str) -> dict[str, Any]:
    return {"file": file, "line": line, "stage": stage, "reason": reason, "detail": detail}


def record_of(raw: bytes) -> dict[str, Any]:
    """Return what the line of a reject says of why it was dropped, {} for any other line."""
    at = raw.rfind(_RECORD)
    if at < 0:
        return {}
    try:
        found = orjson.loads(raw[at + len(_RECORD) : -1])
    except orjson.JSONDecodeError:
        return {}
    return found if type(found) is dict else {}
