"""Cap the rows of one semantic cluster, so that the generator's favourites do not take over.

Shape: whole. Memory: one float32 vector (1 KiB with the static embedder) and about 150 bytes a row;
twice the vectors for `against` and for k-means. Rows are read twice, once more for an embedder that
learns from them. Time: see `clusters.density`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from synthgate.clusters.density import density_cap
from synthgate.clusters.named import agglomerative_cap, kmeans_cap
from synthgate.clusters.protect import protected
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
_MEASURED = "confidence"

Watch = Callable[[int, Decision], None]


@dataclass(frozen=True)
class Capping:
    """What pass one found about rows 0 to n - 1, in the order in which they are read.

    `kept` is what stays, protected rows included; `vectors` are there for `against` only.
    """

    embedder: Embedder
    threshold: float
    order: Numbers
    groups: Groups
    kept: Flags
    fields: dict[str, Numbers]
    ids: bytes = field(repr=False)
    vectors: Vectors | None = None

    def id_of(self, row: int) -> str:
        """Return the id of a row."""
        return self.ids[32 * row : 32 * row + 32].hex()

    def kept_vectors(self) -> Iterator[Vectors]:
        """Yield the vectors of the kept rows, some at a time."""
        for start in range(0, 0 if self.vectors is None else len(self.vectors), _SEGMENT):
            part = slice(start, start + _SEGMENT)
            yield self.vectors[part][self.kept[part]]  # type: ignore[index] # not None: see above


def cluster_cap(
    rows: Iterable[Row], shape: Shape, embedder: Embedder, policy: ClusterCapPolicy, seed: int
) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; `rows` is read twice, or once more to learn.

    Rows are taken best first, then in the order of their lots. One is kept while fewer than
    `max_per_cluster` kept rows lie within the distance (a density cap: no cluster has to be found
    first). Its `cluster` is the id of the first kept row of its region: its own, if there is none.
    """
    yield from decide(rows, plan(rows, shape, embedder, policy, seed), policy)


def plan(
    rows: Iterable[Row], shape: Shape, embedder: Embedder, policy: ClusterCapPolicy, seed: int
) -> Capping:
    """Read the rows and return what becomes of each.

    Raises `UsageError` for a field that no row has and for a threshold that nobody knows.
    """
    if isinstance(embedder, Learner):
        embedder = embedder.fit(text_of(row, shape, policy.on) for row in rows)
    threshold = policy.threshold or embedder.threshold
    if not threshold:
        raise UsageError(f"{embedder.identity}: nobody has calibrated it: choose a --threshold")
    found = _Pass(rows, shape, embedder, policy, seed)
    vectors = found.vectors()
    order = found.order(policy.order)
    scratch = vectors.copy() if policy.against and policy.method == "density" else vectors
    groups = _groups(scratch, order, threshold, policy, seed)
    fields = found.fields()
    kept = groups.kept
    if policy.protect:
        floor = policy.protect_floor or policy.max_per_cluster
        kept = protected(kept, fields[policy.protect], order, floor)
    ids, real = bytes(found.ids), vectors if policy.against else None
    return Capping(embedder, threshold, order, groups, kept, fields, ids, real)


def _groups(
    vectors: Vectors, order: Numbers, threshold: float, policy: ClusterCapPolicy, seed: int
) -> Groups:
    cap, clusters = policy.max_per_cluster, policy.clusters
    if policy.method == "kmeans":
        return kmeans_cap(vectors, order, clusters, cap, seed)
    if policy.method == "agglomerative":
        return agglomerative_cap(vectors, order, clusters, threshold, cap)
    return density_cap(vectors, order, threshold, cap)


def decide(
    rows: Iterable[Row], capping: Capping, policy: ClusterCapPolicy, watch: Watch | None = None
) -> Iterator[Decision]:
    """Yield the Decision of each row, and show it to `watch` with the row's number."""
    leaders, before = capping.groups.leaders, capping.groups.before
    for number, row in enumerate(rows):
        leader = capping.id_of(int(leaders[number]))
        decision = Decision(row.marked(cluster=leader))
        if not capping.kept[number]:
            detail = f"{before[number]} rows of its cluster are kept"
            if policy.method == "density":
                detail = f"{before[number]} kept rows lie within cosine {capping.threshold:g}"
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


class _Pass:
    """One reading of the rows: ids, lots, what they are ordered by, slices and vectors."""

    def __init__(
        self,
        rows: Iterable[Row],
        shape: Shape,
        embedder: Embedder,
        policy: ClusterCapPolicy,
        seed: int,
    ) -> None:
        self.ids = bytearray()
        self._lots: list[int] = []
        self._merits: list[float] = []
        names = (policy.protect, *policy.by) if policy.protect else policy.by
        self._values: dict[str, dict[str, int]] = {name: {} for name in names}
        self._codes: dict[str, list[int]] = {name: [] for name in names}
        self._policy, self._seed = policy, seed
        seen = (text_of(self._noted(row), shape, policy.on) for row in rows)
        self._vectors = embed(embedder, seen)

    def _noted(self, row: Row) -> Row:
        """Note what is needed of a row beside its vector."""
        self.ids += bytes.fromhex(row.id)
        self._lots.append(lot(self._seed, row.id))
        if self._policy.order != "hash":
            self._merits.append(_merit(row, self._policy.order))
        for name, codes in self._codes.items():
            value, known = dig(row.value, name), self._values[name]
            codes.append(-1 if value is None else known.setdefault(_short(value), len(known)))
        return row

    def vectors(self) -> Vectors:
        """Return the vectors and let go of them."""
        vectors, self._vectors = self._vectors, self._vectors[:0]
        return vectors

    def order(self, by: str) -> Numbers:
        """Return the numbers of the rows, the largest merit first, then by their lots."""
        import numpy as np

        lots = np.array(self._lots, dtype=np.uint64)
        if by == "hash":
            return np.argsort(lots, kind="stable")
        merits = np.array(self._merits, dtype=np.float64)
        if len(merits) and by != _MEASURED and np.isneginf(merits).all():
            raise UsageError(f"--order {by}: no row has a number there")
        return np.lexsort((lots, -merits))

    def fields(self) -> dict[str, Numbers]:
        """Return the codes of the slices of each field."""
        import numpy as np

        for name, known in self._values.items():
            if self._lots and not known:
                option = "protect" if name == self._policy.protect else "by"
                raise UsageError(f"--{option} {name}: no row has this field")
        return {name: np.array(codes, dtype=np.int64) for name, codes in self._codes.items()}


def _merit(row: Row, by: str) -> float:
    """Return the number that a row is ordered by; what has none comes last."""
    value: Any = row.provenance.confidence if by == _MEASURED else dig(row.value, by)
    return float(value) if type(value) in (int, float) else float("-inf")


def _short(value: Any) -> str:
    return str(value)[:_LONGEST]
