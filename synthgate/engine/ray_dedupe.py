"""`dedupe` on a cluster: keys are shuffled to those who look for equal ones.

Each part of a file is scanned where it is read. One after the other:

    descent  a part: whose child each row is, if some are excluded    -> close
    close    which rows are excluded, with all made from them         -> scan
    scan     a part: faults, digests, band keys; digests in shares    -> repeats
    repeats  a share: which rows repeat which exactly                 -> keys
    keys     a part: the band keys of what is left, in shares         -> link
    link     a share: pairs that share a key, as a forest             -> unite
    unite    all forests: the groups of rows that may be alike        -> pick
    pick     a part: the lines of rows in groups, in bins of groups   -> judge
    judge    a bin: exact comparison, which rows repeat which         -> resolve
    resolve  what repeats what becomes what goes, with the caps       -> name
    name     a part: ids and places of rows that others repeat        -> tell
    tell     each part the names that it needs                        -> write
    write    a part: its lines

Nothing of this passes through the process that was started but the lines that are written. Memory:
`close`, `unite`, `resolve` and `tell` are one task each, which holds 10 bytes a row (and 8 more for
each cap), 24 for each row that may be alike and 50 for each that is named, and of descent 30 a row
and 150 where it has parents; any other task holds its part or its share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from synthgate.config import DedupePolicy
from synthgate.engine import dedupe_excluding as first
from synthgate.engine import dedupe_tasks as tasks
from synthgate.engine import dedupe_writing as writing
from synthgate.engine.parts import Job, Part
from synthgate.engine.ray_cluster import Cluster, Ref
from synthgate.jsonl.splits import Split
from synthgate.near.settings import Settings

_SHARES = 16  # most shares of the keys
_SHARE = 1 << 17  # bytes of a share of a part, at least: smaller ones would be held by the driver


class Dedupe:
    """The tasks of one run, in their order: `scan`, `decide`, `write`."""

    def __init__(
        self,
        cluster: Cluster,
        splits: Sequence[Split],
        job: Job,
        policy: DedupePolicy,
        settings: Settings,
    ) -> None:
        self._cluster, self._splits, self._policy = cluster, splits, policy
        self._job, self._settings = cluster.put(job), cluster.put(settings)
        self._rejects = job.rejects
        lines = max((split.lines for split in splits), default=0)
        self._equals = max(1, min(_SHARES, lines * 20 // _SHARE))
        self._keys = max(1, min(_SHARES, lines * 150 // _SHARE))
        self._locals: list[Ref] = []
        self._standing: list[Ref] = []
        self._equal: list[list[Ref]] = []
        self._sizes: list[int] = []
        self._gone: list[Ref] = []
        self._names: list[Ref] = []
        self._excluded: list[Ref] = []

    def exclude(self) -> None:
        """Find out which rows are excluded: that takes a look at all of them first."""
        run = self._cluster.run(first.descent, self._splits, self._job, self._settings, left=1)
        left = [refs[0] for _, refs in run]
        closing = self._cluster.run(
            first.close, [left], self._settings, left=len(left) + 1, alone=True
        )
        ((_, (*told, _)),) = closing
        self._excluded = told

    def scan(self) -> Iterator[Part]:
        """Look at all rows; yield what was read of each part."""
        items = zip(self._splits, self._excluded or ({} for _ in self._splits), strict=True)
        run = self._cluster.run(
            tasks.scan, items, self._job, self._settings, self._equals, left=2 + self._equals
        )
        for part, (local, standing, *equal) in run:
            self._locals.append(local)
            self._standing.append(standing)
            self._equal.append(equal)
            self._sizes.append(part.rows)
            yield part

    def decide(self) -> None:
        """Find out which rows go."""
        repeats = self._each(tasks.repeats, self._turned(self._equal, self._equals), self._starts())
        self._equal.clear()
        keyed = self._parts(tasks.keys, self._locals, repeats, self._keys, left=self._keys)
        threshold = self._policy.near_threshold
        forests = self._each(tasks.link, self._turned(keyed, self._keys), threshold)
        ((bins, (united,)),) = self._cluster.run(tasks.unite, [forests], left=1, alone=True)
        picked = self._parts(tasks.pick, self._locals, united, bins, left=max(1, bins))
        judged = self._each(
            tasks.judge, list(enumerate(self._turned(picked, bins))), united, self._settings
        )
        task = (self._standing, repeats, judged, self._starts())
        left = len(self._splits) + 1
        ((_, (*self._gone, named)),) = self._cluster.run(
            tasks.resolve, [task], self._policy, left=left, alone=True
        )
        if self._rejects:
            names = [refs[0] for refs in self._parts(writing.name, self._locals, named, 0, left=1)]
            told = self._cluster.run(writing.tell, [(names, self._gone)], left=left, alone=True)
            ((_, (*self._names, _)),) = told

    def write(self) -> Iterator[Part]:
        """Read all rows again; yield the lines of each part; `more` is a list of `Written`."""
        names = self._names or [None] * len(self._splits)
        places = self._cluster.put([split.name for split in self._splits])
        items = zip(self._splits, self._locals, self._gone, names, strict=True)
        yield from self._cluster.run(writing.write, items, self._job, self._settings, places)

    # --- how tasks are given what others left -------------------------------------------

    def _starts(self) -> list[int]:
        """Return the number of the first row of each part, and of all rows."""
        return list(accumulate(self._sizes, initial=0))

    def _turned(self, left: list[list[Ref]], shares: int) -> list[list[Ref]]:
        """Return what all parts left for each share."""
        return [[refs[share] for refs in left] for share in range(shares)]

    def _each(self, work: Any, items: list[Any], *shared: Any) -> list[Ref]:
        """Run a task for each share; return what it left."""
        return [left for _, (left,) in self._cluster.run(work, items, *shared, left=1)]

    def _parts(
        self, work: Any, local: list[Ref], found: Any, shares: int, *, left: int
    ) -> list[list[Ref]]:
        """Run a task for each part; return what it left for each share."""
        starts = self._starts()
        items = (
            (number, split, here, starts[number])
            for number, (split, here) in enumerate(zip(self._splits, local, strict=True))
        )
        run = self._cluster.run(work, items, found, shares, self._settings, left=left)
        return [refs for _, refs in run]
