"""Rows that share keys, dealt out in whole groups to those who compare them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from synthgate.jsonl import Pages
from synthgate.jsonl.pages import LinesPage
from synthgate.near import groups
from synthgate.near.judge import Group
from synthgate.near.pool import Pool
from synthgate.near.survey import Survey

Array = Any
_TASK = 1_000  # rows that one process compares at a time
_ROUND = 400_000  # rows that are read at a time where that takes reading all


class Compared:
    """The rows that share keys, read again and compared exactly, group by group."""

    def __init__(self, pages: Pages, ranks: Array) -> None:
        self._pages, self._ranks = pages, ranks
        self._tasks: deque[Array] = deque()

    def repeats(
        self, known: Survey, alive: Array, threshold: float, pool: Pool
    ) -> Iterator[tuple[str, int, int, float]]:
        """Yield (reason, row, survivor, similarity) of rows that are near or alike others."""
        forest = groups.Forest(len(known))
        for pairs in known.neighbours(alive, threshold):
            forest.link(*pairs)
        candidates, begins = forest.groups()
        del forest
        for found in pool.map("judge", self._groups(candidates, begins)):
            numbers = self._tasks.popleft()
            for repeat in found:
                row, survivor = int(numbers[repeat.row]), int(numbers[repeat.survivor])
                yield repeat.reason, row, survivor, repeat.similarity

    def _groups(self, candidates: Array, begins: Array) -> Iterator[Group]:
        """Yield whole groups, some 1,000 rows at a time."""
        if self._pages.seekable:
            for first, last in groups.spans(begins, len(candidates), _TASK):
                numbers = np.sort(candidates[first:last])
                yield self._group(numbers, self._pages.pick(numbers.tolist()))
            return
        for first, last in groups.spans(begins, len(candidates), _ROUND):
            wanted = np.sort(candidates[first:last])
            lines = dict(
                zip(wanted.tolist(), self._pages.pick(wanted.tolist()).lines(), strict=True)
            )
            inside = begins[(begins >= first) & (begins < last)] - first
            for start, end in groups.spans(inside, last - first, _TASK):
                numbers = np.sort(candidates[first + start : first + end])
                held = [lines.pop(number) for number in numbers.tolist()]
                yield self._group(numbers, LinesPage(held, len(held)))

    def _group(self, numbers: Array, page: Any) -> Group:
        order = np.argsort(self._ranks[numbers])
        self._tasks.append(numbers[order])
        return Group(page, order.tolist())
