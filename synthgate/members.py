"""The members of a JSON object as bytes, so that some can be cut out and no other byte changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jiter

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]', re.DOTALL)


def cut(raw: bytes, keys: set[str]) -> bytes:
    """Return the bytes of a valid JSON object without our top-level keys."""
    head = raw[: raw.index(b"{") + 1]
    found = list(members(raw, len(head)))
    first = found[0][1]
    kept = [member for name, member in found if name not in keys]
    if found[0][0] in keys:
        rest = kept[0].lstrip() if kept else b""
        kept[:1] = [first[: len(first) - len(first.lstrip())] + rest]
    return head + b",".join(kept) + b"}"


def members(raw: bytes, start: int) -> Iterator[tuple[str | None, bytes]]:
    """Yield (key, bytes between its commas) of each top-level member of a valid JSON object."""
    depth, key = 1, None
    for token in TOKEN.finditer(raw, start):
        mark = token[0]
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
        if depth == 1 and key is None and mark[:1] == b'"':
            key = jiter.from_json(mark)
        elif (depth == 1 and mark == b",") or depth == 0:
            yield key, raw[start : token.start()]
            start, key = token.end(), None
