"""`cluster-cap` on a cluster: rows are embedded where they are read, and capped in one place.

Embedding is what takes long, and it is spread over all nodes. The cap itself looks at all vectors
in their order: one task on one node, which needs 1.2 KiB a row. This process never sees a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from synthgate import registry
from synthgate.clusters.seen import Fates, Seen, joined
from synthgate.config import ClusterCapPolicy
from synthgate.embedders import Embedder, Learner
from synthgate.engine.parts import Job, Part, Reading
from synthgate.engine.ray_cluster import Cluster, Ref
from synthgate.jsonl.splits import Split
from synthgate.rows import Decision
from synthgate.stages.cluster_cap import Facts, capped, decide, look, missing, text_of
from synthgate.verifiers.slices import Slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_TEXT = 4096  # characters of a text whose words are wanted


@dataclass(frozen=True)
class Told:
    """What a task adds to its part: counts of slices, and texts whose words are wanted."""

    slices: Any
    texts: list[tuple[int, str]]


class Cap:
    """The tasks of one run, in their order: `learn`, `look`, `plan`, `decide`."""

    def __init__(
        self, cluster: Cluster, splits: Sequence[Split], job: Job, policy: ClusterCapPolicy
    ) -> None:
        self._cluster, self._splits = cluster, splits
        self._job, self._policy = cluster.put(job), cluster.put(policy)
        self._counts: Ref = cluster.put(None)
        self._seen: list[Ref] = []
        self._sizes: list[int] = []
        self._fates: list[Ref] = []

    def learn(self) -> None:
        """Let an embedder that learns see all texts."""
        counts = self._cluster.run(_counted, self._splits, self._job, self._policy)
        self._counts = self._cluster.put(reduce(add, counts, 0))

    def look(self) -> Iterator[Part]:
        """Read and embed all rows; yield what was read of each split."""
        given = (self._job, self._policy, self._counts)
        for part, (seen,) in self._cluster.run(_looked, self._splits, *given, left=1):
            self._seen.append(seen)
            self._sizes.append(part.rows)
            yield part

    def plan(self, real: list[tuple[str, str]]) -> Facts:
        """Decide about all rows; return what there is to tell."""
        sizes = self._sizes or [0]  # a task leaves one thing at least
        given = (self._job, self._policy, self._counts, self._cluster.put(real))
        run = self._cluster.run(
            _planned, [(self._seen, sizes)], *given, left=len(sizes), alone=True
        )
        facts: Facts
        facts, fates = next(run)
        self._fates = fates[: len(self._splits)]
        return facts

    def decide(self, wanted: set[int]) -> Iterator[Part]:
        """Read all rows again; yield what became of those of each split; `more` is `Told`."""
        yield from self._cluster.run(_decided, self._items(wanted), self._job, self._policy)

    def _items(self, wanted: set[int]) -> Iterator[tuple[Split, Ref, int, list[int]]]:
        start = 0
        for split, fates, size in zip(self._splits, self._fates, self._sizes, strict=True):
            stop = start + size
            yield split, fates, start, [row for row in wanted if start <= row < stop]
            start = stop


# --- tasks ------------------------------------------------------------------------------

_held: list[tuple[str, bytes, Embedder]] = []


def _embedder(policy: ClusterCapPolicy, counts: NDArray[Any] | None) -> Embedder:
    """Return the embedder of this process, made when the first task needs it."""
    known = b"" if counts is None else counts.tobytes()
    if not _held or _held[0][:2] != (policy.embedder, known):
        name, _, argument = policy.embedder.partition(":")
        made = registry.find("embedders", name)(argument)
        if counts is not None:
            made = made.learnt(counts)
        _held[:] = [(policy.embedder, known, made)]
    return _held[0][2]


def learns(policy: ClusterCapPolicy) -> bool:
    """Tell whether the embedder must see all texts before it can embed one."""
    return isinstance(_embedder(policy, None), Learner)


def _counted(split: Split, job: Job, policy: ClusterCapPolicy) -> NDArray[Any]:
    learner: Any = _embedder(policy, None)
    texts = (text_of(row, job.shape, policy.on) for row in Reading(split, job, again=True))
    counts: NDArray[Any] = learner.count(texts)
    return counts


def _looked(
    split: Split, job: Job, policy: ClusterCapPolicy, counts: NDArray[Any] | None
) -> tuple[Part, Seen]:
    reading = Reading(split, job)
    seen = look(reading, job.shape, _embedder(policy, counts), policy, job.seed)
    return reading.part, seen


def _planned(
    task: tuple[list[Seen], list[int]],
    job: Job,
    policy: ClusterCapPolicy,
    counts: NDArray[Any] | None,
    real: list[tuple[str, str]],
) -> tuple[Any, ...]:
    parts, sizes = task
    embedder = _embedder(policy, counts)
    seen = joined(parts, sum(sizes))
    capping = capped(seen, embedder, policy, job.seed)
    missed = missing(capping, real, job.seed) if policy.against else None
    return capping.facts(policy.max_per_cluster, missed), *_parts(capping.fates, sizes)


def _parts(fates: Fates, sizes: Iterable[int]) -> Iterator[Fates]:
    start = 0
    for size in sizes:
        yield fates.part(start, start + size)
        start += size


def _decided(task: tuple[Split, Fates, int, list[int]], job: Job, policy: ClusterCapPolicy) -> Part:
    split, fates, start, numbers = task
    slices = Slices([policy.protect, *policy.by] if policy.protect else policy.by)
    texts: list[tuple[int, str]] = []
    wanted = frozenset(numbers)

    def watch(number: int, decision: Decision) -> None:
        slices.add(decision.row, not decision.reason)
        if start + number in wanted:
            text = text_of(decision.row, job.shape, policy.on)
            texts.append((start + number, text[:MAX_TEXT]))

    reading = Reading(split, job, again=True)
    part = reading.settle(decide(reading, fates, watch))
    part.more = Told(slices.counts(), texts)
    return part
