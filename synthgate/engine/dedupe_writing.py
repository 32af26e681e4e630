"""The last tasks of `dedupe` on a cluster: who is named by rejects, and the lines of each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from synthgate.engine.dedupe_tasks import Gone, Item, Local, drop, inside, lines_of, opened
from synthgate.engine.parts import Job, Part
from synthgate.jsonl.pages import Line, LinesPage
from synthgate.jsonl.splits import Split
from synthgate.jsonl.stamped import identified
from synthgate.near.emit import Sheet, written
from synthgate.near.settings import Settings
from synthgate.stages.dedupe import Verdicts

Array = Any


@dataclass(frozen=True)
class Names:
    """Rows that others repeat: numbers ascending, ids of 32 bytes each, file and line of each."""

    rows: Array
    ids: bytes
    files: Array
    lines: Array

    def of(self, rows: Array) -> Names:
        """Return those of some rows."""
        at = np.searchsorted(self.rows, rows)
        ids = np.frombuffer(self.ids, dtype="V32")[at].tobytes()
        return Names(rows, ids, self.files[at], self.lines[at])


def name(item: Item, named: Array, _shares: int, settings: Settings) -> tuple[None, Names]:
    """Return ids and places of the rows of a part that others repeat."""
    number, split, here, first = item
    places = inside(named, first, len(here.known))
    held: list[Line] = [(0, 0, raw) for raw in lines_of(split, here, places.tolist())]
    ids = identified(LinesPage(held, len(held)), settings.stamp.provenance)
    begins = np.cumsum([0, *(leaf.rows for leaf in here.leaves)])
    leaves: Array = np.searchsorted(begins, places, side="right") - 1
    lines = [
        here.leaves[leaf].line(row - int(begins[leaf]))
        for leaf, row in zip(leaves.tolist(), places.tolist(), strict=True)
    ]
    files = np.full(len(places), number, dtype=np.uint32)
    found = bytes.fromhex("".join(ids))
    return None, Names(places + first, found, files, np.array(lines, dtype=np.uint64))


def tell(task: tuple[list[Names], list[Gone]]) -> tuple[Any, ...]:
    """Return the names that each part needs."""
    parts, gone = task
    known = Names(
        np.concatenate([np.zeros(0, np.int64), *(part.rows for part in parts)]),
        b"".join([part.ids for part in parts]),
        np.concatenate([np.zeros(0, np.uint32), *(part.files for part in parts)]),
        np.concatenate([np.zeros(0, np.uint64), *(part.lines for part in parts)]),
    )
    told = (known.of(np.unique(each.survivors)) for each in gone)
    return None, *told, None


def write(
    item: tuple[Split, Local, Gone, Names | None], job: Job, settings: Settings, places: list[str]
) -> Part:
    """Return the lines of a part as they are written."""
    split, here, gone, names = item
    verdicts = Verdicts(here.known)
    drop(verdicts, gone)
    named = _Named(names, places) if names is not None else lambda _: ("", "")
    part, first = Part(more=[]), 0
    for leaf in opened(split, here):
        forms = here.known.forms[first : first + leaf.rows].tobytes()
        drops = verdicts.drops(first, leaf.rows, named)
        part.more.append(written(Sheet(leaf, forms, drops, job.rejects), settings))
        first += leaf.rows
    return part


class _Named:
    """The id and the place of rows that others repeat."""

    def __init__(self, names: Names, files: list[str]) -> None:
        self._names, self._files = names, files

    def __call__(self, row: int) -> tuple[str, str]:
        names = self._names
        at = int(np.searchsorted(names.rows, row))
        place = f"{self._files[int(names.files[at])]}:{names.lines[at]}"
        return names.ids[32 * at : 32 * at + 32].hex(), place
