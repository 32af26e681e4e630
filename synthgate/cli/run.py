"""Run the whole pipeline from one configuration file into one run folder.

The stages are the commands themselves, in order, each with its own table of settings; the first
that does not end with 0 ends the run with its exit code. What scan finds planted beside the real
rows of the blend ends it with 3, if [scan] says no other: it looks before the cap and the checks
thin out a trigger to fewer rows than anybody can see, and again at what they leave. The human audit
is part of the run: without labels it ends with 5 and says which sample to label; with them, run it
again. Answers are kept in the run folder's journal, so nothing is paid for twice. --dry-run says
which commands would be run, and tries the first of them; nothing is written or paid for.

Example: synthgate run synthgate.toml
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from synthgate.cli.options import NO_ROWS, Command

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import RunPolicy

COMMAND = Command("run", groups=(), config_input=True, without=NO_ROWS)


def run(io: Session, policy: RunPolicy) -> int:
    """Run the stages in order; return the exit code of the first that does not end with 0."""
    from synthgate.cli.app import invoke
    from synthgate.cli.run_ahead import look_ahead
    from synthgate.cli.settings import load_config
    from synthgate.errors import Incomplete, UsageError
    from synthgate.jsonl import locked

    if bool(policy.prompts) == bool(policy.candidates):
        raise UsageError("run needs either run.prompts or run.candidates in its configuration")
    settings = load_config(io.options.config)
    look_ahead(settings)
    labels = str(settings.get("audit", {}).get("labels", "") or f"{policy.folder}/labels.jsonl")
    stages = _commands(io, policy.folder, _stages(policy, settings, labels))
    if io.options.dry_run:
        return _rehearse(io, stages)
    os.makedirs(policy.folder, exist_ok=True)
    with locked(os.path.join(policy.folder, "lock")):
        for stage, argv in stages:
            code = invoke(argv)
            if stage == "audit draw" and not code and not os.path.exists(labels):
                io.say(f"run: label {policy.folder}/sample.jsonl into {labels}, then run again")
                code = Incomplete.exit_code
            if code:
                io.headline = f"ended at {stage} with exit code {code}; see {policy.folder}"
                return code
    io.headline = f"all stages passed; the training set is {policy.folder}/train.jsonl"
    return 0


Stage = tuple[str, list[str]]


def _commands(io: Session, folder: str, stages: list[Stage]) -> list[Stage]:
    """Return the stages with what is said of all of them: where their manifests go, and so on."""
    shared = ["--force", *["--quiet"] * io.quiet, *["--verbose"] * io.options.verbose]
    if io.options.config:
        shared += ["--config", io.options.config]
    found = []
    for number, (stage, argv) in enumerate(stages, 1):
        summary = os.path.join(folder, f"{number}-{stage.replace(' ', '-')}.json")
        found.append((stage, [*argv, "--summary", summary, *shared]))
    return found


def _rehearse(io: Session, stages: list[Stage]) -> int:
    """Say what would be run, and try the first stage: the others need what it writes."""
    from synthgate.cli.app import invoke

    for _, argv in stages:
        io.note(f"would run: synthgate {shlex.join(argv)}")
    io.headline = f"{len(stages)} commands"
    return invoke([*stages[0][1], "--dry-run"])


def _stages(policy: RunPolicy, settings: dict[str, dict[str, object]], labels: str) -> list[Stage]:
    """Return (stage, its command line) in the order in which rows pass them."""

    def at(name: str) -> str:
        return os.path.join(policy.folder, name)

    def step(stage: str, name: str, *words: str) -> Stage:
        outputs = ["-o", at(f"{name}.jsonl"), "--rejects", at(f"{name}.rejects.jsonl")]
        seed = ["--seed", str(policy.seed)] if policy.seed else []
        return stage, [*stage.split(), *words, *outputs, *seed]

    def gone(stage: str) -> list[str]:
        own = settings.get(stage, {}).get("exclude", ())
        named = [*policy.exclude, *(own if isinstance(own, tuple) else ())]
        return [word for path in dict.fromkeys(named) for word in ("--exclude", path)]

    prompt = ["--prompt-field", policy.prompt_field] if policy.prompt_field else []
    fields = [*prompt, *(["--response-field", policy.response_field] * bool(policy.response_field))]
    plan = ["--plan", at("plan.json"), "--ledger", at("audits.jsonl")]
    certificate = ["--certificate", at("certificate.json")]
    if policy.prompts:
        fields, first = [], at("generate.jsonl")
        kept = "journal" in settings.get("generate", {})
        journal = [] if kept else ["--journal", at("journal.jsonl")]
        begin = [step("generate", "generate", policy.prompts, *prompt, *journal, *gone("generate"))]
    else:
        begin, first = [], policy.candidates
    evidence = ["--evidence", at("evidence.jsonl")]
    early, late = at("screened.findings.jsonl"), at("findings.jsonl")
    return [
        *begin,
        step("dedupe", "dedupe", first, *fields, *gone("dedupe")),
        step("scan", "screened", at("dedupe.jsonl"), *fields, *_scanning(settings, early)),
        step("cluster-cap", "cluster-cap", at("screened.jsonl"), *fields),
        step("verify", "verify", at("cluster-cap.jsonl"), *evidence, *fields),
        step("scan", "scan", at("verify.jsonl"), *fields, *_scanning(settings, late)),
        ("audit draw", ["audit", "draw", at("scan.jsonl"), "-o", at("sample.jsonl"), *plan]),
        step("audit gate", "audited", at("scan.jsonl"), *plan, "--labels", labels, *certificate),
        step("blend", "train", at("audited.jsonl"), *certificate, *gone("blend")),
        ("report", ["report", at("train.jsonl"), *fields, *_reporting(settings, policy.folder)]),
    ]


def _real(settings: dict[str, dict[str, object]], stage: str) -> list[str]:
    """Return the real rows of the blend for another stage, if that has none of its own."""
    real = settings.get("blend", {}).get("real", ())
    if "real" in settings.get(stage, {}) or not isinstance(real, tuple):
        return []
    return [word for path in real for word in ("--real", str(path))]


def _reporting(settings: dict[str, dict[str, object]], folder: str) -> list[str]:
    """Return the options of the report, which lies in the run folder if [report] says no other."""
    own, words = settings.get("report", {}), ["--run-dir", folder]
    for key, flag, name in (
        ("json_file", "--json", "report.json"),
        ("html", "--html", "report.html"),
    ):
        words += [] if key in own else [flag, os.path.join(folder, name)]
    return [*words, *_real(settings, "report")]


def _scanning(settings: dict[str, dict[str, object]], findings: str) -> list[str]:
    """Return the options of the scan: the real rows of the blend, and STOP on what blocks.

    [scan] may say otherwise: `fail_on = "none"`, or `reject = true` to go on without those rows.
    """
    own = settings.get("scan", {})
    words = ["--findings", findings, *_real(settings, "scan")]
    said = own.get("reject") or "fail_on" in own or "SYNTHGATE_SCAN_FAIL_ON" in os.environ
    return words if said else [*words, "--fail-on", "blocking"]
