"""The keys that look at the value of a field: present, equal to, one of, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from synthgate.formats import Shape, dig
from synthgate.rows import Value
from synthgate.verifiers import Verdict
from synthgate.verifiers.rules import Condition, Rule, getter
from synthgate.verifiers.rules.figures import figure


def _required(rule: Rule, shape: Shape) -> Condition:
    """Return the condition that fields are there and not blank."""
    views = {"prompt": shape.prompt, "response": shape.response}
    names: list[str] = rule.table["required"]

    def condition(value: Value) -> Verdict | None:
        for name in names:
            held = views[name](value) if name in views else dig(value, name)
            if held is None or held in ([], {}) or (type(held) is str and not held.strip()):
                return Verdict("fail", "required", {"rule": rule.number, "field": name})
        return None

    return condition


def _equals(rule: Rule, shape: Shape) -> Condition:
    return _among(rule, shape, "equals", [rule.table["equals"]])


def _one_of(rule: Rule, shape: Shape) -> Condition:
    return _among(rule, shape, "one_of", rule.table["one_of"])


def _among(rule: Rule, shape: Shape, key: str, allowed: list[Any]) -> Condition:
    """Return the condition that a field's value is one of those named."""
    get, failed, known = getter(rule.field, shape), rule.failed(key), {_plain(x) for x in allowed}

    def condition(value: Value) -> Verdict | None:
        held = get(value)
        simple = type(held) in (str, int, float, bool)
        return None if simple and _plain(held) in known else failed

    return condition


def _plain(value: Any) -> tuple[bool, Any]:
    """Return a value as it is compared: true is not 1, and texts without white space around."""
    return type(value) is bool, value.strip() if type(value) is str else value


def _min(rule: Rule, shape: Shape) -> Condition:
    limit = _limit(rule.table["min"])
    return _bounded(rule, shape, "min", lambda number: number >= limit)


def _max(rule: Rule, shape: Shape) -> Condition:
    limit = _limit(rule.table["max"])
    return _bounded(rule, shape, "max", lambda number: number <= limit)


def _limit(value: float) -> Fraction:
    return Fraction(repr(value))


def _bounded(rule: Rule, shape: Shape, key: str, holds: Callable[[Fraction], bool]) -> Condition:
    """Return the condition that a field's value is a number within a bound."""
    get, failed = getter(rule.field, shape), rule.failed(key)

    def condition(value: Value) -> Verdict | None:
        number = figure(get(value))
        if number is None:
            return rule.failed("no_number")
        return None if holds(number) else failed

    return condition


def _relation(rule: Rule, shape: Shape) -> Condition:
    from synthgate.verifiers.rules.relations import as_condition

    return as_condition(rule, shape)


def _refusal_field(rule: Rule, shape: Shape) -> Condition:
    from synthgate.verifiers.rules.refusals import by_field

    return by_field(rule, shape)


def _refusal_prompt(rule: Rule, shape: Shape) -> Condition:
    from synthgate.verifiers.rules.refusals import by_prompt

    return by_prompt(rule, shape)


CONDITIONS: dict[str, Callable[[Rule, Shape], Condition]] = {
    "required": _required,
    "equals": _equals,
    "one_of": _one_of,
    "min": _min,
    "max": _max,
    "relation": _relation,
    "refusal_field": _refusal_field,
    "refusal_prompt": _refusal_prompt,
}
