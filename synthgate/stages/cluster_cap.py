"""Cap the rows of one semantic cluster, so that the generator's favourites do not take over.

Shape: whole. Memory: one float32 vector (1 KiB with the static embedder) and 100 bytes a row;
time grows with the square of the rows kept. Rows are read twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from synthgate.config import ClusterCapPolicy
from synthgate.embedders import Embedder
from synthgate.formats import Shape
from synthgate.rows import Decision, Row, lot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_BATCH = 1024
_CELLS = 1 << 24  # similarities held at a time: 64 MiB


def cluster_cap(
    rows: Iterable[Row], shape: Shape, embedder: Embedder, policy: ClusterCapPolicy, seed: int
) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; `rows` is read twice.

    Rows are taken in the order of their lots. One is kept while fewer than `max_per_cluster`
    kept rows lie within the distance (a density cap: no cluster has to be found first). Its
    `cluster` is the id of the first kept row within the distance: its own, if there is none.
    """
    threshold = policy.threshold or embedder.threshold
    ids, lots, vectors = _embed(rows, shape, embedder, policy, seed)
    order = sorted(range(len(ids)), key=lots.__getitem__)
    near, leaders = density_cap(vectors, order, threshold, policy.max_per_cluster)
    for number, row in enumerate(rows):
        leader = ids[leaders[number]]
        if near[number] < policy.max_per_cluster:
            yield Decision(row.marked(cluster=leader))
        else:
            detail = f"{near[number]} kept rows lie within cosine {threshold:g}"
            yield Decision(row.marked(cluster=leader), "cluster_full", detail, leader)


def _embed(
    rows: Iterable[Row], shape: Shape, embedder: Embedder, policy: ClusterCapPolicy, seed: int
) -> tuple[list[str], list[int], Vectors]:
    """Return ids, lots and vectors of all rows, in input order."""
    import numpy as np

    ids: list[str] = []
    blocks: list[Vectors] = []
    stream = iter(rows)
    while batch := list(islice(stream, _BATCH)):
        ids += [row.id for row in batch]
        blocks.append(embedder.embed([_text(row, shape, policy.on) for row in batch]))
    vectors = np.concatenate(blocks) if blocks else np.zeros((0, 1), dtype=np.float32)
    return ids, [lot(seed, each) for each in ids], vectors


def _text(row: Row, shape: Shape, on: str) -> str:
    prompt, response = shape.prompt(row.value) or "", shape.response(row.value) or ""
    return {"prompt": prompt, "response": response}.get(on, f"{prompt}\n{response}")


def density_cap(
    vectors: Vectors, order: list[int], threshold: float, cap: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each row, how many kept rows were near when its turn came, and its leader.

    A row is kept while that count is below `cap`. `vectors` (n, d) are unit vectors or zeros;
    a zero vector is near nothing. Leaders are row numbers.
    """
    import numpy as np

    near = np.zeros(len(order), dtype=np.int64)
    leaders = np.arange(len(order), dtype=np.int64)
    kept = np.empty_like(vectors)
    kept_rows: list[int] = []
    start = 0
    while start < len(order):
        size = max(1, min(_BATCH, _CELLS // max(1, len(kept_rows) + _BATCH)))
        block = order[start : start + size]
        before = len(kept_rows)
        close = vectors[block] @ kept[:before].T >= threshold
        inside = vectors[block] @ vectors[block].T >= threshold
        here: list[int] = []
        for at, row in enumerate(block):
            among = inside[at, here]
            near[row] = int(close[at].sum()) + int(among.sum())
            if close[at].any():
                leaders[row] = kept_rows[int(close[at].argmax())]
            elif among.any():
                leaders[row] = block[here[int(among.argmax())]]
            if near[row] < cap:
                kept[len(kept_rows)] = vectors[row]
                kept_rows.append(row)
                here.append(at)
        start += size
    return near, leaders
