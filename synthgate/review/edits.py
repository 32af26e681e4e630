"""Rows that reviewers wrote instead: children of the old ones, verified by nothing yet.

An edit keeps every byte of the row but those that were edited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from synthgate.errors import BadLine, InputError
from synthgate.formats import Shape
from synthgate.provenance import edited, replace, splice
from synthgate.review.marks import mark_of
from synthgate.review.state import Mark
from synthgate.rows import Row, content_id, parse

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)


def as_text(row: Row, shape: Shape | None) -> str | None:
    """Return the response of a row where it can be edited as text, else None."""
    if shape is None:
        return None
    text = shape.response(row.value)
    if text is None or shape.with_response(row.value, text) != row.value:
        return None  # made of several texts: putting one back would lose the others
    return text


def as_json(payload: bytes) -> str:
    """Return a row as indented JSON; only white space between its tokens is new."""
    parts: list[bytes] = []
    depth, before = 0, b""
    for match in _TOKEN.finditer(payload):
        token, opened = match[0], before in (b"{", b"[")
        closing = token in (b"}", b"]")
        depth -= closing
        if before == b"," or opened != closing:
            parts.append(_line(depth))
        parts.append(token + b" " if token == b":" else token)
        depth += token in (b"{", b"[")
        before = token
    return b"".join(parts).decode()


def _line(depth: int) -> bytes:
    return b"\n" + b"  " * depth


def from_json(text: str) -> bytes:
    """Return the row that a text of JSON holds, on one line; raises `InputError` if none."""
    raw = text.strip().encode("utf-8", "surrogatepass")
    try:
        value = parse(raw)
    except BadLine as error:
        raise InputError(f"the edited row is not a row: {error.detail}") from None
    if not value or any(key.startswith("_synthgate") or key == "_reject" for key in value):
        raise InputError("the edited row is not a row: it is empty or has a key of synthgate's")
    return b"".join(match[0] for match in _TOKEN.finditer(raw))


def with_response(row: Row, shape: Shape | None, text: str) -> bytes:
    """Return a row's bytes with another response; raises `InputError` where that has no place."""
    if shape is None or as_text(row, shape) is None:
        raise InputError(f"{row.file}:{row.line}: no response that could be replaced by a text")
    new = shape.with_response(row.value, text)
    changed = {key: each for key, each in new.items() if each != row.value.get(key)}
    try:
        encoded = {
            key: json.dumps(each, ensure_ascii=False).encode() for key, each in changed.items()
        }
    except UnicodeEncodeError:
        raise InputError("the edited text is not valid Unicode") from None
    return replace(row.payload, encoded)


def payload_of(row: Row, shape: Shape | None, mark: Mark) -> bytes:
    """Return the bytes of the row that a mark `edit` puts in the place of a row."""
    if mark.row is not None:
        return from_json(mark.row)
    return with_response(row, shape, mark.response or "")


def edited_rows(
    rows: Iterable[Row], shape: Shape | None, marks: Mapping[str, Iterable[Mark]]
) -> Iterator[bytes]:
    """Yield the line of every new row, in the order of the old ones, each once.

    `marks` are the edits of each row id, of all reviewers.
    """
    known: set[str] = set()
    for row in rows:
        for mark in marks.get(row.id, ()):
            payload = payload_of(row, shape, mark)
            row_id = content_id(payload)
            if row_id not in known and row_id != row.id:
                known.add(row_id)
                yield splice(payload, edited(row.provenance, row_id))


def edits_in(labels: Iterable[Mapping[str, Any]]) -> dict[str, list[Mark]]:
    """Return the edits in label lines by row id, one of each reviewer at most: the last."""
    last: dict[str, dict[str, Mark]] = {}
    for label in labels:
        last.setdefault(label["id"], {})[label["reviewer"]] = mark_of(label)
    found = {i: [m for m in by.values() if _is_edit(m)] for i, by in last.items()}
    return {row_id: marks for row_id, marks in found.items() if marks}


def _is_edit(mark: Mark) -> bool:
    return mark.verdict == "edit" and (mark.row is not None or mark.response is not None)
