"""What a row says: its prompt and response, and the fields by which rows fall into slices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from synthgate.formats import SHAPES, by_fields, dig, named
from synthgate.near.kin import texts_of
from synthgate.rows import Value

LABELS = (
    "label", "intent", "category", "class", "topic", "subject", "task", "type", "domain",
    "language", "lang", "difficulty", "level",
)  # fmt: skip
NONE = "(none)"
LONGEST = 200  # characters of a value
Texts = Callable[[Value], tuple[str, str]]


def reader(options: Mapping[str, Any]) -> Texts:
    """Return what reads (prompt, response) of a row, "" for one that it has not.

    `options` may hold `format`, `prompt_field` and `response_field`; else each row is read by its
    own shape, since real and synthetic rows of a mix may differ.
    """
    prompt, response = options.get("prompt_field", ""), options.get("response_field", "")
    base = named(options["format"], SHAPES) if options.get("format") else None
    if not (base or prompt or response):
        return _by_its_shape
    shape = by_fields(base, prompt or None, response or None) if prompt or response else base

    def read(value: Value) -> tuple[str, str]:
        return (shape.prompt(value) or "", shape.response(value) or "") if shape else ("", "")

    return read


def _by_its_shape(value: Value) -> tuple[str, str]:
    prompt, response = texts_of(value)
    return prompt or "", response or ""


def value_of(value: Value, name: str) -> str | None:
    """Return what a row has in a field as the name of its slice, None where it has nothing.

    The same text as `audit draw` tells slices apart by.
    """
    found = dig(value, name)
    return None if found is None else str(found)[:LONGEST]


class Fields:
    """The fields that make slices: those that were asked for, and the usual ones that are there."""

    def __init__(self, asked: Collection[str]) -> None:
        self.asked = tuple(dict.fromkeys(asked))
        self._names = tuple(dict.fromkeys((*asked, *LABELS)))
        self.seen: set[str] = set()

    def of(self, value: Value) -> list[tuple[str, str]]:
        """Return (field, value) for each of the fields that a row has."""
        found = []
        for name in self._names:
            if name in value or (name in self.asked and "." in name):
                text = _scalar(value, name, asked=name in self.asked)
                if text is not None:
                    self.seen.add(name)
                    found.append((name, text))
        return found


def _scalar(value: Value, name: str, *, asked: bool) -> str | None:
    """Return the value of a field; texts and lists are no slices unless they were asked for."""
    found = value.get(name)
    if not asked and (isinstance(found, dict | list) or len(str(found)) > LONGEST):
        return None
    return value_of(value, name)
