"""The check `rule:FILE` or `rule:@FIELD`: rules that can be stated, for all rows or by each row.

A file holds a list of rules, `[[rule]]` in TOML; all must hold: lengths, patterns, words, fields,
numeric relations, language, refusals, IFEval instructions. A field lists the IFEval instructions
that its row was given. Patterns run under a time limit: a text that makes one take longer is an
error, not a pass.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from synthgate.errors import UsageError
from synthgate.formats import Reader, Shape
from synthgate.rows import Row, Value
from synthgate.verifiers import PASS, Bench, Verdict, Verifier
from synthgate.verifiers.rules import Condition, Rule, Test, reader
from synthgate.verifiers.rules.reading import read
from synthgate.verifiers.rules.texts import TESTS
from synthgate.verifiers.rules.values import CONDITIONS


def build(argument: str, bench: Bench) -> Verifier:
    """Return the check for a file of rules, or for a field; raises `UsageError`."""
    timeout = bench.policy.regex_timeout
    if argument.startswith("@") and len(argument) > 1:
        from synthgate.verifiers.rules.instructed import Instructed

        return Instructed(argument[1:], timeout)
    if not argument or argument == "@":
        raise UsageError("--check rule: name the file of rules, as in rule:rules.toml")
    text = bench.text(argument)
    tables = read(argument, text)
    digest = sha256(text.encode()).hexdigest()
    rules = [
        Rule(f"{argument}: rule {number}", number, table, timeout)
        for number, table in enumerate(tables, 1)
    ]
    return Rules(rules, {"rules": digest, "timeout": timeout})


class Rules(Verifier):
    """All rules of one file, as one flat list of conditions on a row."""

    name = "rule"
    kind = "rule"

    def __init__(self, rules: list[Rule], config: dict[str, Any]) -> None:
        self.config = config
        self._rules = [(rule, _tests(rule)) for rule in rules]
        self._shape: Shape | None = None
        self._conditions: list[Condition] = []
        self._bind(_NOWHERE)  # whatever is wrong with a rule is said before the first row

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return the first condition that does not hold; abstain where one cannot tell."""
        if shape is not self._shape:
            self._bind(shape)
        value, unsure = row.value, PASS
        for condition in self._conditions:
            verdict = condition(value)
            if verdict is not None:
                if verdict.outcome != "abstain":
                    return verdict
                unsure = verdict
        return unsure

    def _bind(self, shape: Shape) -> None:
        """Read `prompt` and `response` as the rows' own shape has them."""
        self._conditions = []
        for rule, tests in self._rules:
            if tests:
                self._conditions.append(_on_text(rule, reader(rule.field, shape), tests))
            self._conditions += [
                CONDITIONS[key](rule, shape) for key in rule.table if key in CONDITIONS
            ]
        self._shape = shape


_NOWHERE = Shape("", (), lambda _: None, lambda _: None, lambda value, _: value)


def _tests(rule: Rule) -> list[Test]:
    """Return the tests of one rule on the text of its field."""
    return [TESTS[key](rule, limit) for key, limit in rule.table.items() if key in TESTS]


def _on_text(rule: Rule, read_text: Reader, tests: list[Test]) -> Condition:
    """Return the condition that the text of a field is there and passes the tests."""
    missing = Verdict("fail", "no_text", {"rule": rule.number, "field": rule.field})

    def condition(value: Value) -> Verdict | None:
        text = read_text(value)
        if text is None:
            return missing
        unsure = None
        for test in tests:
            verdict = test(text)
            if verdict is not None:
                if verdict.outcome != "abstain":
                    return verdict
                unsure = verdict
        return unsure

    return condition
