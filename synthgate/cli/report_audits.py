"""What people said of the rows of a run, and what each check had said of the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthgate.cli.evidence import read_evidence
from synthgate.cli.report_files import NotShown, located, streams
from synthgate.errors import BadLine, InputError, Stale
from synthgate.findings.worth import Labelled
from synthgate.jsonl import read_file
from synthgate.labels import WORST_FIRST, Said, read_label
from synthgate.provenance import Stamp, read
from synthgate.sample import read_plan

if TYPE_CHECKING:
    from synthgate.config import ReportPolicy

Manifest = Mapping[str, Any]


@dataclass
class Audits:
    """The labels of the audits of a run folder: what people said of each row id."""

    passed: Labelled | None = None
    rejected: Labelled | None = None
    said: dict[str, bool] = field(default_factory=dict)


def _judges(manifest: Manifest) -> bool:
    return manifest["stage"] == "audit-gate" and "labels" in manifest["findings"]


def audits_of(folder: str, past: Sequence[Manifest]) -> Audits:
    """Return the labels of the last audit of rows that passed, and of the last of rejects."""
    found = Audits()
    for manifest in past:
        if not _judges(manifest):
            continue
        said = _labels(manifest, folder)
        rows = int(manifest["findings"]["rows"])
        main = _main(manifest, folder)
        right = {row_id: said[row_id] for row_id in said if row_id in main}
        labelled = Labelled(rows, right, planted=bool(manifest["findings"].get("gold")))
        if manifest["findings"]["verdict"] == "MEASURED":
            found.rejected = labelled
        else:
            found.passed, found.said = labelled, said
    return found


def _labels(manifest: Manifest, folder: str) -> dict[str, bool]:
    """Return {row id: is it right} of the labels that a gate read; none where they changed."""
    said, stamp = Said(), Stamp().provenance
    for stream in streams(manifest, "inputs", "labels"):
        try:
            path = located(stream, folder)
            data = read_file(path)
            if hashlib.sha256(data).hexdigest() != stream["sha256"]:
                return {}
            for number, line in enumerate(data.split(b"\n"), 1):
                if line.strip():
                    row = read(line, path, number, stamp)
                    said.add(row, read_label(row), chained="prev" in row.value)
        except (NotShown, InputError, BadLine):
            return {}
    return {
        row_id: min((e.verdict for e in by.values()), key=WORST_FIRST.index) == "pass"
        for row_id, by in said.by_id.items()
    }


def _main(manifest: Manifest, folder: str) -> frozenset[str]:
    """Return the ids that an audit drew at random from all rows, planted ones among them."""
    try:
        path = located({"path": manifest["settings"].get("plan", "")}, folder)
        plan = read_plan(read_file(path).decode(), path)
    except (NotShown, InputError, Stale, UnicodeDecodeError):
        return frozenset()
    if plan.plan != manifest["findings"].get("plan"):
        return frozenset()
    return frozenset(plan.sample[: plan.drawn + plan.gold])


def verdicts_of(
    policy: ReportPolicy, folder: str, verify: Manifest | None, audits: Audits
) -> dict[str, dict[str, str]]:
    """Return what each check said of the labelled rows."""
    wanted = {row_id for each in (audits.passed, audits.rejected) if each for row_id in each.right}
    path = policy.evidence
    if not path and verify is not None:
        named = streams(verify, "outputs", "evidence")
        try:
            path = located(named[0], folder) if named else ""
        except NotShown:
            path = ""
    if not wanted or not path:
        return {}
    return {
        line["id"]: {
            str(each["check"]): str(each["verdict"])
            for each in line["checks"]
            if isinstance(each, dict) and "check" in each and "verdict" in each
        }
        for line in read_evidence(path)
        if line.get("id") in wanted and isinstance(line.get("checks"), list)
    }
