"""A file of rules, refused where a key is unknown, a value is wrong or nothing can fail."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from typing import Any

import jiter

from synthgate.errors import UsageError
from synthgate.registry import unknown
from synthgate.verifiers.rules.patterns import finds_all, pattern

_SCALAR = (str, int, float, bool)
_BESIDE = {"field": (), "kwargs": ("ifeval",), "tolerance": ("relation",)}
_REFUSALS = ("refusal", "refusal_field", "refusal_prompt")


def read(path: str, text: str) -> list[dict[str, Any]]:
    """Return the rules of a file, or raise `UsageError` with the file, the rule and the key."""
    rules = _parse(path, text)
    for number, rule in enumerate(rules, 1):
        where = f"{path}: rule {number}"
        _refuse(where, rule)
        _refuse_idle(where, rule)
    return rules


def _parse(path: str, text: str) -> list[Any]:
    """Return the rules of a file: a JSON list, or the list `rule` of a TOML or JSON table."""
    read_as = _READERS.get(path.rpartition(".")[2].lower())
    if read_as is None:
        raise UsageError(f"{path}: a file of rules is .toml or .json")
    try:
        document = read_as(text)
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


# --- what each key may hold -----------------------------------------------------------------


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_names(value: Any) -> bool:
    return type(value) is list and all(type(name) is str and name.strip() for name in value)


def _is_scalars(value: Any) -> bool:
    return type(value) is list and all(type(item) in _SCALAR for item in value)


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_codes(value: Any) -> bool:
    return (type(value) is str and value != "") or (_is_names(value) and bool(value))


_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "count": (_is_count, "a whole number"),
    "number": (_is_number, "a number"),
    "tolerance": (lambda value: _is_number(value) and value >= 0, "a number that is not negative"),
    "text": (_is_text, "a string"),
    "names": (_is_names, "a list of field names"),
    "words": (_is_names, "a list of words"),
    "scalar": (lambda value: type(value) in _SCALAR, "a string, a number, true or false"),
    "scalars": (_is_scalars, "a list of strings, numbers, true or false"),
    "codes": (_is_codes, "a code of a language, or a list of them"),
    "wish": (lambda value: value in ("wanted", "unwanted"), "'wanted' or 'unwanted'"),
    "table": (lambda value: type(value) is dict, "a table"),
}
_LENGTHS = ("chars", "words", "sentences", "paragraphs", "lines")
KEYS: dict[str, str] = {
    "field": "text",
    **{f"{end}_{unit}": "count" for unit in _LENGTHS for end in ("min", "max")},
    "matches": "text", "forbids": "text", "require_words": "words", "forbid_words": "words",
    "required": "names", "equals": "scalar", "one_of": "scalars", "min": "number", "max": "number",
    "language": "codes", "relation": "text", "tolerance": "tolerance", "ifeval": "text",
    "kwargs": "table", "refusal": "wish", "refusal_field": "text", "refusal_prompt": "text",
}  # fmt: skip


def _refuse(where: str, rule: Any) -> None:
    """Refuse a rule with unknown keys, ill-typed values or no condition at all."""
    if not isinstance(rule, dict):
        raise UsageError(f"{where}: must be a table of keys and values")
    for key, value in rule.items():
        if key not in KEYS:
            raise UsageError(f"{where}: {unknown('key', key, list(KEYS))}")
        if KEYS[key] == "count" and type(value) is int and value < 0:
            raise UsageError(f"{where}: {key}: must not be negative (got {value})")
        fits, shown = _KINDS[KEYS[key]]
        if not fits(value):
            raise UsageError(f"{where}: {key}: must be {shown} (got {value!r})")
    if not rule.keys() - _BESIDE.keys():
        raise UsageError(f"{where}: has no condition")
    for key, (owner, *_) in ((key, owners) for key, owners in _BESIDE.items() if owners):
        if key in rule and owner not in rule:
            raise UsageError(f"{where}: {key}: goes with {owner}")
    if len([key for key in _REFUSALS if key in rule]) > 1:
        raise UsageError(f"{where}: one of {', '.join(_REFUSALS)}, not several")


# --- what can never fail ----------------------------------------------------------------------


def _refuse_idle(where: str, rule: dict[str, Any]) -> None:
    """Refuse a rule none of whose conditions can ever fail."""
    conditions = {key: value for key, value in rule.items() if key not in _BESIDE}
    if all(_is_idle(where, key, value) for key, value in conditions.items()):
        shown = ", ".join(f"{key} = {value!r}" for key, value in conditions.items())
        raise UsageError(f"{where}: can never fail: {shown}")


def _is_idle(where: str, key: str, value: Any) -> bool:
    """Tell whether a condition holds for every text or value."""
    if key == "matches":
        return finds_all(pattern(f"{where}: matches", value))
    if KEYS[key] == "count":
        return key.startswith("min") and value == 0
    return KEYS[key] in ("names", "words") and not value
