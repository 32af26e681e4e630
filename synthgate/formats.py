"""The shapes of training data, and the views of a row that checks work on.

A shape is found by its keys on the first rows, which must agree; the row is never reshaped.
To add a shape, add one `Shape` to `SHAPES`, the more specific before the more general.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from synthgate.errors import InputError, UsageError
from synthgate.rows import Row, Value

Reader = Callable[[Value], str | None]
DETECT_ROWS = 100


@dataclass(frozen=True)
class Shape:
    """A named data set shape: the keys it is known by, and how its texts are read."""

    name: str
    keys: tuple[str, ...]
    prompt: Reader
    response: Reader
    with_response: Callable[[Value, str], Value]
    made_of: tuple[str, str, str] = ("", "", "")

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process makes the shape again from its name, or from the fields it is read by."""
        asks = any(self is shape for shape in PROMPTS)
        return _again, (self.name, *self.made_of, asks)

    def matches(self, value: Value) -> bool:
        """Tell whether a row has the keys that this shape is known by."""
        return all(key in value for key in self.keys)


def text_of(content: Any) -> str | None:
    """Return the text of a string, a chat message list or a list of content parts."""
    if type(content) is str:
        return content
    if type(content) is not list:
        return None
    texts = [_part_text(part) for part in content]
    found = [text for text in texts if text is not None]
    return "\n".join(found) if found else None


def _part_text(part: Any) -> str | None:
    if type(part) is str:
        return part
    if type(part) is dict:
        return text_of(part.get("text", part.get("content")))
    return None


def field(path: str) -> Reader:
    """Return a reader of one field, dotted for nested ones: `meta.answer`, `turns.0.text`."""
    names = path.split(".")
    if len(names) > 1:
        return lambda value: text_of(dig(value, path))

    def read(value: Value) -> str | None:
        content = value.get(path)
        return content if type(content) is str else text_of(content)

    return read


def dig(value: Any, path: str) -> Any:
    """Return what lies at a dotted path, None where there is nothing; a plain key wins."""
    if type(value) is dict and path in value:
        return value[path]
    for name in path.split("."):
        if type(value) is dict:
            value = value.get(name)
        elif type(value) is list and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _put(key: str) -> Callable[[Value, str], Value]:
    return lambda value, text: {**value, key: text}


def _alpaca_prompt(value: Value) -> str | None:
    instruction, context = text_of(value.get("instruction")), text_of(value.get("input"))
    if instruction and context and context != instruction:
        return f"{instruction}\n\n{context}"
    return instruction or context


def _turns(key: str, role: str, content: str, answering: tuple[str, ...]) -> tuple[Reader, Reader]:
    """Return (prompt, response) readers of a chat: the response is the last turn, if it answers."""

    def answered(turns: list[Any]) -> bool:
        return bool(turns) and type(turns[-1]) is dict and turns[-1].get(role) in answering

    def prompt(value: Value) -> str | None:
        turns = value.get(key)
        if type(turns) is not list:
            return None
        asked = turns[:-1] if answered(turns) else turns
        texts = [text_of(turn.get(content)) for turn in asked if type(turn) is dict]
        return "\n\n".join(text for text in texts if text) if texts else None

    def response(value: Value) -> str | None:
        turns = value.get(key)
        if type(turns) is not list or not answered(turns):
            return None
        return text_of(turns[-1].get(content))

    return prompt, response


def _answer_turn(key: str, content: str) -> Callable[[Value, str], Value]:
    """Return a copier that gives the last turn of a chat another text."""

    def put(value: Value, text: str) -> Value:
        turns = value.get(key)
        if type(turns) is not list or not turns or type(turns[-1]) is not dict:
            return value
        return {**value, key: [*turns[:-1], {**turns[-1], content: text}]}

    return put


def _nothing(_: Value) -> str | None:
    return None


_messages = _turns("messages", "role", "content", ("assistant",))
_sharegpt = _turns("conversations", "from", "value", ("gpt", "assistant", "function_call"))

SHAPES = (
    Shape("messages", ("messages",), *_messages, _answer_turn("messages", "content")),
    Shape("sharegpt", ("conversations",), *_sharegpt, _answer_turn("conversations", "value")),
    Shape("alpaca", ("instruction", "output"), _alpaca_prompt, field("output"), _put("output")),
    Shape("input/output", ("input", "output"), field("input"), field("output"), _put("output")),
    Shape(
        "prompt/completion",
        ("prompt", "completion"),
        field("prompt"),
        field("completion"),
        _put("completion"),
    ),
    Shape(
        "prompt/chosen/rejected",
        ("prompt", "chosen", "rejected"),
        field("prompt"),
        field("chosen"),
        _put("chosen"),
    ),
    Shape("prompt/output", ("prompt", "output"), field("prompt"), field("output"), _put("output")),
    Shape("text", ("text",), _nothing, field("text"), _put("text")),
)

PROMPTS = (
    Shape("messages", ("messages",), *_messages, _answer_turn("messages", "content")),
    Shape("prompt", ("prompt",), field("prompt"), _nothing, _put("output")),
    Shape("alpaca", ("instruction",), _alpaca_prompt, _nothing, _put("output")),
    Shape("input", ("input",), field("input"), _nothing, _put("output")),
)


EMPTY = Shape("none", (), _nothing, _nothing, lambda value, _: value)  # of no rows


def named(name: str, shapes: tuple[Shape, ...] = SHAPES) -> Shape:
    """Return the shape of that name, or refuse and list the known ones."""
    for shape in shapes:
        if shape.name == name:
            return shape
    known = ", ".join(shape.name for shape in shapes)
    raise UsageError(f"unknown format {name!r}: known are {known}")


def by_fields(base: Shape | None, prompt: str | None, response: str | None) -> Shape:
    """Return a shape whose texts are read from the named fields, else as in `base`."""
    return Shape(
        name="fields",
        keys=tuple(path.split(".")[0] for path in (prompt, response) if path),
        prompt=field(prompt) if prompt else base.prompt if base else _nothing,
        response=field(response) if response else base.response if base else _nothing,
        with_response=_put(response)
        if response
        else base.with_response
        if base
        else _put("output"),
        made_of=(base.name if base else "", prompt or "", response or ""),
    )


def _again(name: str, base: str, prompt: str, response: str, asks: bool) -> Shape:
    table = PROMPTS if asks else (*SHAPES, EMPTY)
    if name == "fields":
        return by_fields(named(base, SHAPES) if base else None, prompt or None, response or None)
    return named(name, table)


def detect(rows: Iterable[Row], shapes: tuple[Shape, ...] = SHAPES) -> tuple[Shape, int]:
    """Return the shape that the rows agree on and how many of them have it.

    Rows with none of the known shapes do not vote. Two shapes among the rows raise
    `UsageError` (nothing is guessed); no shape at all raises `InputError`.
    """
    votes: dict[str, int] = {}
    first: Row | None = None
    for row in rows:
        first = first or row
        shape = next((shape for shape in shapes if shape.matches(row.value)), None)
        if shape is not None:
            votes[shape.name] = votes.get(shape.name, 0) + 1
    if len(votes) > 1:
        found = ", ".join(f"{name} ({count})" for name, count in votes.items())
        raise UsageError(f"the rows do not agree on a format: {found}; choose one with --format")
    if not votes:
        keys = ", ".join(list(first.value)[:6]) if first and first.value else "none"
        where = f"{first.file}:{first.line}: " if first else ""
        raise InputError(
            f"{where}no known format: the keys are {keys}; "
            "name the text with --prompt-field and --response-field"
        )
    ((name, count),) = votes.items()
    return named(name, shapes), count
