"""From a bad behaviour to the rows that show it.

Shape: per row; the counts of the tally add up over all. Memory: a batch of rows, and the tally's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from synthgate.rows import Row
from synthgate.tracing.query import BATCH, Query
from synthgate.tracing.ranking import Tally


def trace(
    rows: Iterable[Row], query: Query, tally: Tally
) -> Iterator[tuple[Row, bool | None, bool]]:
    """Yield (row, whether it matches or None, whether its bytes are new), in input order."""
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        for row, matched in zip(batch, query.found(batch), strict=True):
            fresh = tally.add(row, matched)
            yield row, matched, fresh


def findings(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a trace as flat findings, one a line of JSONL."""
    for section, value in found.items():
        if isinstance(value, list):
            for each in value:
                yield {"finding": section, **each}
        elif isinstance(value, dict) and value:
            yield {"finding": section, **value}
