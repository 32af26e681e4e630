"""Show what the pipeline did, and whether it inherited errors, narrowed or feeds on itself.

The report goes to stdout; with --tee the rows do, unchanged, and the report goes to stderr and
to the files. It shows what gates said and ends with 0 whatever that was; only --max-narrowing is
a gate of its own (exit 3). Memory: a sample of at most 100,000 rows and 64 million characters, of
the real rows too with --real; counts of at most 200,000 tokens, and 100,000 values a field.

Example: synthgate report train.jsonl --run-dir run --json report.json

--real real.jsonl --html report.html     what is narrower than real data, as a page
--focus-out weak.jsonl                   weak slices, for audit draw --focus
--against last.json                      what changed since the last report
--card card                              README.md for Hugging Face and croissant.json
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command, Shaping, Stamping

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import ReportPolicy
    from synthgate.findings import Found
    from synthgate.findings.slices import Slices
    from synthgate.findings.tally import Tally
    from synthgate.findings.texts import Texts
    from synthgate.jsonl import Source

COMMAND = Command("report", groups=(Shaping, Stamping))


def run(io: Session, policy: ReportPolicy) -> int:
    """Count rows as they pass, look into what the run left, write the report."""
    from synthgate.cli.report_outputs import Outputs
    from synthgate.cli.report_sections import earlier_report, refuse, refuse_unseen
    from synthgate.errors import GateStop
    from synthgate.findings.drift import drift
    from synthgate.findings.texts import reader

    refuse(policy)
    texts, before = reader(io.options.values), earlier_report(policy.against)
    source, outputs = io.source(), Outputs(io, policy)
    tally = _counted(io, policy, source, texts)
    streams = [stream.as_json() for stream in source.streams]
    found, slices = _found(io, policy, tally, streams, texts)
    refuse_unseen(policy.slice, tally, slices.seen if slices else set())
    if before is not None:
        found["drift"] = drift(policy.against, before, found)
    if policy.timestamp:
        found["created"] = _now()
    outputs.write(found)
    outputs.focus(slices, found["inherited"].get("why", ""))
    outputs.card(found, tally, streams)
    io.manifest.findings = {"word": found["verdict"]["word"]}
    stops = (found["narrowing"].get("gate") or {}).get("stops")
    return GateStop.exit_code if stops else 0


def _counted(io: Session, policy: ReportPolicy, source: Source, texts: Texts) -> Tally:
    """Count the rows as they pass."""
    from synthgate.findings.sample import ROWS
    from synthgate.findings.tally import ENTROPY_ROWS, Tally

    tally = Tally(io.options.seed, policy.slice, texts, ROWS if policy.real else ENTROPY_ROWS)
    for row in tally.watch(io.watched(iter(source))):
        if policy.tee:
            io.sinks["output"].write(row.raw)
    io.manifest.rows_out = io.sinks["output"].rows
    io.looked_at = 0 if policy.tee else tally.rows
    io.headline = f"{tally.rows} rows read"
    return tally


def _found(
    io: Session, policy: ReportPolicy, tally: Tally, streams: list[dict[str, Any]], texts: Texts
) -> tuple[Found, Slices | None]:
    """Return the report, and the slices that were counted for it."""
    from synthgate.cli.report_evidence import gather
    from synthgate.cli.report_files import manifests
    from synthgate.cli.report_sections import earlier_of, independence_of, narrowing_of
    from synthgate.stages.report import report

    folder = policy.run_dir or os.environ.get("SYNTHGATE_RUN_DIR", "")
    past = manifests(folder)
    gathered = gather(io, policy, folder, past, texts)
    found = report(
        tally,
        past,
        rows=streams,
        earlier=list(earlier_of(policy)),
        accounts=gathered.accounts,
        inherited=gathered.inherited,
        narrowing=narrowing_of(io, policy, tally, texts),
        independence=independence_of(io, past, tally),
    )
    return found, gathered.slices


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")
