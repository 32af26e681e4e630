"""The check `rule:FILE`: lengths, patterns and required fields, from a TOML or JSON file.

A file holds a list of rules, `[[rule]]` in TOML; all must hold. Lengths count characters without
white space around them, and words. Patterns run under a time limit: a text that makes one take
longer is an error, not a pass.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any

import jiter
import regex

from synthgate.errors import UsageError
from synthgate.formats import Reader, Shape, dig, field
from synthgate.registry import unknown
from synthgate.rows import Row, Value
from synthgate.verifiers import PASS, Bench, Verdict, Verifier

Test = Callable[[str], Verdict | None]
Condition = Callable[[Value], Verdict | None]
_KEYS: dict[str, type] = {
    "field": str, "min_chars": int, "max_chars": int, "min_words": int, "max_words": int,
    "matches": str, "forbids": str, "required": list,
}  # fmt: skip
TIMEOUT = Verdict("error", "pattern_timeout")


def build(argument: str, bench: Bench) -> Rules:
    """Return the check for a file of rules, or raise `UsageError` naming what is wrong in it."""
    if not argument:
        raise UsageError("--check rule: name the file of rules, as in rule:rules.toml")
    rules = _parse(argument, bench.text(argument))
    for number, rule in enumerate(rules, 1):
        _refuse(f"{argument}: rule {number}", rule)
    return Rules(argument, rules, bench.policy.regex_timeout)


# --- the file ---------------------------------------------------------------------------


def _parse(path: str, text: str) -> list[dict[str, Any]]:
    """Return the rules of a file: a JSON list, or the list `rule` of a TOML or JSON table."""
    read = _READERS.get(path.rpartition(".")[2].lower())
    if read is None:
        raise UsageError(f"{path}: a file of rules is .toml or .json")
    try:
        document = read(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from None
    if isinstance(document, dict):
        for key in document.keys() - {"rule"}:
            raise UsageError(f"{path}: {unknown('key', key, ['rule'])}")
        document = document.get("rule")
    if not isinstance(document, list) or not document:
        raise UsageError(f"{path}: holds no list of rules")
    return document


def _json(text: str) -> Any:
    return jiter.from_json(text.encode(), catch_duplicate_keys=True)


_READERS: dict[str, Callable[[str], Any]] = {"toml": tomllib.loads, "json": _json}


def _refuse(where: str, rule: Any) -> None:
    """Refuse a rule with unknown keys, ill-typed values or no condition at all."""
    if not isinstance(rule, dict):
        raise UsageError(f"{where}: must be a table of keys and values")
    for key, value in rule.items():
        if key not in _KEYS:
            raise UsageError(f"{where}: {unknown('key', key, list(_KEYS))}")
        names = value if key == "required" else []
        if type(value) is not _KEYS[key] or not all(type(name) is str for name in names):
            raise UsageError(f"{where}: {key}: must be {_SHOWN[_KEYS[key]]} (got {value!r})")
        if type(value) is int and value < 0:
            raise UsageError(f"{where}: {key}: must not be negative (got {value})")
    if not rule.keys() - {"field"}:
        raise UsageError(f"{where}: has no condition")


_SHOWN = {str: "a string", int: "a whole number", list: "a list of field names"}


def _pattern(where: str, text: str) -> Any:
    try:
        return regex.compile(text)
    except (regex.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{where}: is no pattern: {error}") from None


# --- the check --------------------------------------------------------------------------


class Rules(Verifier):
    """All rules of one file, as one flat list of conditions on a row."""

    name = "rule"
    kind = "rule"

    def __init__(self, path: str, rules: list[dict[str, Any]], timeout: float) -> None:
        self._rules = [
            (number, rule, _tests(f"{path}: rule {number}", number, rule, timeout))
            for number, rule in enumerate(rules, 1)
        ]
        self._shape: Shape | None = None
        self._conditions: list[Condition] = []

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass, or the first condition that does not hold; it never abstains."""
        if shape is not self._shape:
            self._bind(shape)
        value = row.value
        for condition in self._conditions:
            verdict = condition(value)
            if verdict is not None:
                return verdict
        return PASS

    def _bind(self, shape: Shape) -> None:
        """Read `prompt` and `response` as the rows' own shape has them."""
        self._conditions = []
        for number, rule, tests in self._rules:
            if tests:
                name = rule.get("field", "response")
                self._conditions.append(_on_text(number, name, _reader(name, shape), tests))
            if names := rule.get("required"):
                self._conditions.append(_required(number, names, shape))
        self._shape = shape


def _reader(name: str, shape: Shape) -> Reader:
    views = {"prompt": shape.prompt, "response": shape.response}
    return views.get(name) or field(name)


def _tests(where: str, number: int, rule: dict[str, Any], timeout: float) -> list[Test]:
    """Return the tests of one rule on the text of its field."""
    tests = []
    for key, limit in rule.items():
        evidence = {"rule": number, "field": rule.get("field", "response"), "limit": limit}
        failed = Verdict("fail", key, evidence)
        if key in ("matches", "forbids"):
            pattern = _pattern(f"{where}: {key}", limit)
            tests.append(_search(failed, pattern, timeout, wanted=key == "matches"))
        elif key in _COUNTS:
            tests.append(_COUNTS[key](failed, limit))
    return tests


_SHORT = 4000  # characters
_ONE_REPEAT = re.compile(r"[^*+?{]*(?:[^)*+?{][*+])?[^*+?{]*")


def _is_tame(pattern: str) -> bool:
    """Tell whether a pattern takes at most about n * n steps on a text of n characters.

    Such are those with one repetition at most, not of a group, one group at most and nothing that
    refers back. On a short text they need no watch, and watching costs more than searching.
    """
    body = pattern.removeprefix("(?i)")
    refers = re.search(r"\\[1-9g]", body)
    return body.count("(") <= 1 and not refers and _ONE_REPEAT.fullmatch(body) is not None


def _search(failed: Verdict, pattern: Any, timeout: float, *, wanted: bool) -> Test:
    search = pattern.search
    short = _SHORT if _is_tame(pattern.pattern) else 0

    def test(text: str) -> Verdict | None:
        if len(text) <= short:
            return None if (search(text) is not None) is wanted else failed
        try:
            found = search(text, timeout=timeout) is not None
        except TimeoutError:
            return TIMEOUT
        return None if found is wanted else failed

    return test


# Words are counted only as far as the limit, so that a long text costs no more than it must.
_COUNTS: dict[str, Callable[[Verdict, int], Test]] = {
    "min_chars": lambda bad, n: lambda text: bad if len(text.strip()) < n else None,
    "max_chars": lambda bad, n: lambda text: bad if len(text.strip()) > n else None,
    "min_words": lambda bad, n: lambda text: bad if len(text.split(None, n)) < n else None,
    "max_words": lambda bad, n: lambda text: bad if len(text.split(None, n)) > n else None,
}


def _on_text(number: int, name: str, read: Reader, tests: list[Test]) -> Condition:
    """Return the condition that the text of a field is there and passes the tests."""
    missing = Verdict("fail", "no_text", {"rule": number, "field": name})

    def condition(value: Value) -> Verdict | None:
        text = read(value)
        if text is None:
            return missing
        for test in tests:
            verdict = test(text)
            if verdict is not None:
                return verdict
        return None

    return condition


def _required(number: int, names: list[str], shape: Shape) -> Condition:
    """Return the condition that fields are there and not blank."""
    views = {"prompt": shape.prompt, "response": shape.response}

    def condition(value: Value) -> Verdict | None:
        for name in names:
            held = views[name](value) if name in views else dig(value, name)
            if held is None or held in ([], {}) or (type(held) is str and not held.strip()):
                return Verdict("fail", "required", {"rule": number, "field": name})
        return None

    return condition
