"""One planted thing shows in many runs of words: name the one that explains its texts best."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from synthgate.poison import Array

Thing = TypeVar("Thing")

SHARED = 0.8  # of a run's texts that an earlier run has named: then it is the same thing


def distinct(found: Iterable[tuple[Array, Thing]]) -> Iterator[tuple[Array, Thing]]:
    """Yield, of (texts, thing) pairs given best first, those whose texts are mostly new."""
    named: set[int] = set()
    for rows, thing in found:
        texts = rows.tolist()
        if sum(row in named for row in texts) < SHARED * len(texts):
            named.update(texts)
            yield rows, thing
