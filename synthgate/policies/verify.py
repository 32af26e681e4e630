"""The settings of `verify`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Gt, Le, Settings


# fmt: off
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
# fmt: on


class Table(str):
    """A check that a file spells out, as canonical JSON: `check`, and what it sets of its own."""
