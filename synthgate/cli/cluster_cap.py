"""Keep at most N rows of one semantic cluster (density cap within a distance).

The reject names the row that leads its cluster. Rows are taken in the order of hash(seed, id), so
the result does not depend on their order. Memory: about 1.2 KiB a row; rows are read twice.

Example: synthgate cluster-cap unique.jsonl -o capped.jsonl --rejects crowd.jsonl
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import ClusterCapPolicy

COMMAND = Command("cluster-cap")


def run(io: Session, policy: ClusterCapPolicy) -> None:
    """Read rows, cap each semantic cluster."""
    from synthgate import registry
    from synthgate.stages.cluster_cap import cluster_cap

    name, _, argument = policy.embedder.partition(":")
    build = registry.find("embedders", name)
    rows, shape = io.read(again=True)
    embedder = build(argument)
    threshold = policy.threshold or embedder.threshold
    io.manifest.findings |= {"embedder": embedder.identity, "threshold": threshold}
    io.settle(cluster_cap(rows, shape, embedder, policy, io.options.seed))
