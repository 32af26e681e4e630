"""The bytes of new rows: a seed row that goes on with more fields, or a row of its own."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.generators import Message
from synthgate.provenance import attach, extend
from synthgate.rows import OURS, REJECT, Row, Value

Content = tuple[bytes, Value]


def own(fields: Value) -> Content:
    """Return a row of its own."""
    return orjson.dumps(fields), fields


def extended(content: Content, fields: Value) -> Content:
    """Return a row with more last keys; no byte before them changes."""
    payload, value = content
    for key, each in fields.items():
        payload = attach(payload, orjson.dumps(key)[1:-1].decode(), orjson.dumps(each))
    return payload, {**value, **fields}


def answered(row: Row, shape: Shape, text: str, output: str, asked: str = "") -> Content:
    """Return the prompt row with its answer; `asked` is the prompt where it is not the row's."""
    if shape.name == "messages":
        turn = {"role": "assistant", "content": text}
        return (
            extend(row.payload, "messages", orjson.dumps(turn)),
            {**row.value, "messages": [*row.value["messages"], turn]},
        )
    added = {output: text}
    if needs_input(row.value, shape) and "input" not in row.value:
        added = {"input": asked or shape.prompt(row.value) or "", output: text}
    return extended((row.payload, row.value), added)


def needs_input(value: Value, shape: Shape) -> bool:
    """Tell whether `input` is ours to fill, and not where the prompt was read from."""
    if shape.name == "alpaca":
        return "input" not in value
    return "input" not in shape.keys and shape.name != "messages"


def refuse_output(output: str) -> None:
    """Raise `UsageError` where `--output-field` names a field that cannot hold an answer."""
    if output in ("", "input", OURS, REJECT):
        raise UsageError(f"--output-field: {output!r} cannot hold the answer")


def refuse_taken(row: Row, names: Iterable[str]) -> None:
    """Raise `UsageError` where a row has one of the fields that are to be added to it."""
    for name in names:
        if name in row.value:
            raise UsageError(
                f"{row.file}:{row.line}: the field {name!r} holds a value already: rename it"
            )


def conversation(value: Value, shape: Shape, system: str = "") -> tuple[Message, ...]:
    """Return the messages that a prompt row asks with; none if it holds no text to ask.

    A prompt that is a conversation is sent turn by turn, any other one as one user message.
    """
    text = shape.prompt(value)
    if text is None or not text.strip():
        return ()
    turns = value.get(shape.keys[0])
    if type(turns) is not list or not all(_is_turn(turn) for turn in turns):
        turns = [{"role": "user", "content": text}] if shape.name != "messages" else []
    opening = [{"role": "system", "content": system}] if system and turns else []
    return (*opening, *turns)


def _is_turn(turn: object) -> bool:
    return type(turn) is dict and type(turn.get("role")) is str and "content" in turn
