"""What an audit tells of the checks: the calibration that the gate writes and `verify` reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from synthgate.cli.evidence import read_evidence
from synthgate.cli.settings import decoded
from synthgate.errors import Stale
from synthgate.jsonl import read_file, write_file
from synthgate.sample import looked_at
from synthgate.verifiers.calibration import Calibration, measure, read_calibration

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy
    from synthgate.sample import Drawn, Labels

Line = tuple[Sequence[dict[str, Any]], bool]


def calibrate(io: Session, policy: AuditPolicy, drawn: Drawn, labels: Labels) -> None:
    """Add what the labels say of the checks to the calibration, which is made if it is not there.

    A STOP counts as much as a PASS: with the lucky audits alone every check would look good. Raises
    `Stale` where the evidence is not that of the labelled rows.
    """
    plan = drawn.plan
    ids, looks = looked_at(plan, labels.verdicts, drawn.main)
    if not ids:
        io.note("not calibrated: the labels end at no point that the plan foresees")
        return
    path = policy.calibration
    known = Calibration()
    if os.path.exists(path):
        known = read_calibration(decoded(path, read_file(path)), path)
    verdicts = labels.verdicts
    evidence = _evidence(policy.evidence, set(ids))
    lines: list[Line] = [(evidence[each], verdicts[each] == "pass") for each in ids]
    found = measure(lines, looks, plan.confidence)
    for entry, measured in found:
        known.add(plan.plan, entry, measured)
    io.manifest.findings["calibrated"] = {"labels": len(ids), "entries": len(found)}
    if not io.options.dry_run:
        apart = (*(each for source in io.sources for each in source.paths), policy.evidence)
        write_file(path, known.document(), force=True, apart=(*apart, policy.plan))
    io.note(f"calibrated on {len(ids)} labels: {path}")


def _evidence(path: str, wanted: set[str]) -> dict[str, Sequence[dict[str, Any]]]:
    """Return the verdicts on the wanted rows, every one of which must be there as a pass."""
    found: dict[str, Sequence[dict[str, Any]]] = {}
    for line in read_evidence(path):
        if line.get("id") in wanted and line.get("verdict") == "pass" and _is_told(line):
            found[line["id"]] = line["checks"]
    if missing := len(wanted) - len(found):
        raise Stale(f"{path}: is not the evidence of these rows: {missing} of them did not pass")
    return found


def _is_told(line: dict[str, Any]) -> bool:
    """Tell whether a line of evidence names each check, its configuration and its verdict."""
    checks = line.get("checks")
    return isinstance(checks, list) and all(
        isinstance(each, dict)
        and all(isinstance(each.get(name), str) for name in ("check", "config", "verdict"))
        for each in checks
    )
