"""IFEval instructions as a rule of a file, and as fields of each row (`rule:@FIELD`)."""

from __future__ import annotations

from typing import Any

from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.rows import Row
from synthgate.verifiers import Verdict, Verifier
from synthgate.verifiers.rules import TIMEOUT, Rule, Test
from synthgate.verifiers.rules.arguments import BadInstruction
from synthgate.verifiers.rules.ifeval import follows

_MOST = 100  # instructions of a row
_LONGEST = 200  # characters of a reason
NO_INSTRUCTIONS = Verdict("abstain", "no_instructions")


def as_test(rule: Rule, instruction: str) -> Test:
    """Return the test of a rule `ifeval`, or raise `UsageError`."""
    try:
        followed = follows(instruction, rule.table.get("kwargs", {}), rule.timeout)
    except BadInstruction as error:
        raise UsageError(f"{rule.where}: ifeval: {error}") from None
    failed = rule.failed("ifeval")

    def test(text: str) -> Verdict | None:
        try:
            found = followed(text)
        except TimeoutError:
            return TIMEOUT
        if found is None:
            return rule.unsure("language_unknown")
        return None if found else failed

    return test


class Instructed(Verifier):
    """Each row names its instructions in a field, and their arguments in `kwargs` beside it."""

    name = "rule"
    kind = "rule"

    def __init__(self, field: str, timeout: float) -> None:
        self._field = field
        self._kwargs = ".".join([*field.split(".")[:-1], "kwargs"])
        self._timeout = timeout
        self.config = {"instructions": field, "timeout": timeout}

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass where every instruction is followed, fail where one is not.

        Abstains where a row has no instructions, or one that is not known or cannot be told.
        """
        asked, given = dig(row.value, self._field), dig(row.value, self._kwargs)
        if type(asked) is not list or not asked:
            return NO_INSTRUCTIONS
        given = [{} for _ in asked] if given is None else given
        if not _fits(asked, given):
            return Verdict("abstain", "bad_instruction", {"says": "kwargs: not one object each"})
        text = shape.response(row.value)
        if text is None:
            return Verdict("fail", "no_text")
        return self._judge(list(zip(asked, given, strict=True)), text)

    def _judge(self, instructions: list[tuple[str, dict[str, Any]]], text: str) -> Verdict:
        outcomes = [self._one(*each, text) for each in instructions]
        failed = [
            name for (name, _), said in zip(instructions, outcomes, strict=True) if said == "failed"
        ]
        if failed:
            return Verdict("fail", failed[0], {"failed": failed, "of": len(outcomes)})
        for said in outcomes:
            if said == TIMEOUT.reason:
                return TIMEOUT
            if said:
                reason, _, says = said.partition(": ")
                return Verdict("abstain", reason, {"says": says[:_LONGEST]})
        return Verdict("pass", "", {"followed": len(outcomes)})

    def _one(self, instruction: str, given: dict[str, Any], text: str) -> str:
        """Return "" where an instruction is followed, `failed`, or why that cannot be told."""
        try:
            found = follows(instruction, given, self._timeout)(text)
        except BadInstruction as error:
            return f"bad_instruction: {error}"
        except TimeoutError:
            return TIMEOUT.reason
        if found is None:
            return f"language_unknown: {instruction}"
        return "" if found else "failed"


def _fits(asked: list[Any], given: Any) -> bool:
    """Tell whether there is an object of arguments for each name of an instruction."""
    return (
        type(given) is list
        and len(given) == len(asked) <= _MOST
        and all(type(name) is str for name in asked)
        and all(type(arguments) is dict for arguments in given)
    )
