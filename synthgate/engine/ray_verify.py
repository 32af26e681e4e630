"""`verify` on a cluster: each task judges the rows of one part of a file.

Checks are built once in each worker process, from the same specifications; one row at a time.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from synthgate.config import VerifyPolicy
from synthgate.engine.parts import Job, Part, Reading
from synthgate.engine.ray_cluster import Cluster
from synthgate.errors import BadLine, InputError, UsageError
from synthgate.formats import DETECT_ROWS, EMPTY, Shape
from synthgate.jsonl import Source, read_file
from synthgate.jsonl.splits import Split
from synthgate.provenance import Stamp
from synthgate.rows import Row
from synthgate.shapes import reference_shape
from synthgate.stages.verify import verify
from synthgate.verifiers import Bench, Verifier, assemble
from synthgate.verifiers.calibration import Calibration, read_calibration
from synthgate.verifiers.tally import Tally


@dataclass(frozen=True)
class Setup:
    """What the checks of a run are built from, in any process; `folder` is where paths begin."""

    specs: tuple[str, ...]
    policy: VerifyPolicy
    options: dict[str, Any]
    seed: int
    run: str
    max_line: int
    folder: str
    evidence: bool
    calibration: tuple[str, str] | None  # text, path

    def measured(self) -> Calibration | None:
        """Return the measured precision of checks."""
        return read_calibration(*self.calibration) if self.calibration else None


@dataclass
class Judged:
    """What a task adds to its part: lines of evidence, counts, what the checks have to say."""

    evidence: list[bytes]
    counts: Any
    notes: list[Any]


def refuse_unspreadable(checks: Sequence[Verifier]) -> None:
    """Refuse checks that must see all rows before the first."""
    for check in checks:
        if check.looks_ahead:
            raise UsageError(
                f"check {check.name} looks at all rows before the first: run it with --engine local"
            )


def verify_parts(
    cluster: Cluster, splits: Iterable[Split], job: Job, setup: Setup
) -> Iterator[Part]:
    """Yield what became of the rows of each split, in order; `more` is `Judged`."""
    yield from cluster.run(judged, splits, cluster.put(job), cluster.put(setup))


def judged(split: Split, job: Job, setup: Setup) -> Part:
    """Judge the rows of one split."""
    checks = _checks(setup)
    evidence: list[bytes] = []
    calibration = setup.measured()
    policy = setup.policy
    tally = Tally(checks, policy.truth, policy.by, calibrated=calibration is not None)
    reading = Reading(split, job)
    decisions = verify(
        reading,
        job.shape,
        checks,
        evidence.append if setup.evidence else None,
        require=policy.require,
        workers=1,
        calibration=calibration,
        watch=tally.add,
        vetted=True,
    )
    part = reading.settle(decisions)
    part.more = Judged(evidence, tally.counts(), [check.take_notes() for check in checks])
    return part


# --- the checks of a worker process -----------------------------------------------------

_held: list[tuple[Setup, Sequence[Verifier]]] = []


def _checks(setup: Setup) -> Sequence[Verifier]:
    """Return the checks of this process, built when the first task needs them."""
    if _held and _held[0][0] == setup:
        return _held[0][1]
    _close()
    try:
        os.chdir(setup.folder)
    except OSError:
        raise InputError(f"{setup.folder}: a node of the cluster has no such folder") from None
    desk = _Desk(setup)
    bench = Bench(
        setup.policy, rows=desk.rows, text=desk.text, records=desk.records, seed=setup.seed
    )
    _held.append((setup, assemble(setup.specs, bench)))
    return _held[0][1]


@atexit.register
def _close() -> None:
    while _held:
        for check in _held.pop()[1]:
            check.close()


class _Desk:
    """Reference files, read by a task as a command reads them."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def records(self, path: str) -> Iterable[Row]:
        stamp = Stamp(run=self._setup.run).provenance
        return iter(Source([path], stamp, _refuse, max_line=self._setup.max_line))

    def rows(self, path: str) -> tuple[Iterable[Row], Shape]:
        rows = iter(self.records(path))
        head = list(islice(rows, DETECT_ROWS))
        if not head:
            return (), EMPTY
        return chain(head, rows), reference_shape(head, self._setup.options)[0]

    def text(self, path: str) -> str:
        return read_file(path).decode()


def _refuse(file: str, line: int, _raw: bytes, error: BadLine) -> None:
    raise error.at(file, line)
