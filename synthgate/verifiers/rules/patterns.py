"""Patterns of users, and patterns over hostile texts: both run under a time limit."""

from __future__ import annotations

import re
from typing import Any

import regex

from synthgate.errors import UsageError
from synthgate.verifiers import Verdict
from synthgate.verifiers.rules import TIMEOUT, Test

_SHORT = 4000  # characters
_ONE_REPEAT = re.compile(r"[^*+?{]*(?:[^)*+?{][*+])?[^*+?{]*")
_PROBES = ("", " ", "\n", "a", "Z", "0", "-", "\u00e9", "\u3042", "synthgate: 1 probe.\n\nA b?")


def pattern(where: str, text: str) -> Any:
    """Return a compiled pattern, or raise `UsageError`."""
    try:
        return regex.compile(text)
    except (regex.error, RecursionError, OverflowError) as error:
        raise UsageError(f"{where}: is no pattern: {error}") from None


def finds_all(found: Any) -> bool:
    """Tell whether a pattern is found in every text, as `.*` and the empty one are."""
    try:
        return all(found.search(probe, timeout=1.0) is not None for probe in _PROBES)
    except TimeoutError:
        return False


def is_tame(text: str) -> bool:
    """Tell whether a pattern takes at most about n * n steps on a text of n characters.

    Such are those with one repetition at most, not of a group, one group at most and nothing that
    refers back. On a short text they need no watch, and watching costs more than searching.
    """
    body = text.removeprefix("(?i)")
    refers = re.search(r"\\[1-9g]", body)
    return body.count("(") <= 1 and not refers and _ONE_REPEAT.fullmatch(body) is not None


def search(failed: Verdict, found: Any, timeout: float, *, wanted: bool) -> Test:
    """Return the test that a pattern is, or is not, found in a text."""
    look = found.search
    short = _SHORT if is_tame(found.pattern) else 0

    def test(text: str) -> Verdict | None:
        if len(text) <= short:
            return None if (look(text) is not None) is wanted else failed
        try:
            seen = look(text, timeout=timeout) is not None
        except TimeoutError:
            return TIMEOUT
        return None if seen is wanted else failed

    return test
