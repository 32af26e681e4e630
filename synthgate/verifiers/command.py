"""The check `command:PROGRAM ARGUMENTS`: any program, one run for each row.

The row comes on stdin. Exit code 0 is pass, 10 fail, 11 abstain, and anything else an error: a
checker that crashes must not look like a verdict. A JSON object on descriptor 3 may say more:
`{"verdict": "fail", "reason": "...", "evidence": {...}}`. The words are an argument vector; no
shell reads them, and nothing of a row is among them.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
from contextlib import suppress
from dataclasses import replace
from typing import Any

from synthgate.errors import BadLine, InputError, Unreachable, UsageError
from synthgate.formats import Shape
from synthgate.jsonl import read_file
from synthgate.rows import Row, parse
from synthgate.sandbox.box import Broken, Plan
from synthgate.sandbox.commands import Exit, Jailed, run_command, why_not
from synthgate.sandbox.tiers import Refused, choose
from synthgate.verifiers import Bench, Outcome, Verdict, Verifier

OUTCOMES: dict[int, Outcome] = {0: "pass", 10: "fail", 11: "abstain"}
_EVIDENCE = 4096  # bytes of a checker's own evidence that are kept
_REASON = 300  # characters
_PROCESSES = 32


def build(argument: str, bench: Bench) -> Command:
    """Return the check; raises `Unreachable` where the program cannot be run."""
    try:
        words = shlex.split(argument)
    except ValueError as error:
        raise UsageError(f"--check command:{argument}: {error}") from None
    if not words:
        raise UsageError("--check command: name a program, as in 'command:./check.py --strict'")
    program = shutil.which(words[0])
    if program is None:
        raise Unreachable(f"--check command:{argument}: {words[0]}: {why_not(words[0])}")
    files = [os.path.abspath(word) for word in words[1:] if os.path.isfile(word)]
    program = os.path.abspath(program)
    jail = _jail(bench, [program, *files])
    if jail:  # it starts in another folder
        words = [words[0], *(os.path.abspath(w) if os.path.isfile(w) else w for w in words[1:])]
    return Command([program, *words[1:]], bench, jail, [program, *files])


def _jail(bench: Bench, files: list[str]) -> Plan | None:
    """Return the jail that the policy asks for, which has just withstood its self-test."""
    policy = bench.policy
    if policy.command_sandbox == "none":
        return None
    folders = {os.path.dirname(path) for file in files for path in (file, os.path.realpath(file))}
    homes = {os.path.dirname(f) for f in folders if os.path.basename(f) == "bin"} - {"/"}
    seconds = max(1, round(policy.command_timeout + 0.5))
    plan = Plan(
        "A",
        memory=policy.exec_memory << 20,
        cpu=seconds,
        read=tuple(sorted({*files, *homes})),
        starts=True,
        processes=_PROCESSES,
    )
    try:
        return replace(plan, tier=choose(policy.command_sandbox, plan).name)
    except Refused as error:
        raise UsageError(f"no sandbox for commands holds here: {error}") from None


def _sha256(path: str) -> str:
    with suppress(InputError):
        return hashlib.sha256(read_file(path)).hexdigest()
    return ""


class Command(Verifier):
    """Runs the program, as many at a time as there are workers."""

    name = "command"
    kind = "command"
    costly = True

    def __init__(self, argv: list[str], bench: Bench, plan: Plan | None, files: list[str]) -> None:
        policy = bench.policy
        self.at_once = policy.workers or os.cpu_count() or 1
        self._argv, self._seconds = argv, policy.command_timeout
        self._jailed = Jailed(plan) if plan else None
        self._tier = plan.tier if plan else "none"
        self.config = {
            "argv": argv,
            "files": [_sha256(file) for file in files],
            "timeout": self._seconds,
            "tier": self._tier,
        }

    def check(self, row: Row, shape: Shape) -> Verdict:  # noqa: ARG002 -- the row goes as it is
        """Return what the program says; `error` where it crashes or takes too long.

        Raises `Unreachable` where it cannot be started.
        """
        try:
            run = self._jailed.run if self._jailed else run_command
            ended = run(self._argv, row.payload + b"\n", self._seconds)
        except (Broken, OSError) as error:
            raise Unreachable(f"command: {self._argv[0]}: {error}") from None
        return _verdict(ended, {"sandbox": self._tier})

    def close(self) -> None:
        """End the sandbox."""
        if self._jailed:
            self._jailed.close()


def _verdict(ended: Exit, evidence: dict[str, Any]) -> Verdict:
    """Return the verdict of an exit code, with what the program said about it."""
    if ended.why:
        return Verdict("error", ended.why, evidence)
    outcome = OUTCOMES.get(ended.status)
    if outcome is None:
        how = f"exit code {ended.status}" if ended.status >= 0 else f"signal {-ended.status}"
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return Verdict(
            "error", how, {**evidence, **({"stderr": last[0][:_REASON]} if last else {})}
        )
    if not ended.said.strip():
        return Verdict(outcome, "" if outcome == "pass" else outcome, evidence)
    try:
        said = parse(ended.said.strip())
    except BadLine as error:
        return Verdict(
            "error", "descriptor 3 holds no JSON object", {"json": str(error), **evidence}
        )
    if said.get("verdict", outcome) != outcome:
        return Verdict("error", "exit code and descriptor 3 disagree", evidence)
    reason = said.get("reason", "")
    more = said.get("evidence")
    if more is not None:
        evidence["said"] = more if len(repr(more)) <= _EVIDENCE else repr(more)[:_EVIDENCE]
    words = reason[:_REASON] if type(reason) is str else ""
    return Verdict(outcome, words or ("" if outcome == "pass" else outcome), evidence)
