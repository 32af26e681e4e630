"""`verify --engine ray`: checks are built and tried here, and built again where rows are judged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from synthgate.cli.on_ray import Spread
from synthgate.config import VerifyPolicy
from synthgate.engine.ray_verify import Setup, refuse_unspreadable, verify_parts
from synthgate.stages.verify import vet
from synthgate.verifiers.canary import ROWS
from synthgate.verifiers.tally import Tally

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.formats import Shape
    from synthgate.rows import Row
    from synthgate.verifiers import Verifier


def judge(
    io: Session,
    policy: VerifyPolicy,
    specs: Sequence[str],
    checks: Sequence[Verifier],
    head: Iterable[Row],
    shape: Shape,
) -> Tally:
    """Judge all rows on the cluster, write them, and return what the checks said."""
    refuse_unspreadable(checks)
    vet(list(islice(head, ROWS)), shape, checks)
    evidence = io.open("evidence", policy.evidence) if policy.evidence else None
    spread = Spread(io, shape)
    path = policy.calibration
    calibration = (io.text(path, "calibration"), path) if path else None
    setup = Setup(
        specs=tuple(specs),
        policy=policy,
        options={k: io.options.values[k] for k in ("format", "prompt_field", "response_field")},
        seed=io.options.seed,
        run=io.run,
        max_line=io.options.max_line,
        folder=os.getcwd(),
        evidence=evidence is not None,
        calibration=calibration,
    )
    tally = Tally(checks, policy.truth, policy.by, calibrated=calibration is not None)
    parts = verify_parts(spread.cluster, spread.splits, spread.job, setup)
    for part in spread.settle(spread.seen(parts)):
        tally.absorb(part.more.counts)
        for check, taken in zip(checks, part.more.notes, strict=True):
            check.add_notes(taken)
        if evidence is not None:
            for line in part.more.evidence:
                evidence.write(line)
    return tally
