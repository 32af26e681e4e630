"""The JSON document in an answer: all of the text, else the one fenced block of it.

JSON is read as strictly as rows are: duplicate keys, NaN, numbers beyond a float's range and deep
nesting are refused, because a later reader might read something else than was checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import jiter

from synthgate.rows import MAX_DEPTH


class NoDocument(Exception):
    """There is no JSON document, or more than one: `reason` says which, `detail` what is wrong."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def parse(text: str) -> Any:
    """Return the value of a JSON text, or raise `NoDocument` with the reason `not_json`."""
    try:
        value = jiter.from_json(text.encode(), catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:  # a lone surrogate is a ValueError, too
        raise NoDocument("not_json", str(error)) from None
    if type(value) in (dict, list):
        _examine(value, 1)
    elif type(value) in (int, float):
        _examine([value], 1)
    return value


def _examine(value: Any, depth: int) -> None:
    """Refuse what the parser lets through: `1e400`, 400 digits, containers too deep."""
    if depth > MAX_DEPTH:
        raise NoDocument("not_json", f"nested deeper than {MAX_DEPTH}")
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is dict or kind is list:
            _examine(item, depth + 1)
        elif (kind is float and math.isinf(item)) or (kind is int and item.bit_length() > 1023):
            raise NoDocument("not_json", "number too large for a 64-bit float")


def extract(text: str) -> tuple[str, Any]:
    """Return the JSON text in an answer and its value, or raise `NoDocument`.

    It is the whole answer, else its fenced blocks labelled `json`, else those without a label.
    Blocks that differ are `several_documents`: nothing is chosen. A fence that is never closed
    is no block.
    """
    try:
        return text, parse(text)
    except NoDocument as error:
        whole = error
    blocks = list(_fenced(text))
    labelled = [body for label, body in blocks if label.lower() in ("json", "jsonc", "json5")]
    found = set(labelled or [body for label, body in blocks if not label])
    if len(found) > 1:
        raise NoDocument("several_documents", f"{len(found)} fenced blocks that differ")
    if not found:
        raise whole
    body = found.pop()
    return body, parse(body)


def _fenced(text: str) -> Iterator[tuple[str, str]]:
    """Yield (label, body) of the closed fenced blocks of Markdown, in one pass over the lines."""
    fence, label, body = "", "", [""]
    for line in text.splitlines():
        stripped = line.strip()
        marks = len(stripped) - len(stripped.lstrip(stripped[:1]))
        if not fence:
            if marks >= 3 and stripped[0] in "`~":
                fence, label, body = stripped[:marks], stripped[marks:].strip(), []
        elif marks == len(stripped) and stripped.startswith(fence):
            yield label, "\n".join(body).strip()
            fence = ""
        else:
            body.append(line)
