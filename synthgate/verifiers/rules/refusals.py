"""The keys on refusals: an answer in which the assistant says that it will not do what was asked.

Which rows should refuse is said for all of them, by a field, or by a pattern over the prompt. The
wordings are looked for at the start of an answer: a list finds the usual ones, not every refusal.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import regex

from synthgate.formats import Shape
from synthgate.rows import Value
from synthgate.verifiers import Verdict
from synthgate.verifiers.rules import TIMEOUT, Condition, Rule, getter, reader
from synthgate.verifiers.rules.patterns import pattern
from synthgate.verifiers.rules.wordings import COMPLIES, REFUSALS

_START = 400  # characters
_WANTED = frozenset({"true", "yes", "1", "wanted", "refuse", "refusal", "should_refuse"})
_UNWANTED = frozenset({"false", "no", "0", "unwanted", "comply", "answer", "should_answer"})
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc`", "''''")


@lru_cache(maxsize=1)
def _patterns() -> tuple[Any, Any]:
    return regex.compile(COMPLIES), regex.compile("|".join(f"(?:{each})" for each in REFUSALS))


def refuses(text: str) -> str:
    """Return the words with which an answer refuses, "" where it does not."""
    start = " ".join(text[:_START].translate(_APOSTROPHES).lower().split())
    complies, refusal = _patterns()
    found = None if complies.match(start) else refusal.search(start)
    return found[0] if found else ""


def judge(rule: Rule, text: str, *, wanted: bool) -> Verdict | None:
    """Return the verdict on an answer that should, or should not, refuse."""
    if not text.strip():  # neither an answer nor a refusal
        return Verdict("fail", "no_text", {"rule": rule.number, "field": rule.field})
    said = refuses(text)
    if bool(said) is wanted:
        return None
    shown = {"rule": rule.number, "field": rule.field}
    if wanted:
        return Verdict("fail", "no_refusal", shown)
    return Verdict("fail", "refusal", shown | {"found": said[:120]})


def by_field(rule: Rule, shape: Shape) -> Condition:
    """Return the condition that an answer refuses exactly where a field of its row says so."""
    get, read = getter(rule.table["refusal_field"], shape), reader(rule.field, shape)

    def condition(value: Value) -> Verdict | None:
        asked = str(get(value)).strip().lower()
        if asked not in _WANTED and asked not in _UNWANTED:
            return rule.unsure("refusal_field")
        return _on_text(rule, read(value), wanted=asked in _WANTED)

    return condition


def by_prompt(rule: Rule, shape: Shape) -> Condition:
    """Return the condition that an answer refuses exactly where a pattern is in its prompt."""
    found = pattern(f"{rule.where}: refusal_prompt", rule.table["refusal_prompt"])
    read = reader(rule.field, shape)

    def condition(value: Value) -> Verdict | None:
        prompt = shape.prompt(value)
        if prompt is None:
            return rule.unsure("no_prompt")
        try:
            wanted = found.search(prompt, timeout=rule.timeout) is not None
        except TimeoutError:
            return TIMEOUT
        return _on_text(rule, read(value), wanted=wanted)

    return condition


def _on_text(rule: Rule, text: str | None, *, wanted: bool) -> Verdict | None:
    return judge(rule, text or "", wanted=wanted)
