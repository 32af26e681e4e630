"""The settings of `report`."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Ge, Lt, On, Settings


# fmt: off
class ReportPolicy(Settings):
    """Show what the pipeline did."""

    real: Annotated[tuple[str, ...], Flag("real rows that the synthetic ones are measured against; repeatable", (), "FILE")] = ()
    run_dir: Annotated[str, Flag("folder of manifests [default: $SYNTHGATE_RUN_DIR]", (), "DIR")] = ""
    html: Annotated[str, Flag("write the report as one HTML page", (), "FILE")] = ""
    markdown: Annotated[str, Flag("write the report as Markdown", (), "FILE")] = ""
    json_file: Annotated[str, Flag("write the report as JSON; - writes its findings as JSONL to stdout", ("--json",), "FILE")] = ""
    tee: Annotated[bool, Flag("pass the rows through to stdout unchanged")] = False
    on: Annotated[On, Flag("text that is measured against real rows")] = "both"
    max_narrowing: Annotated[float, Ge(0), Lt(1), Flag("share by which a measure may fall below real data (0.1: a tenth) before the command ends with 3; 0: narrowing is only shown")] = 0.0
    slice: Annotated[tuple[str, ...], Flag("field whose slices are looked at, beside label, intent, category and the like; repeatable", (), "FIELD")] = ()
    evidence: Annotated[str, Flag("evidence of verify (default: found through the run folder)", (), "FILE")] = ""
    candidates: Annotated[tuple[str, ...], Flag("rows that verify judged: its output and its rejects, or its input with --evidence (default: found through the run folder); repeatable", (), "FILE")] = ()
    focus_out: Annotated[str, Flag("write the weak slices for audit draw --focus", (), "FILE")] = ""
    against: Annotated[str, Flag("an earlier report as JSON: what changed since", (), "FILE")] = ""
    earlier_run: Annotated[tuple[str, ...], Flag("run folder of an earlier run, oldest first, for the trend; repeatable", (), "DIR")] = ()
    card: Annotated[str, Flag("write a data card: README.md for Hugging Face and croissant.json", (), "DIR")] = ""
    timestamp: Annotated[bool, Flag("say when the report was made; without it the same rows give the same bytes")] = False
