"""`cluster-cap --engine ray`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.cluster_cap import real_rows
from synthgate.cli.on_ray import Spread, refuse_pipes
from synthgate.config import ClusterCapPolicy
from synthgate.engine.ray_cap import Cap, learns
from synthgate.errors import UsageError

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.stages.cluster_cap import Facts
    from synthgate.verifiers.slices import Slices


def cap(io: Session, policy: ClusterCapPolicy, slices: Slices) -> Facts:
    """Cap all rows on the cluster, write them, and return what there is to tell."""
    if policy.cache:
        raise UsageError("--cache has one writer: leave out --cache or --engine ray")
    refuse_pipes(io)
    learner = learns(policy)
    real = real_rows(io, policy)
    _, shape = io.read()
    spread = Spread(io, shape)
    run = Cap(spread.cluster, spread.splits, spread.job, policy)
    if learner:
        run.learn()
    for _ in spread.settle(spread.seen(run.look())):  # bad lines come first, as on one machine
        pass
    facts = run.plan(real)
    for part in spread.settle(run.decide(facts.summary.wanted)):
        slices.absorb(part.more.slices)
        for number, text in part.more.texts:
            facts.summary.add(number, text)
    return facts
