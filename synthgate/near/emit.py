"""Pass 2: the lines of a page as they are written, kept ones and rejects."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from synthgate.errors import InputError
from synthgate.jsonl.leaves import Leaf
from synthgate.jsonl.pages import Page, identified
from synthgate.near.settings import Settings
from synthgate.provenance import FRESH, WRITTEN, emit, read, rejected


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
    leaf, forms = sheet.leaf, sheet.forms
    stamped = settings.stamp.writer(leaf.name)
    drops = iter(sheet.drops)
    drop, row = next(drops, None), -1
    kept: list[bytes] = []
    gone: list[bytes] = []
    for place, (_, _, raw) in enumerate(leaf.page.lines()):
        if type(raw) is not bytes or place in leaf.bad:
            continue
        row += 1
        if row == leaf.rows:
            raise _changed(leaf)
        dropped = drop is not None and drop.row == row
        if dropped and not sheet.rejects:
            drop = next(drops, None)
            continue
        if forms[row] == FRESH:
            line = stamped(raw)
        elif forms[row] == WRITTEN:
            line = raw
        else:
            line = emit(read(raw, leaf.name, 0, settings.stamp.provenance))
        if drop is None or not dropped:
            kept.append(line)
            continue
        where = {"file": leaf.name, "line": leaf.line(row), "stage": settings.stage}
        why = {"reason": drop.reason, "detail": drop.detail, "survivor": drop.survivor}
        gone.append(rejected(line, where | why))
        drop = next(drops, None)
    if row + 1 != leaf.rows or leaf.page.check != leaf.check:
        raise _changed(leaf)
    reasons = Counter(each.reason for each in sheet.drops)
    return Written(_joined(kept), len(kept), _joined(gone), reasons)


def _changed(leaf: Leaf) -> InputError:
    return InputError(f"{leaf.name}: changed while it was being read")


def _joined(lines: list[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n" if lines else b""


def name(page: Page, settings: Settings) -> list[str]:
    """Return the ids of the rows of a page without bad lines."""
    return identified(page, settings.stamp.provenance)
