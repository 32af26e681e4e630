"""Cap the rows of one semantic cluster, so that the generator's favourites do not take over.

Shape: whole. Memory: one float32 vector (1 KiB with the static embedder) and about 150 bytes a row;
twice the vectors for `against` and for k-means. Rows are read twice, once more for an embedder that
learns from them. Time: see `clusters.density`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from synthgate.clusters.density import density_cap
from synthgate.clusters.gaps import Gaps, gaps
from synthgate.clusters.named import agglomerative_cap, kmeans_cap
from synthgate.clusters.protect import protected
from synthgate.clusters.seen import MEASURED, Fates, Seen, fates_of
from synthgate.clusters.summary import Summary
from synthgate.config import ClusterCapPolicy
from synthgate.embedders import Embedder, Learner
from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.rows import Decision, Row, lot

if TYPE_CHECKING:
    from synthgate.clusters import Flags, Groups, Numbers, Vectors

_BATCH = 1024
_SEGMENT = 1 << 15  # vectors collected in one array: 32 MiB, which go back when they are copied
_LONGEST = 200  # characters of a slice's name

Watch = Callable[[int, Decision], None]


@dataclass(frozen=True)
class Capping:
    """What pass one found about rows 0 to n - 1, in the order in which they are read.

    `fates` says which rows stay, protected ones included; `vectors` are there for `against` only.
    """

    embedder: Embedder
    threshold: float
    order: Numbers
    groups: Groups
    fates: Fates
    fields: dict[str, Numbers]
    vectors: Vectors | None = None

    @property
    def kept(self) -> Flags:
        """Whether a row stays, one by one."""
        return self.fates.kept

    def facts(self, cap: int, missed: Gaps | None) -> Facts:
        """Return what there is to tell, the words of texts not yet added."""
        summary = Summary(self.groups, self.kept, self.order, cap, self.fields, self._id_of)
        saved = int((self.kept & ~self.groups.kept).sum())
        identity, exact, rows = self.embedder.identity, self.groups.exact, len(self.order)
        return Facts(identity, self.threshold, exact, saved, rows, summary, missed)

    def _id_of(self, row: int) -> str:
        return self.fates.ids[32 * row : 32 * row + 32].hex()

    def kept_vectors(self) -> Iterator[Vectors]:
        """Yield the vectors of the kept rows, some at a time."""
        for start in range(0, 0 if self.vectors is None else len(self.vectors), _SEGMENT):
            part = slice(start, start + _SEGMENT)
            yield self.vectors[part][self.kept[part]]  # type: ignore[index] # not None: see above


@dataclass(frozen=True)
class Facts:
    """What is told of a capping: `saved` rows are kept that the cap would have cut."""

    embedder: str
    threshold: float
    exact: bool
    saved: int
    rows: int
    summary: Summary
    gaps: Gaps | None


def cluster_cap(
    rows: Iterable[Row], shape: Shape, embedder: Embedder, policy: ClusterCapPolicy, seed: int
) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; `rows` is read twice, or once more to learn.

    Rows are taken best first, then in the order of their lots. One is kept while fewer than
    `max_per_cluster` kept rows lie within the distance (a density cap: no cluster has to be found
    first). Its `cluster` is the id of the first kept row of its region: its own, if there is none.
    """
    yield from decide(rows, plan(rows, shape, embedder, policy, seed).fates)


def plan(
    rows: Iterable[Row], shape: Shape, embedder: Embedder, policy: ClusterCapPolicy, seed: int
) -> Capping:
    """Read the rows and return what becomes of each.

    Raises `UsageError` for a field that no row has and for a threshold that nobody knows.
    """
    if isinstance(embedder, Learner):
        embedder = embedder.fit(text_of(row, shape, policy.on) for row in rows)
    threshold_of(embedder, policy)
    return capped(look(rows, shape, embedder, policy, seed), embedder, policy, seed)


def threshold_of(embedder: Embedder, policy: ClusterCapPolicy) -> float:
    """Return the threshold that is asked for, or the embedder's own."""
    threshold = policy.threshold or embedder.threshold
    if not threshold:
        raise UsageError(f"{embedder.identity}: nobody has calibrated it: choose a --threshold")
    return threshold


def capped(seen: Seen, embedder: Embedder, policy: ClusterCapPolicy, seed: int) -> Capping:
    """Return what becomes of rows that were seen; their vectors may be overwritten."""
    threshold, vectors = threshold_of(embedder, policy), seen.vectors
    order = seen.order(policy.order)
    scratch = vectors.copy() if policy.against and policy.method == "density" else vectors
    groups = _groups(scratch, order, threshold, policy, seed)
    fields = seen.fields(policy.protect)
    kept = groups.kept
    if policy.protect:
        floor = policy.protect_floor or policy.max_per_cluster
        kept = protected(kept, fields[policy.protect], order, floor)
    found = fates_of(seen.ids, groups, kept, threshold if policy.method == "density" else None)
    real = vectors if policy.against else None
    return Capping(embedder, threshold, order, groups, found, fields, real)


def _groups(
    vectors: Vectors, order: Numbers, threshold: float, policy: ClusterCapPolicy, seed: int
) -> Groups:
    cap, clusters = policy.max_per_cluster, policy.clusters
    if policy.method == "kmeans":
        return kmeans_cap(vectors, order, clusters, cap, seed)
    if policy.method == "agglomerative":
        return agglomerative_cap(vectors, order, clusters, threshold, cap)
    return density_cap(vectors, order, threshold, cap)


def decide(rows: Iterable[Row], fates: Fates, watch: Watch | None = None) -> Iterator[Decision]:
    """Yield the Decision of each row, and show it to `watch` with the row's number."""
    for number, row in enumerate(rows):
        leader = fates.leader(number)
        decision = Decision(row.marked(cluster=leader))
        if detail := fates.refusal(number):
            decision = Decision(decision.row, "cluster_full", detail, leader)
        if watch is not None:
            watch(number, decision)
        yield decision


def text_of(row: Row, shape: Shape, on: str) -> str:
    """Return the text of a row that is embedded."""
    prompt, response = shape.prompt(row.value) or "", shape.response(row.value) or ""
    both = f"{prompt}\n{response}" if prompt and response else prompt or response
    return {"prompt": prompt, "response": response}.get(on, both)


def embed(embedder: Embedder, texts: Iterable[str]) -> Vectors:
    """Return the vectors of texts (n, d), a batch of them in memory beside the result."""
    import numpy as np

    segments: list[Vectors] = []
    filled = 0
    stream = iter(texts)
    while batch := list(islice(stream, _BATCH)):
        vectors = embedder.embed(batch)
        at = filled % _SEGMENT
        if at == 0:
            segments.append(np.empty((_SEGMENT, vectors.shape[1]), dtype=np.float32))
        segments[-1][at : at + len(batch)] = vectors
        filled += len(batch)
    if not segments:
        return np.zeros((0, 1), dtype=np.float32)
    whole = np.empty((filled, segments[0].shape[1]), dtype=np.float32)
    segments.reverse()
    for start in range(0, filled, _SEGMENT):
        part = whole[start : start + _SEGMENT]
        part[:] = segments.pop()[: len(part)]
    return whole


def look(
    rows: Iterable[Row], shape: Shape, embedder: Embedder, policy: ClusterCapPolicy, seed: int
) -> Seen:
    """Read rows once; return their ids, lots, what they are ordered by, slices and vectors."""
    import numpy as np

    noted = _Noted(policy, seed)
    vectors = embed(embedder, (text_of(noted.add(row), shape, policy.on) for row in rows))
    return Seen(
        bytes(noted.ids),
        np.array(noted.lots, dtype=np.uint64),
        np.array(noted.merits, dtype=np.float64),
        noted.values,
        {name: np.array(codes, dtype=np.int64) for name, codes in noted.codes.items()},
        vectors,
    )


def missing(capping: Capping, real: list[tuple[str, str]], seed: int) -> Gaps:
    """Return which clusters of real rows, (id, text) each, have no kept row near them."""
    import numpy as np

    texts = [text for _, text in real]
    lots = np.array([lot(seed, row_id) for row_id, _ in real], dtype=np.uint64)
    vectors = embed(capping.embedder, texts)
    order = np.argsort(lots, kind="stable")
    return gaps(texts, vectors, order, capping.kept_vectors(), capping.threshold)


class _Noted:
    """What is noted of rows beside their vectors."""

    def __init__(self, policy: ClusterCapPolicy, seed: int) -> None:
        self.ids = bytearray()
        self.lots: list[int] = []
        self.merits: list[float] = []
        names = (policy.protect, *policy.by) if policy.protect else policy.by
        self.values: dict[str, dict[str, int]] = {name: {} for name in names}
        self.codes: dict[str, list[int]] = {name: [] for name in names}
        self._order, self._seed = policy.order, seed

    def add(self, row: Row) -> Row:
        """Note what is needed of a row, and return it."""
        self.ids += bytes.fromhex(row.id)
        self.lots.append(lot(self._seed, row.id))
        if self._order != "hash":
            self.merits.append(_merit(row, self._order))
        for name, codes in self.codes.items():
            value, known = dig(row.value, name), self.values[name]
            codes.append(-1 if value is None else known.setdefault(_short(value), len(known)))
        return row


def _merit(row: Row, by: str) -> float:
    """Return the number that a row is ordered by; what has none comes last."""
    value: Any = row.provenance.confidence if by == MEASURED else dig(row.value, by)
    return float(value) if type(value) in (int, float) else float("-inf")


def _short(value: Any) -> str:
    return str(value)[:_LONGEST]
