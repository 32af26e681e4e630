"""One row back to its prompt and its parents, and on to what was made from it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from synthgate.descent import key
from synthgate.errors import InputError, UsageError
from synthgate.generators.journal import records
from synthgate.rows import REJECT, Row, parse
from synthgate.tracing.query import texts_of

if TYPE_CHECKING:
    from synthgate.cli.trace_family import Family
    from synthgate.cli.trace_runs import Runs
    from synthgate.jsonl import Source

_LEAST = 6  # digits of an id
_SHOWN = 300  # characters of a row
_SAID = ("source", "synthetic", "generator", "generation", "prompt", "run")
Entry = dict[str, Any]


def lineage(prefix: str, source: Source, runs: Runs, family: Family) -> list[Entry]:
    """Return the row, what it was made from, nearest first, and what was made from it."""
    row_id = _whole(prefix, family)
    up, down = family.line(row_id, up=True), family.line(row_id, up=False)
    seen: dict[str, Entry] = {}
    for row in chain(source, runs.rows()):
        at = key(row.id)
        if row.id == row_id or at in up or at in down:
            _add(seen.setdefault(row.id, _entry(row)), row)
    _ask(seen, runs.journals())
    ancestors = _above(row_id, seen)
    below = [each for each in seen if each != row_id and each not in ancestors]
    below.sort(key=lambda each: (seen[each]["generation"], each))
    order = [("row", row_id), *(("ancestor", each) for each in ancestors)]
    order += [("descendant", each) for each in below]
    return [{"relation": relation, **seen.get(each, _missing(each))} for relation, each in order]


def _whole(prefix: str, family: Family) -> str:
    """Return the id that begins so."""
    if len(prefix) < _LEAST:
        raise UsageError(f"--lineage {prefix}: give {_LEAST} digits of the id at least")
    found = family.starting(prefix.lower())
    if not found:
        raise InputError(f"--lineage {prefix}: no row has this id")
    if len(found) > 1:
        raise UsageError(f"--lineage {prefix}: {len(found)} rows have ids that begin so")
    return found[0]


def _entry(row: Row) -> Entry:
    said = row.provenance
    shown = " | ".join(texts_of(row, ()))[:_SHOWN]
    fields = {name: getattr(said, name) for name in _SAID}
    return {
        "id": row.id, **fields, "parents": said.parents.split(), "places": [], "rejected": [],
        "asked": [], "text": shown, "texts": frozenset(texts_of(row, ())),
    }  # fmt: skip


def _add(entry: Entry, row: Row) -> None:
    """Take down one more place of a row, and why it was dropped there."""
    entry["places"].append(f"{row.file}:{row.line}")
    why = parse(row.raw).get(REJECT)
    if type(why) is dict:
        entry["rejected"].append(f"{why.get('stage')}: {why.get('reason')}")


def _ask(seen: dict[str, Entry], journals: Iterable[str]) -> None:
    """Take down what was asked for the answers among some rows: those that a journal holds."""
    answers: dict[tuple[str, str], list[Entry]] = {}
    for entry in seen.values():
        for text in entry.pop("texts"):
            if entry["generator"]:
                answers.setdefault((entry["generator"], text), []).append(entry)
    for path in dict.fromkeys(journals):
        for found in records(path):
            said = found.answer()
            for entry in answers.get((found.model, said.text), ()) if not said.reason else ():
                told = {"journal": path, "key": found.key, "messages": found.messages}
                entry["asked"].append(told)


def _missing(row_id: str) -> Entry:
    return {"id": row_id, "missing": "in none of the files"}


def _above(row_id: str, seen: dict[str, Entry]) -> list[str]:
    """Return the ids of what a row was made from, step by step; those of rows that are missing."""
    found: dict[str, None] = {}
    level = [row_id]
    while level:
        parents = [each for child in level if child in seen for each in seen[child]["parents"]]
        level = [each for each in dict.fromkeys(parents) if each not in found and each != row_id]
        found |= dict.fromkeys(level)
    return list(found)
