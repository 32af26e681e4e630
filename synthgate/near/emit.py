"""Pass 2: the lines of a page as they are written, kept ones and rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from synthgate.errors import InputError
from synthgate.jsonl.leaves import Leaf
from synthgate.jsonl.pages import Page
from synthgate.jsonl.stamped import identified
from synthgate.near.settings import Settings
from synthgate.provenance import FRESH, WRITTEN, Stamp, emit, read
from synthgate.rejects import dropped


class Drop(NamedTuple):
    """Why a row of a page goes: its number in the page, as in `Decision`."""

    row: int
    reason: str
    detail: str = ""
    survivor: str = ""


class Sheet(NamedTuple):
    """A page, how its lines are written (see `provenance.look`), which of its rows go."""

    leaf: Leaf
    forms: bytes
    drops: list[Drop]
    rejects: bool  # whether rejects are wanted


@dataclass
class Written:
    """Lines with their ends, how many of them; the lines of rejects, and their reasons."""

    lines: bytes
    rows: int
    rejects: bytes
    reasons: Counter[str] = field(default_factory=Counter)


def written(sheet: Sheet, settings: Settings) -> Written:
    """Return the lines of a page as they are written."""
    leaf, row = sheet.leaf, -1
    drops = {drop.row: drop for drop in sheet.drops}
    line_of = _writer(leaf.name, settings.stamp)
    kept: list[bytes] = []
    gone: list[bytes] = []
    for place, (_, _, raw) in enumerate(leaf.page.lines()):
        if type(raw) is not bytes or place in leaf.bad:
            continue
        row += 1
        if row == leaf.rows:
            raise _changed(leaf)
        drop = drops.get(row)
        if drop is None:
            kept.append(line_of(raw, sheet.forms[row]))
        elif sheet.rejects:
            line, said = line_of(raw, sheet.forms[row]), (drop.reason, drop.detail, drop.survivor)
            gone.append(dropped(line, leaf.name, leaf.line(row), settings.stage, said))
    if row + 1 != leaf.rows or leaf.page.check != leaf.check:
        raise _changed(leaf)
    reasons = Counter(drop.reason for drop in sheet.drops)
    return Written(_joined(kept), len(kept), _joined(gone), reasons)


def _writer(name: str, stamp: Stamp) -> Callable[[bytes, int], bytes]:
    """Return what writes the lines of a file, each as its form asks for."""
    stamped = stamp.writer(name)

    def line_of(raw: bytes, form: int) -> bytes:
        if form == FRESH:
            return stamped(raw)
        return raw if form == WRITTEN else emit(read(raw, name, 0, stamp.provenance))

    return line_of


def _changed(leaf: Leaf) -> InputError:
    return InputError(f"{leaf.name}: changed while it was being read")


def _joined(lines: list[bytes]) -> bytes:
    return b"\n".join([*lines, b""])


def name(page: Page, settings: Settings) -> list[str]:
    """Return the ids of the rows of a page without bad lines."""
    return identified(page, settings.stamp.provenance)


class Ids:
    """The ids of some rows, 32 bytes each, by their numbers, ascending."""

    def __init__(self, rows: Any, ids: bytes) -> None:
        self._rows, self._ids = rows, ids

    def of(self, row: int) -> str:
        """Return the id of one of them."""
        same_kind = self._rows.dtype.type(row)  # of another kind, all of them would be copied first
        at = 32 * int(self._rows.searchsorted(same_kind))
        return self._ids[at : at + 32].hex()
