"""The shape of the rows of a run: named by the user, or found by the keys of the first rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthgate.errors import InputError
from synthgate.formats import SHAPES, Shape, by_fields, detect, field, named
from synthgate.rows import Row


def find_shape(
    head: list[Row], shapes: tuple[Shape, ...], options: Mapping[str, Any]
) -> tuple[Shape, str]:
    """Return the shape of the first rows and how it was found, in words.

    `options` may hold `format`, `prompt_field` and `response_field`. Raises `UsageError` where
    two shapes are possible, `InputError` where no row has a text.
    """
    prompt, response = options.get("prompt_field", ""), options.get("response_field", "")
    base, count = None, len(head)
    if options.get("format"):
        base = named(options["format"], shapes)
    elif not prompt or (not response and shapes is SHAPES):
        base, count = _detected(head, shapes, bool(prompt or response))
    for each in filter(None, (prompt, response)):
        if all(field(each)(row.value) is None for row in head):
            raise _textless(head, each)
    shape = by_fields(base, prompt or None, response or None) if prompt or response else base
    if shape is None or not any(_has_text(shape, row) for row in head):
        raise _textless(head, shape.name if shape else options.get("format", ""))
    how = "auto" if base and not options.get("format") else "named"
    if how == "named" or prompt or response:
        count = sum(_has_named(row, base, prompt, response) for row in head)
    return shape, f"{shape.name} ({how}; {count}/{len(head)} rows)"


def _has_named(row: Row, base: Shape | None, prompt: str, response: str) -> bool:
    """Tell whether a row has what was named: the keys of a format, a text in each field."""
    fields = (field(path)(row.value) is not None for path in (prompt, response) if path)
    return all(fields) and (base is None or base.matches(row.value))


def reference_shape(head: list[Row], options: Mapping[str, Any]) -> tuple[Shape, str]:
    """Return the shape of rows that are only consulted and how it was found, "" if on its own.

    Fields that were named are those of the command's own rows, which these may not have.
    """
    try:
        return find_shape(head, SHAPES, options)
    except InputError:
        return detect(head)[0], ""


def _textless(head: list[Row], where: str) -> InputError:
    return InputError(f"{head[0].file}:{head[0].line}: no row has text in {where!r}")


def _detected(
    head: list[Row], shapes: tuple[Shape, ...], named_one: bool
) -> tuple[Shape | None, int]:
    try:
        return detect(head, shapes)
    except InputError:
        if named_one:
            return None, len(head)
        raise


def _has_text(shape: Shape, row: Row) -> bool:
    """Tell whether a row has a text, an empty one included: what is empty is rejected later."""
    return shape.prompt(row.value) is not None or shape.response(row.value) is not None
