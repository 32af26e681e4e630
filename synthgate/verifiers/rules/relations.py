"""The key `relation`: numbers of the row, or of the JSON in an answer, stand in a relation."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Value
from synthgate.verifiers import Verdict
from synthgate.verifiers.documents import NoDocument, extract
from synthgate.verifiers.rules import VIEWS, Condition, Rule, getter
from synthgate.verifiers.rules.formulas import BadFormula, Formula, read
from synthgate.verifiers.rules.operands import NoValue

ROW = "row"


def formula(where: str, text: str) -> Formula:
    """Return the formula of a rule, or raise `UsageError`."""
    try:
        return read(text)
    except BadFormula as error:
        raise UsageError(f"{where}: relation: {error}") from None


def as_condition(rule: Rule, shape: Shape) -> Condition:
    """Return the condition that a formula holds for the data that the rule is about."""
    relation = formula(rule.where, rule.table["relation"])
    tolerance = Fraction(repr(rule.table.get("tolerance", 0)))
    look = _row(relation, shape) if rule.field == ROW else _field(rule.field, shape)
    failed = rule.failed("relation")

    def condition(value: Value) -> Verdict | None:
        try:
            return None if relation.holds(look(value), tolerance) else failed
        except NoValue as error:
            return rule.failed("relation", says=f"{error.reason}: {error.what}")
        except NoDocument as error:
            if error.reason == "several_documents":
                return rule.unsure(error.reason)
            return Verdict("fail", error.reason, failed.evidence | {"says": error.detail[:200]})

    return condition


def _field(name: str, shape: Shape) -> Callable[[Value], Any]:
    """Return a reader of the data in a field: its JSON where it is a text, else what it holds."""
    get = getter(name, shape)

    def look(value: Value) -> Any:
        held = get(value)
        return extract(held)[1] if type(held) is str else held

    return look


def _row(relation: Formula, shape: Shape) -> Callable[[Value], Any]:
    """Return a reader of a row, in which `response` and `prompt` are the JSON of its texts."""
    named = {path.partition(".")[0] for path in relation.paths}
    looks = {name: _field(name, shape) for name in VIEWS if name in named}
    if not looks:
        return lambda value: value
    return lambda value: {**value, **{name: look(value) for name, look in looks.items()}}
