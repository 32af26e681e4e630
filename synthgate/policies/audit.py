"""The settings of `audit`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Gt, Lt, Settings


# fmt: off
class AuditPolicy(Settings):
    """A human sample with a proven bound."""

    plan: Annotated[str, Flag("the audit plan", (), "FILE")] = ""
    labels: Annotated[str, Flag("label lines: {id, verdict, reviewer}", (), "FILE")] = ""
    certificate: Annotated[str, Flag("what the gate proved [default: $SYNTHGATE_RUN_DIR/certificate.json]", (), "FILE")] = ""
    min_pass: Annotated[float, Gt(0), Lt(1), Flag("share of rows that must be right")] = 0.90
    confidence: Annotated[float, Gt(0.5), Lt(1), Flag("confidence of the bound")] = 0.95
    max_n: Annotated[int, Ge(1), Flag("rows in the sample")] = 100
    report_format: Annotated[Literal["text", "json"], Flag("form of the verdict on stderr")] = "text"
    calibration: Annotated[str, Flag("measured precision of the checks that verified these rows, written or added to", (), "FILE")] = ""
    evidence: Annotated[str, Flag("evidence of verify about these rows, for --calibration", (), "FILE")] = ""
    reviewer: Annotated[str, Flag("your name in the label log [default: $USER]", (), "NAME")] = ""
    html: Annotated[str, Flag("write the reviewer as one page for a browser, instead", (), "FILE")] = ""
    all_waiting: Annotated[bool, Flag("review every row that says needs: human, instead of a sample", ("--all",))] = False
    edits: Annotated[str, Flag("where rows that reviewers wrote instead go, for verify", (), "FILE")] = ""
    rows: Annotated[tuple[str, ...], Flag("the audited rows: edited rows take their provenance from them; repeatable", (), "FILE")] = ()
    reason: Annotated[tuple[str, ...], Flag("reasons of a fail, in place of the usual nine; repeatable", (), "TEXT")] = ()
    to: Annotated[Literal["jsonl", "csv", "label-studio", "argilla"], Flag("format of the tool that people will label with")] = "jsonl"
