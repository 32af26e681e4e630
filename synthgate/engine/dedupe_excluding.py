"""The first tasks of `dedupe` on a cluster where some rows are excluded: descent needs all rows."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from synthgate.descent import Barred, Kin, excluded, kin_of
from synthgate.engine.parts import Job
from synthgate.jsonl.pages import looked
from synthgate.jsonl.splits import Split, pages_of, unchanged
from synthgate.jsonl.stamped import provenances
from synthgate.near.settings import Settings


def descent(split: Split, job: Job, settings: Settings) -> tuple[None, list[Kin]]:
    """Leave the descent of the rows of a part, page by page."""
    unchanged(split)
    barred, stamp = settings.barred or Barred(()), settings.stamp.provenance
    pages = pages_of(split, job.max_line)
    return None, [kin_of(provenances(page, looked(page), stamp), barred) for page in pages]


def close(kin: list[list[Kin]], settings: Settings) -> tuple[Any, ...]:
    """Leave for each part which of its rows are excluded, {place in it: why}."""
    counts = [sum(map(len, pages)) for pages in kin]
    starts = list(accumulate(counts, initial=0))
    told: list[dict[int, str]] = [{} for _ in kin]
    number = 0
    gone = excluded([page for pages in kin for page in pages], settings.barred or Barred(()))
    for row, why in gone.items():
        while row >= starts[number + 1]:
            number += 1
        told[number][row - starts[number]] = why
    return None, *told, None
