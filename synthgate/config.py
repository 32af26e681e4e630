"""Every setting and its default: one frozen policy per stage, from flags or `synthgate.toml`.

A field of a policy is at once a flag of its command, a key of its table in the configuration
and an environment variable (`SYNTHGATE_DEDUPE_ON`). Flags win over the environment, that over
the file, that over the defaults here. The help text of a flag is the help text of its field.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, dataclass_transform, get_type_hints

from synthgate.errors import UsageError


@dataclass(frozen=True)
class Flag:
    """How a field is shown on the command line: its help, short names and metavar.

    `inert` says that it changes how a run is done and not what comes out, so that it is no part
    of a row's `run`; so does a metavar that names a place (FILE, DIR, URL).
    """

    help: str
    names: tuple[str, ...] = ()
    metavar: str = ""
    inert: bool = False


@dataclass(frozen=True)
class Bound:
    """A limit on a number. Own, because importing a library for it costs every `--help` 10 ms."""

    kind: Literal["ge", "gt", "le", "lt"]
    value: float


def Ge(value: float) -> Bound:  # noqa: N802 - named as in annotated-types, which reads them the same
    """At least."""
    return Bound("ge", value)


def Gt(value: float) -> Bound:  # noqa: N802
    """More than."""
    return Bound("gt", value)


def Le(value: float) -> Bound:  # noqa: N802
    """At most."""
    return Bound("le", value)


def Lt(value: float) -> Bound:  # noqa: N802
    """Less than."""
    return Bound("lt", value)


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Settings:
    """A frozen set of named values with defaults, as a frozen dataclass is one.

    Own, because making a dataclass compiles code: for all of ours that is 15 ms of every `--help`.
    """

    def __init__(self, **values: Any) -> None:
        known = type(self).__annotations__
        if unknown := values.keys() - known.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update({name: getattr(self, name) for name in known} | values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


On = Literal["prompt", "response", "both"]
Share = Annotated[float, Ge(0), Le(1)]


# One setting a line reads as a table.
# fmt: off
class GeneratePolicy(Settings):
    """Prompts x samples through one generator."""

    samples: Annotated[int, Ge(1), Flag("answers wanted for each prompt")] = 3
    generator: Annotated[Literal["chat"], Flag("kind of generator")] = "chat"
    base_url: Annotated[str, Flag("OpenAI-compatible server, with or without /v1", (), "URL")] = ""
    model: Annotated[str, Flag("model name as the server knows it", (), "NAME")] = ""
    system: Annotated[str, Flag("system message put before every prompt", (), "TEXT")] = ""
    temperature: Annotated[float, Ge(0), Flag("sampling temperature")] = 1.0
    top_p: Annotated[float, Gt(0), Le(1), Flag("nucleus sampling")] = 1.0
    max_tokens: Annotated[int, Ge(1), Flag("limit of an answer; not part of the journal key")] = 1024
    journal: Annotated[str, Flag("append-only file of raw answers: resume, cache, replay", (), "FILE")] = ""
    offline: Annotated[bool, Flag("answer from the journal only", inert=True)] = False
    unknown_sampling: Annotated[bool, Flag("the journal was recorded with sampling parameters that nobody wrote down (only with --offline)")] = False
    concurrency: Annotated[int, Ge(1), Le(1024), Flag("calls in flight at a time", inert=True)] = 8
    timeout: Annotated[float, Gt(0), Flag("seconds for one call, all in all", inert=True)] = 120.0
    api_key_env: Annotated[str, Flag("environment variable that holds the API key", (), "NAME", inert=True)] = ""
    output_field: Annotated[str, Flag("field for the answer", (), "FIELD")] = "output"
    generator_generation: Annotated[int, Ge(-1), Flag("largest generation in the generator's own training data; -1 unknown")] = 0


class DedupePolicy(Settings):
    """Drop what is invalid and what says the same again."""

    on: Annotated[On, Flag("text that is compared; both: prompt and response, each with its own")] = "both"
    near_threshold: Annotated[Share, Flag("share of word 3-grams (Jaccard) from which two rows are near duplicates; 0: exact ones only")] = 0.8
    fuzzy_threshold: Annotated[Share, Flag("similarity from which two short texts are one, with one word spelt differently; 0: off")] = 0.9
    keep: Annotated[str, Flag("which of several survives: first, longest, or best:FIELD (the largest number there)", (), "WHICH")] = "first"
    against: Annotated[tuple[str, ...], Flag("rows that no candidate may share text with, such as an evaluation set; repeatable", (), "FILE")] = ()
    max_same_output: Annotated[int, Ge(0), Flag("rows kept that have one response; 0: no cap")] = 0
    max_same_prompt: Annotated[int, Ge(0), Flag("rows kept that have one prompt; 0: no cap")] = 0
    drop_refusals: Annotated[bool, Flag("reject responses that begin by refusing, in English")] = False
    workers: Annotated[int, Ge(0), Le(256), Flag("processes; 0: one a core", inert=True)] = 0


class ClusterCapPolicy(Settings):
    """Cap the rows of one semantic cluster."""

    max_per_cluster: Annotated[int, Ge(1), Flag("rows kept of a cluster; density: within the distance of any row")] = 50
    embedder: Annotated[str, Flag("static | tfidf | sentence-transformers:PATH_OR_NAME", (), "NAME")] = "static"
    threshold: Annotated[float, Ge(-1), Le(1), Flag("cosine similarity from which two rows are near; 0 takes the embedder's own")] = 0.0
    on: Annotated[On, Flag("text that is embedded")] = "both"
    method: Annotated[Literal["density", "kmeans", "agglomerative"], Flag("what a cluster is: what lies within the distance, or one of --clusters groups")] = "density"
    clusters: Annotated[int, Ge(0), Flag("number of clusters of kmeans and agglomerative; 0: as the threshold gives (agglomerative)")] = 0
    order: Annotated[str, Flag("which rows are kept first: confidence (as measured), hash, or a field with a number, the largest first; then hash", (), "FIELD")] = "confidence"
    protect: Annotated[str, Flag("field whose rare slices are never cut below a floor", (), "FIELD")] = ""
    protect_floor: Annotated[int, Ge(0), Flag("rows that a protected slice keeps; 0: as many as --max-per-cluster")] = 0
    by: Annotated[tuple[str, ...], Flag("field whose slices are counted; repeatable", (), "FIELD")] = ()
    against: Annotated[tuple[str, ...], Flag("real rows: which of their clusters have no row here; repeatable", (), "FILE")] = ()
    cache: Annotated[str, Flag("append-only file of vectors by text and embedder, so that a text is embedded once", (), "FILE")] = ""


class VerifyPolicy(Settings):
    """Check every candidate with something other than its generator."""

    check: Annotated[tuple[str, ...], Flag("a check, or NAME=SPEC; repeatable: auto | exec | schema:FILE | rule:FILE | answer[:FIELD] | retrieve:CORPUS | judge:MODEL | agree:FILE | human:FILE | leak:REAL | command:PROGRAM | arithmetic", (), "SPEC")] = ()
    require: Annotated[str, Flag("which checks must pass: all, any, or an expression of names with and, or, not", (), "EXPR")] = "all"
    evidence: Annotated[str, Flag("every check's verdict and evidence, one JSON line a row; a run that was killed goes on from it", (), "FILE")] = ""
    calibration: Annotated[str, Flag("measured precision of checks, written by audit gate", (), "FILE")] = ""
    truth: Annotated[str, Flag("field that tells whether a row is right: measures each check", (), "FIELD")] = ""
    by: Annotated[tuple[str, ...], Flag("field whose slices are counted; repeatable", (), "FIELD")] = ()
    workers: Annotated[int, Ge(0), Le(256), Flag("rows that slow checks work on at a time; 0: one a core", inert=True)] = 0
    allow_dependent: Annotated[str, Flag("let a judge or other answers of the generator's own or an unknown lineage vouch for rows, and record why", (), "REASON")] = ""
    lineage: Annotated[str, Flag("more lineages of models, beside the table that is shipped", (), "FILE")] = ""
    schema_draft: Annotated[Literal["auto", "4", "6", "7", "2019-09", "2020-12"], Flag("draft of JSON Schema by which a schema is read; auto is what its $schema says, else 2020-12")] = "auto"
    schema_formats: Annotated[bool, Flag("a schema's format keyword is an assertion, too")] = False
    regex_timeout: Annotated[float, Gt(0), Flag("seconds that one pattern may take on one row")] = 1.0
    sandbox: Annotated[Literal["auto", "A", "B", "C"], Flag("isolation of programs: A namespaces, B Landlock, C limits only; auto is A, else B, else refuse")] = "auto"
    exec_timeout: Annotated[float, Gt(0), Flag("seconds that a candidate program may take, all tests together")] = 5.0
    exec_memory: Annotated[int, Ge(16), Flag("MiB that a candidate program may use")] = 1024
    python: Annotated[str, Flag("interpreter for candidate programs (default: this one, standard library only)", (), "FILE")] = ""
    allow_shared: Annotated[bool, Flag("run programs that cannot be called across beside their tests; weaker evidence, and marked so")] = False
    tolerance: Annotated[float, Ge(0), Flag("relative difference at which two numbers are still one answer")] = 0.0
    gold_list: Annotated[Literal["abstain", "any", "all"], Flag("what an answer equal to one of several golds in a list is worth: abstain, any (right), all (wrong: the list is a set)")] = "abstain"
    math: Annotated[bool, Flag("compare answers as mathematics, with math-verify")] = False
    nli: Annotated[str, Flag("folder of an NLI cross-encoder for retrieve", (), "DIR")] = ""
    agree_share: Annotated[float, Gt(0.5), Le(1), Flag("share of the other models that must give the same answer")] = 1.0
    criteria: Annotated[str, Flag("what a judge is asked, a yes-or-no question each", (), "FILE")] = ""
    judge_url: Annotated[str, Flag("OpenAI-compatible server of the judge", (), "URL")] = ""
    judge_key_env: Annotated[str, Flag("environment variable that holds the judge's API key", (), "NAME", inert=True)] = ""
    judge_journal: Annotated[str, Flag("append-only file of the judge's raw answers: resume, cache, replay", (), "FILE")] = ""
    judge_samples: Annotated[int, Ge(1), Flag("answers of the judge to each question; they must be unanimous")] = 1
    judge_max_tokens: Annotated[int, Ge(1), Flag("limit of an answer of the judge; not part of the journal key")] = 1024
    judge_concurrency: Annotated[int, Ge(1), Le(256), Flag("rows that a judge works on at a time", inert=True)] = 8
    judge_timeout: Annotated[float, Gt(0), Flag("seconds for one call of the judge", inert=True)] = 120.0
    leak_chars: Annotated[int, Ge(8), Flag("length of a text shared with real data that counts as a leak")] = 50
    leak_near: Annotated[float, Gt(0), Le(1), Flag("similarity to a real row that counts as a leak")] = 0.8
    leak_identifiers: Annotated[Literal["any", "copied"], Flag("e-mails, phones, IBANs, cards and keys that count as a leak: any valid one, or those that stand in the real data")] = "any"
    command_timeout: Annotated[float, Gt(0), Flag("seconds that a command check may take on a row")] = 60.0
    command_sandbox: Annotated[Literal["none", "auto", "A", "B", "C"], Flag("isolation of command checks")] = "none"


class Table(str):
    """A check that a file spells out, as canonical JSON: `check`, and what it sets of its own."""


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


class BlendPolicy(Settings):
    """Mix verified synthetic rows with real ones at an exact fraction."""

    real: Annotated[tuple[str, ...], Flag("real rows; repeatable", (), "FILE")] = ()
    real_fraction: Annotated[Share, Flag("real share of the output rows")] = 0.5
    on_shortage: Annotated[Literal["cap", "repeat", "error"], Flag("too few real rows: cut the synthetic ones, repeat real ones, or refuse")] = "cap"
    max_repeats: Annotated[int, Ge(1), Flag("uses of one real row with --on-shortage repeat")] = 4
    certificate: Annotated[str, Flag("certificate of the audit [default: $SYNTHGATE_RUN_DIR/certificate.json]", (), "FILE")] = ""
    unaudited: Annotated[str, Flag("blend without an audit, and record why", (), "REASON")] = ""
    no_real: Annotated[str, Flag("blend without real rows, and record why", (), "REASON")] = ""


class ReportPolicy(Settings):
    """Show what the pipeline did."""

    run_dir: Annotated[str, Flag("folder of manifests [default: $SYNTHGATE_RUN_DIR]", (), "DIR")] = ""
    json_file: Annotated[str, Flag("write the report as JSON; - writes its findings as JSONL to stdout", ("--json",), "FILE")] = ""
    tee: Annotated[bool, Flag("pass the rows through to stdout unchanged")] = False


class RunPolicy(Settings):
    """The whole pipeline into one folder."""

    prompts: Annotated[str, Flag("prompts for generate", (), "FILE")] = ""
    candidates: Annotated[str, Flag("start from these rows instead of generating", (), "FILE")] = ""
    folder: Annotated[str, Flag("run folder", (), "DIR")] = "run"
    prompt_field: Annotated[str, Flag("field of the prompt text, dotted", (), "FIELD")] = ""
    response_field: Annotated[str, Flag("field of the response text, dotted", (), "FIELD")] = ""
    seed: Annotated[int, Flag("every draw is hash(seed, id)")] = 0


class DemoPolicy(Settings):
    """The gate on real model output."""

    folder: Annotated[str, Flag("where the demo's files go", (), "DIR")] = "synthgate-demo"


# fmt: on
POLICIES: dict[str, type] = {
    "generate": GeneratePolicy,
    "dedupe": DedupePolicy,
    "cluster-cap": ClusterCapPolicy,
    "verify": VerifyPolicy,
    "audit": AuditPolicy,
    "blend": BlendPolicy,
    "report": ReportPolicy,
    "run": RunPolicy,
    "demo": DemoPolicy,
}


# --- what a policy looks like ------------------------------------------------------------


def settings(policy: Any) -> dict[str, Any]:
    """Return a policy as the plain JSON object that manifests record."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in vars(policy).items()}


def shaping(policy: Any) -> dict[str, Any]:
    """Return the settings that decide what comes out, wherever files and servers may be."""
    flags = flags_of(type(policy))
    places = ("FILE", "DIR", "URL")
    return {
        name: value
        for name, value in settings(policy).items()
        if not flags[name][1].inert and flags[name][1].metavar not in places
    }


def flags_of(policy: type) -> dict[str, tuple[Any, Flag, Any]]:
    """Return {field: (type, how it is shown, default)} of a policy, in order."""
    found = {}
    for name, kind in get_type_hints(policy, include_extras=True).items():
        notes = getattr(kind, "__metadata__", ())
        shown = next((note for note in notes if isinstance(note, Flag)), Flag(""))
        found[name] = (kind, shown, getattr(policy, name))
    return found


_WORDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def build(policy: type, values: dict[str, Any]) -> Any:
    """Return the policy with these values, or raise `UsageError` naming the flag that is wrong.

    The values are of the right types already: those of flags by Typer, those of a file by `load`.
    """
    for name, (kind, _, _) in flags_of(policy).items():
        if name in values:
            _within(name, values[name], getattr(kind, "__metadata__", ()))
    return policy(**values)


def _within(name: str, value: Any, notes: tuple[Any, ...]) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"--{name.replace('_', '-')} must be a number (got {value})")
    for bound in notes:
        if isinstance(bound, Bound) and not getattr(operator, bound.kind)(value, bound.value):
            flag = "--" + name.replace("_", "-")
            wanted = f"{_WORDS[bound.kind]} {bound.value:g}"
            raise UsageError(f"{flag} must be {wanted} (got {value!r})")
