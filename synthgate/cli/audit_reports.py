"""What a gate says of its verdict, and where: stderr, files, and what GitHub shows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from synthgate.jsonl import open_log, write_file
from synthgate.render.verdict import SUMMARY, junit, of_slice, statement, summary, workflow_commands

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy

Report = Mapping[str, Any]


def announce(
    io: Session, policy: AuditPolicy, report: Report, certificate: Report | None = None
) -> None:
    """Say the verdict in the form that was asked for, before the command ends."""
    if policy.report_format == "text":
        _say(io, policy, report)
    else:
        text = _formatted(policy.report_format, report)
        if policy.report:
            _write(io, policy, policy.report, text.encode())
        else:
            for line in text.splitlines():
                io.say(line)
    if policy.report_format == "github" and not io.options.dry_run:
        _summarise(report)
    if policy.in_toto:
        _write(io, policy, policy.in_toto, statement(report, certificate))


def stale(io: Session, policy: AuditPolicy, reason: str) -> None:
    """Say that the evidence does not hold; as text the error itself says it."""
    report = {"verdict": "STALE", "words": f"{reason}. Nothing was written.", "slices": ()}
    if policy.report_format != "text":
        announce(io, policy, report)
    elif policy.in_toto:
        _write(io, policy, policy.in_toto, statement(report, None))


def _formatted(form: str, report: Report) -> str:
    if form == "json":
        return json.dumps(report, ensure_ascii=True)
    return junit(report) if form == "junit" else workflow_commands(report)


def _say(io: Session, policy: AuditPolicy, report: Report) -> None:
    """Say it in sentences; that nothing flows is said even to those who asked for silence."""
    lines = [f"{report['verdict']}: {report['words']}"]
    for each in report["slices"]:
        verdict = f": {each['verdict']}" if each["verdict"] else ""
        lines.append(f"{each['name']}: {of_slice(each)}{verdict}")
    lines += _beside(report)
    for line in lines:
        if report["verdict"] in ("PASS", "MEASURED"):
            io.note(line)
        else:
            io.say(f"{io.manifest.stage}: {line}")
    if policy.report:
        _write(io, policy, policy.report, "".join(f"{line}\n" for line in lines).encode())


def _beside(report: Report) -> Iterator[str]:
    """Yield what a reader should know whatever the verdict: attempts, and how two people agree."""
    if report["attempt"] > 1 and report["verdict"] != "PASS":
        yield f"attempt {report['attempt']} on this lineage"
    if text := _taken_back(report):
        yield text
    yield from (f"warning: {text}" for text in report["warnings"])
    if found := report["agreement"]:
        same = found["both_pass"] + found["neither"]
        yield (
            f"two reviewers: the same of {same} of {found['pairs']} pairs "
            f"({found['both_pass']} pass, {found['neither']} not), AC1 {found['ac1']:.2f}"
        )


def _taken_back(report: Report) -> str:
    """Return how many verdicts reviewers took back, "" where they took back none."""
    changed, passed = report.get("verdicts_changed", 0), report.get("changed_to_pass", 0)
    said = f"verdicts taken back by who gave them: {changed}, {passed} of them became a pass"
    return said if changed else ""


def _write(io: Session, policy: AuditPolicy, path: str, data: bytes) -> None:
    """Write a report, which replaces the one of an earlier run."""
    if io.options.dry_run:
        return
    apart = [each for source in io.sources for each in source.paths]
    apart += [policy.plan, policy.certificate, *(sink.path for sink in io.sinks.values())]
    write_file(path, data, force=True, apart=tuple(each for each in apart if each))


def _summarise(report: Report) -> None:
    """Add the verdict to the job summary of the step that this runs in."""
    path = os.environ.get("GITHUB_STEP_SUMMARY", "")
    if path:
        text = summary(report).encode()[: SUMMARY - 1]
        with open_log(path, write=True) as log:
            log.append(text.decode("utf-8", "ignore").encode())
