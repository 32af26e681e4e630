"""`dedupe --engine ray`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from synthgate.cli.on_ray import Spread, refuse_pipes
from synthgate.config import DedupePolicy
from synthgate.engine.ray_dedupe import Dedupe
from synthgate.stages.dedupe import settings

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.descent import Barred
    from synthgate.rows import Row


def drop_repeats(
    io: Session, policy: DedupePolicy, references: Iterable[Row], barred: Barred | None
) -> None:
    """Drop excluded, invalid, repeated and contaminated rows on the cluster; write the others."""
    refuse_pipes(io)
    _, shape = io.read()
    known = settings(policy, shape, references, stamp=io.declared(), barred=barred)
    spread = Spread(io, shape)
    run = Dedupe(spread.cluster, spread.splits, spread.job, policy, known)
    if barred is not None:
        run.exclude()
    for _ in spread.settle(spread.seen(run.scan())):  # bad lines come first, as on one machine
        pass
    run.decide()
    for part in run.write():
        for sheet in part.more:
            io.write(sheet.lines, sheet.rows, sheet.rejects, sheet.reasons)
        part.more.clear()  # before the next part comes
