"""Show what the pipeline did: funnel, rejects by reason, audit, mix, provenance.

The report goes to stdout; with --tee the rows do, unchanged, and the report goes to stderr and
to the files. Memory: constant.

Example: synthgate report train.jsonl --run-dir run --json report.json
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command, Stamping

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import ReportPolicy

COMMAND = Command("report", groups=(Stamping,))


def run(io: Session, policy: ReportPolicy) -> None:
    """Count rows as they pass, read the manifests, write the report."""
    from synthgate.render.terminal import terminal
    from synthgate.stages.report import Tally, findings, report

    source, tally = io.source(), Tally()
    as_lines = policy.json_file == "-"
    io.open_outputs()
    output = io.sinks["output"]
    document = io.open("report", policy.json_file, whole=True) if _file(policy) else None
    for row in tally.watch(source):
        if policy.tee:
            output.write(row.raw)
    io.manifest.rows_out = output.rows
    io.looked_at = 0 if policy.tee else tally.rows
    io.headline = f"{tally.rows} rows read"
    found = report(tally, manifests(policy.run_dir or os.environ.get("SYNTHGATE_RUN_DIR", "")))
    if policy.tee:
        for shown in terminal(found).split("\n")[:-1]:
            io.say(shown)
    for line in _lines(found, findings, terminal, as_lines) if not policy.tee else ():
        output.write(line)
    if document is not None:
        document.write(json.dumps(found, indent=2, ensure_ascii=True).encode())


def _file(policy: ReportPolicy) -> bool:
    return policy.json_file not in ("", "-")


def _lines(found: dict[str, Any], findings: Any, terminal: Any, as_lines: bool) -> list[bytes]:
    """Return the report as it goes to the output: findings as JSONL, or plain text."""
    if as_lines:
        return [json.dumps(each, ensure_ascii=True).encode() for each in findings(found)]
    return [terminal(found).rstrip("\n").encode()]


def manifests(folder: str) -> list[dict[str, Any]]:
    """Return the manifests of a run folder in the order of the stages, reports apart."""
    from synthgate.errors import InputError
    from synthgate.jsonl import read_file

    if not folder:
        return []
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such run folder")
    named = [(re.match(r"(\d+)-[a-z-]+\.json$", name), name) for name in os.listdir(folder)]
    found = []
    for number, name in sorted((int(match[1]), name) for match, name in named if match):
        path = os.path.join(folder, name)
        try:
            found.append(json.loads(read_file(path)))
        except ValueError as error:
            raise InputError(f"{path}: manifest {number} is not JSON: {error}") from None
    return [each for each in found if each["stage"] != "report"]
