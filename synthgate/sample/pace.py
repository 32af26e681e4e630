"""How fast reviewers passed rows. It is said beside a verdict and never decides.

A pass must have been read to its end; a fail may show in the first line. So only passes count: one
is hasty that took less than 1.5 s, or less than 10 ms a character. That is four times as fast as
people read (238 words a minute: Brysbaert, 2019, doi:10.1016/j.jml.2019.104047).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median_low

import msgspec

from synthgate.sample.said import Labels

LEAST = 1_500  # milliseconds of a row
OF_A_CHARACTER = 10  # milliseconds
FEWEST = 10  # passes with a time: fewer say nothing of a habit


class Pace(msgspec.Struct, frozen=True):
    """How long a reviewer looked at the rows that they passed.

    `passes` of them have a time on record, `ms` is the median of these in milliseconds, and
    `hasty` are shorter than reading takes.
    """

    reviewer: str
    passes: int
    ms: int
    hasty: int

    @property
    def too_fast(self) -> bool:
        """Whether the median pass is hasty."""
        return self.passes >= FEWEST and 2 * self.hasty > self.passes


def paces(labels: Labels, characters: Mapping[str, int]) -> Iterator[Pace]:
    """Yield the pace of each reviewer with times; `characters` has the length of rows by id."""
    times: dict[str, list[tuple[int, int]]] = {}
    for row_id, reviewer, ms in labels.looks():
        wanted = max(LEAST, OF_A_CHARACTER * characters.get(row_id, 0))
        times.setdefault(reviewer, []).append((ms, wanted))
    for reviewer, found in sorted(times.items()):
        hasty = sum(ms < wanted for ms, wanted in found)
        yield Pace(reviewer, len(found), median_low(ms for ms, _ in found), hasty)
