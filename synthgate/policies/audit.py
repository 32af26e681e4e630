"""The settings of `audit`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Gt, Lt, Settings


# fmt: off
class AuditPolicy(Settings):
    """A human sample with a proven bound."""

    plan: Annotated[str, Flag("the audit plan", (), "FILE")] = ""
    labels: Annotated[str, Flag("label lines, or a label log: {id, verdict, reviewer}", (), "FILE")] = ""
    certificate: Annotated[str, Flag("what the gate proved [default: $SYNTHGATE_RUN_DIR/certificate.json]", (), "FILE")] = ""
    min_pass: Annotated[float, Gt(0), Lt(1), Flag("share of rows that must be right")] = 0.90
    confidence: Annotated[float, Gt(0.5), Lt(1), Flag("confidence of the bound")] = 0.95
    max_n: Annotated[int, Ge(1), Flag("rows in the sample")] = 100
    nonce: Annotated[str, Flag("what the draw depends on beside the rows, such as a public beacon of after the freeze; --seed otherwise, which the plan calls self-drawn", (), "TEXT")] = ""
    nonce_env: Annotated[str, Flag("environment variable with a secret from which the nonce is made", (), "NAME")] = ""
    by: Annotated[tuple[str, ...], Flag("field whose slices are counted; repeatable", (), "FIELD")] = ()
    slice_min_pass: Annotated[float, Ge(0), Lt(1), Flag("share of each slice that must be right; 0: slices are only counted")] = 0.0
    slice_max_n: Annotated[int, Ge(1), Flag("rows of each slice in the sample, topped up where the draw has fewer")] = 30
    focus: Annotated[str, Flag("weak slices that report found, JSONL with field and value: the ones that are topped up", (), "FILE")] = ""
    gold: Annotated[str, Flag("rows known to be wrong, planted in the sample: how many do the reviewers notice?", (), "FILE")] = ""
    min_sensitivity: Annotated[float, Ge(0), Lt(1), Flag("share of planted rows that reviewers must be shown to notice")] = 0.5
    overlap: Annotated[int, Ge(0), Flag("rows, the first ones, that two people must label")] = 0
    everyone: Annotated[bool, Flag("put every row that needs a person of its own into the sample, behind what decides", ("--all",))] = False
    of: Annotated[Literal["set", "rejects"], Flag("what is sampled: a set that is to pass, or rejects, to measure what was wrongly thrown away")] = "set"
    lineage: Annotated[str, Flag("name under which attempts are counted", (), "NAME")] = ""
    ledger: Annotated[str, Flag("append-only record of all draws [default: $SYNTHGATE_RUN_DIR/audits.jsonl]", (), "FILE")] = ""
    max_attempts: Annotated[int, Ge(0), Flag("audits of one lineage; 0: counted, without limit")] = 0
    spend: Annotated[Literal["attempt", "lineage"], Flag("what the risk is spent on: each attempt, or all attempts on a lineage together")] = "attempt"
    require: Annotated[tuple[str, ...], Flag("what the gate insists on: nonce | chain | signature | ledger; repeatable", (), "WHAT")] = ()
    allowed_signers: Annotated[str, Flag("OpenSSH allowed_signers: LABELS.sig must be a signature of one of them", (), "FILE")] = ""
    sign: Annotated[str, Flag("OpenSSH key that signs the certificate into CERTIFICATE.sig", (), "FILE")] = ""
    unverified: Annotated[str, Flag("let synthetic rows through that no check verified, and record why", (), "REASON")] = ""
    in_toto: Annotated[str, Flag("the verdict as an in-toto test-result statement", (), "FILE")] = ""
    report_format: Annotated[Literal["text", "json", "junit", "github"], Flag("form of the verdict")] = "text"
    report: Annotated[str, Flag("where the verdict goes in that form [default: stderr]", (), "FILE")] = ""
    calibration: Annotated[str, Flag("measured precision of the checks that verified these rows, written or added to", (), "FILE")] = ""
    evidence: Annotated[str, Flag("evidence of verify about these rows, for --calibration", (), "FILE")] = ""
    reviewer: Annotated[str, Flag("your name in the label log [default: $USER]", (), "NAME")] = ""
    html: Annotated[str, Flag("write the reviewer as one page for a browser, instead", (), "FILE")] = ""
    all_waiting: Annotated[bool, Flag("review every row that says needs: human, instead of a sample", ("--all",))] = False
    edits: Annotated[str, Flag("where rows that reviewers wrote instead go, for verify", (), "FILE")] = ""
    rows: Annotated[tuple[str, ...], Flag("the audited rows: edited rows take their provenance from them; repeatable", (), "FILE")] = ()
    reason: Annotated[tuple[str, ...], Flag("reasons of a fail, in place of the usual nine; repeatable", (), "TEXT")] = ()
    to: Annotated[Literal["jsonl", "csv", "label-studio", "argilla"], Flag("format of the tool that people will label with")] = "jsonl"
