"""The check `exec`: the program in the response, run against the tests of the row.

The candidate runs in a jail of its own, and is given code and arguments; tests, expected values
and the verdict are in other processes. The row holds `test` and `entry_point` as HumanEval does,
`tests` (a list of assert lines), or `cases` (a list of `{"args","expected"}` or
`{"stdin","stdout"}`); `exec:tests=FIELD,entry_point=FIELD` names other fields.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any

from synthgate.errors import Unreachable, UsageError
from synthgate.formats import Shape, dig
from synthgate.registry import unknown
from synthgate.rows import Row, lot
from synthgate.sandbox.box import Broken, Plan
from synthgate.sandbox.programs import Found, Rigs
from synthgate.sandbox.tiers import Refused, choose
from synthgate.text import digest
from synthgate.verifiers import Bench, Outcome, Verdict, Verifier
from synthgate.verifiers.printed import printed_same

_FIELDS = ("prompt", "entry_point", "test", "tests", "cases")
_LONGEST = 1 << 19  # bytes of a program
NO_PROGRAM = Verdict("fail", "no_program")
NO_TESTS = Verdict("abstain", "no_tests")
BAD_CASES = Verdict("abstain", "bad_cases")


def build(argument: str, bench: Bench) -> Exec:
    """Return the check, with a sandbox that has just withstood its self-test."""
    policy, fields = bench.policy, _fields(argument)
    if policy.python and not os.access(policy.python, os.X_OK):
        raise Unreachable(f"--python {policy.python}: cannot be run")
    cpu = max(1, round(policy.exec_timeout + 0.5))
    plan = Plan("A", policy.exec_memory << 20, cpu, python=policy.python)
    try:
        tier = choose(policy.sandbox, plan)
    except Refused as error:
        raise UsageError(f"no sandbox holds here ({error}); --sandbox C runs without") from None
    plan = Plan(tier.name, plan.memory, cpu, python=policy.python)
    return Exec(bench, fields, plan, str(tier))


def _fields(argument: str) -> dict[str, str]:
    """Return where each thing stands in a row, {ours: the row's}."""
    fields = {name: name for name in _FIELDS}
    for pair in filter(None, argument.split(",")):
        name, mark, field = pair.partition("=")
        if not mark or not field or name not in fields:
            raise UsageError(f"--check exec:{argument}: {unknown('field', name, list(_FIELDS))}")
        fields[name] = field
    return fields


class Exec(Verifier):
    """Runs candidates in pairs of boxes, as many rows at a time as there are workers."""

    name = "exec"
    kind = "execution"
    costly = True

    def __init__(self, bench: Bench, fields: dict[str, str], plan: Plan, tier: str) -> None:
        policy = bench.policy
        self.at_once = policy.workers or os.cpu_count() or 1
        self._fields, self._plan, self._tier = fields, plan, tier
        self._seed, self._seconds = bench.seed, policy.exec_timeout
        self._shared = policy.allow_shared
        self._rigs = Rigs(plan, policy.exec_timeout)
        self._lock = threading.Lock()
        self._weak: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._strong: set[bytes] = set()
        self.config = {
            "fields": fields, "tier": plan.tier, "timeout": policy.exec_timeout,
            "memory": plan.memory, "python": policy.python, "shared": policy.allow_shared,
            "seed": bench.seed,
        }  # fmt: skip

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass or fail; abstain where the tests show nothing or cannot call across.

        Raises `Unreachable` where no sandbox can be had any more.
        """
        text = shape.response(row.value) or ""
        if not text.strip():
            return NO_PROGRAM
        given = {name: dig(row.value, field) for name, field in self._fields.items()}
        try:
            if _is_script(given):
                return self._scripts(row, text, given["cases"])
            task = _task(given, shape.prompt(row.value) or "")
            if task is None:
                return BAD_CASES if given["cases"] else NO_TESTS
            return self._judged(row, text, task)
        except Broken as error:
            raise Unreachable(f"exec: {error}") from None

    def _judged(self, row: Row, text: str, task: dict[str, Any]) -> Verdict:
        if len(json.dumps(text)) > _LONGEST:
            return Verdict("fail", "too_large")  # its own doing: no other check may let it in
        known = digest(repr(sorted(task.items())))
        seed = lot(self._seed, row.id) >> 32
        task |= {"text": text, "seed": seed, "shared": self._shared}
        task["stand_ins"] = known not in self._strong
        with self._rigs.lend() as rig:
            found = rig.judge(task)
        if found.vacuous:
            self._note(row, "vacuous_tests")
            return self._verdict("abstain", "vacuous_tests", passed_by=found.vacuous)
        if found.outcome == "pass":
            self._strong.add(known)
            if found.calls == 0 and not found.shared:
                self._note(row, "vacuous_tests")
                return self._verdict("abstain", "vacuous_tests", passed_by="anything: no call")
        return self._told(row, found)

    def _told(self, row: Row, found: Found) -> Verdict:
        more: dict[str, Any] = {"calls": found.calls, "isolation": "split"}
        if found.shared:
            more = {"isolation": "shared"}
            self._note(row, "shared")
        elif found.outcome == "pass" and found.calls == 1:
            self._note(row, "single_test")
        elif "ModuleNotFoundError" in found.reason:
            self._note(row, "no_module")
        verdict = self._verdict(found.outcome, found.reason, **more)
        return replace(verdict, kind="shared-execution") if found.shared else verdict

    def _scripts(self, row: Row, text: str, cases: list[dict[str, str]]) -> Verdict:
        """Run the program as a script once for each case."""
        if len(json.dumps(text)) > _LONGEST:
            return Verdict("fail", "too_large")
        if _shows_nothing(cases):
            self._note(row, "vacuous_tests")
            return self._verdict("abstain", "vacuous_tests", passed_by="a constant or its input")
        seed = lot(self._seed, row.id) >> 32
        for number, case in enumerate(cases, 1):
            with self._rigs.lend() as rig:
                ran = rig.run(text, case["stdin"].encode("utf-8", "surrogatepass"), seed)
            if ran.why or ran.status != 0:
                why = ran.why or _last_line(ran.stderr) or f"exit code {ran.status}"
                return self._verdict("fail", f"case {number}: {why}", cases=len(cases))
            if not printed_same(ran.stdout.decode(errors="replace"), case["stdout"]):
                return self._verdict("fail", f"case {number}: other output", cases=len(cases))
        return self._verdict("pass", "", cases=len(cases), isolation="split")

    def _verdict(self, outcome: Outcome, reason: str, **evidence: Any) -> Verdict:
        return Verdict(outcome, reason, {"tier": self._plan.tier, **evidence})

    def _note(self, row: Row, what: str) -> None:
        with self._lock:
            self._weak[what] += 1
            self._first.setdefault(what, f"{row.file}:{row.line}")

    def notes(self) -> list[str]:
        """Return the tier, and the tests that show little."""
        said = [f"exec ran in {self._tier}"]
        for what, words in _WEAK.items():
            if count := self._weak[what]:
                said.append(f"exec: {words.format(count)}; the first is {self._first[what]}")
        return said

    def take_notes(self) -> tuple[Counter[str], dict[str, str]]:
        with self._lock:
            taken = self._weak, self._first
            self._weak, self._first = Counter(), {}
        return taken

    def add_notes(self, taken: tuple[Counter[str], dict[str, str]]) -> None:
        weak, first = taken
        self._weak += weak
        self._first = {**first, **self._first}

    def close(self) -> None:
        """End every box."""
        with suppress(OSError):
            self._rigs.close()


_WEAK = {
    "vacuous_tests": "{} rows have tests that a stand-in which computes nothing passes: abstained",
    "single_test": "{} rows passed a single call: weak tests",
    "no_module": "{} programs import what is not there; --python names an interpreter that has it",
    "shared": "{} rows ran beside their tests: their verdicts could be forged",
}


def _is_script(given: dict[str, Any]) -> bool:
    """Tell whether the cases are texts in and texts out, and nothing else is to be run."""
    cases = given["cases"]
    if given["test"] or given["tests"] or type(cases) is not list or not cases:
        return False
    return all(
        type(case) is dict and type(case.get("stdin")) is str and type(case.get("stdout")) is str
        for case in cases
    )


def _shows_nothing(cases: list[dict[str, str]]) -> bool:
    """Tell whether a script passes that prints nothing, its input, or always the same."""
    wanted = [case["stdout"].strip() for case in cases]
    given = [case["stdin"].strip() for case in cases]
    echoes = all(out in ("", into) for out, into in zip(wanted, given, strict=True))
    return echoes or (len(wanted) > 1 and len(set(wanted)) == 1)


def _task(given: dict[str, Any], prompt: str) -> dict[str, Any] | None:
    """Return what the tests need, None where the row has no tests that can be run."""
    test, tests, cases = given["test"], given["tests"], given["cases"]
    entry = given["entry_point"] if type(given["entry_point"]) is str else ""
    task = {
        "prompt": given["prompt"] if type(given["prompt"]) is str else prompt,
        "entry": entry, "test": "", "tests": [], "cases": [],
    }  # fmt: skip
    if type(test) is str and test.strip():
        return {**task, "test": test}
    if type(tests) is list and tests and all(type(line) is str for line in tests):
        return {**task, "tests": tests}
    if type(cases) is list and cases and entry and all(map(_is_call, cases)):
        return {**task, "cases": cases}
    return None


def _is_call(case: Any) -> bool:
    return type(case) is dict and type(case.get("args")) in (list, dict) and "expected" in case


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""
