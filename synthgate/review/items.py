"""The rows that people look at: blind, in the order of labelling, every field to be seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from synthgate.errors import BadLine, Stale
from synthgate.formats import text_of
from synthgate.provenance import taken_apart
from synthgate.rows import Provenance, Row, Value, content_id
from synthgate.sample import AuditPlan

_CHATS = {"messages": ("role", "content"), "conversations": ("from", "value")}


class Part(msgspec.Struct, frozen=True):
    """One text of a row under its name: a field, or one turn of a chat."""

    name: str
    text: str


def read_sample(data: bytes, path: str, plan: AuditPlan) -> list[Row]:
    """Return the rows of a sample in the order of the plan.

    Raises `InputError` for a line that is no row, `Stale` where the sample is another plan's, was
    edited, or lacks a row.
    """
    found: dict[str, Row] = {}
    for number, raw in enumerate(data.split(b"\n"), 1):
        if not raw.strip():
            continue
        row = _sampled(raw.strip(), path, number, plan)
        found[row.id] = row
    for position, row_id in enumerate(plan.sample, 1):
        if row_id not in found:
            raise Stale(f"{path}: the row at position {position} of the plan is not there")
    return [found[row_id] for row_id in plan.sample]


def _sampled(raw: bytes, path: str, number: int, plan: AuditPlan) -> Row:
    try:
        payload, value, claim = taken_apart(raw)
    except BadLine as error:
        raise error.at(path, number) from None
    row_id, where = content_id(payload), f"{path}:{number}"
    if type(claim) is dict and claim.get("plan", plan.plan) != plan.plan:
        raise Stale(f"{where}: is of the sample of another plan")
    if row_id not in plan.sample:
        raise Stale(f"{where}: is not in the plan's sample, or was edited since it was drawn")
    return Row(path, number, payload, value, Provenance(row_id, source="review"))


def waiting(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows that need a person each (`needs: human`), equal ones once."""
    known = set()
    for row in rows:
        if row.provenance.needs == "human" and row.id not in known:
            known.add(row.id)
            yield row


def parts(value: Value) -> list[Part]:
    """Return every text of a row, in its order; a chat by its turns, other values as JSON."""
    found = []
    for name, content in value.items():
        if name in _CHATS and type(content) is list:
            found += [_turn(turn, *_CHATS[name]) for turn in content]
        else:
            found.append(Part(name, content if type(content) is str else _json(content)))
    return found


def _turn(turn: Any, role: str, content: str) -> Part:
    if type(turn) is not dict or type(turn.get(role)) is not str:
        return Part("", _json(turn))
    rest = {key: each for key, each in turn.items() if key != role}
    said = turn.get(content)
    if type(said) is str or (type(said) is list and all(type(each) is str for each in said)):
        rest.pop(content)
        more = f"\n{_json(rest)}" if rest else ""
        return Part(turn[role], (text_of(said) or "") + more)
    return Part(turn[role], _json(rest))


def _json(value: Any) -> str:
    """Return a value as JSON; a surrogate cannot be in it, the reader refuses those."""
    return json.dumps(value, ensure_ascii=False, indent=2)
