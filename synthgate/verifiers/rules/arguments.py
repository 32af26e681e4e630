"""The arguments of an IFEval instruction, refused where they mean nothing or hold always."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Given = dict[str, Any]
_RELATIONS = ("less than", "at least")


class BadInstruction(Exception):
    """An unknown instruction, or arguments with which it means nothing or holds always."""


def whole(given: Given, name: str, least: int = 1) -> int:
    """Return a whole number that is at least so large."""
    value = given.get(name)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or value < least:
        raise BadInstruction(f"{name}: must be a whole number from {least} (got {value!r})")
    return value


def text_of(given: Given, name: str) -> str:
    """Return a text that is not blank, without white space around it."""
    value = given.get(name)
    if type(value) is not str or not value.strip():
        raise BadInstruction(f"{name}: must be a text (got {value!r})")
    return value.strip()


def texts_of(given: Given, name: str) -> list[str]:
    """Return a list of texts that is not empty."""
    value = given.get(name)
    if type(value) is not list or not value or not all(type(x) is str and x for x in value):
        raise BadInstruction(f"{name}: must be a list of texts (got {value!r})")
    return value


def related(given: Given, relation: str, number: str) -> Callable[[int], bool]:
    """Return the comparison that a relation and a number ask for."""
    asked = given.get(relation)
    if asked not in _RELATIONS:
        raise BadInstruction(f"{relation}: must be 'less than' or 'at least' (got {asked!r})")
    limit = whole(given, number)
    return (lambda count: count < limit) if asked == "less than" else lambda count: count >= limit
