"""`schema`: many surfaces for one JSON target, such as an invoice in ten layouts.

Each target is written as a document in a drawn layout, and the document is read back by the model:
the row asks for the JSON, its answer is what was read, and the target stays as the gold. `gold` is
the target as a JSON schema, so that `verify --check schema:@gold` passes only a reading that says
exactly what the target says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import orjson

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Decision, Row, Value
from synthgate.strategies import Ask, Brief, Outcome, Strategy, blocks
from synthgate.strategies.axes import Axes, draw, read_axes
from synthgate.strategies.bodies import extended, refuse_taken

LAYOUTS = (
    "a formal letter", "a short e-mail", "a plain table", "a list with one line for each item",
    "a scanned form with field names in capitals", "running text without any list",
    "a chat message", "a printed receipt", "Markdown with headings",
    "an old typewritten page with abbreviations",
)  # fmt: skip
_DOCUMENT = """\
Write {{ attributes.layout }} that says exactly what this JSON says: every value, none changed, \
nothing else of weight. Do not show JSON.
{% for name, value in attributes.items() %}
{% if name != "layout" %}
- {{ name | replace("_", " ") }}: {{ value }}
{% endif %}
{% endfor %}

{{ target }}
"""
_READ = """\
Read the document and return its content as one JSON object with the keys {{ keys | join(", ") }}. \
Return the JSON alone.

{{ document }}
"""
_ADDED = ("input", "output", "gold")


def _target(value: Value) -> str | None:
    target = value.get("target")
    return orjson.dumps(target).decode() if type(target) is dict and target else None


def _put(value: Value, text: str) -> Value:
    return {**value, "output": text}


class Schema(Strategy):
    """Each row holds a `target` object; its samples are layouts of it."""

    name = "schema"
    shapes = (Shape("target", ("target",), _target, lambda _: None, _put),)
    says = ("input",)
    templates: ClassVar[dict[str, str]] = {"schema": _DOCUMENT, "schema-read": _READ}

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._axes = {"layout": LAYOUTS} | read_axes(self.policy.attribute, brief.text)
        if taken := sorted({*_ADDED, "target"} & set(self._axes)):
            raise UsageError(f"the attribute {taken[0]!r} has the name of another field")

    def axes(self) -> Axes:
        """Return the layouts and what else varies the surface."""
        return self._axes

    def refuse(self, rows: Iterable[Row], shape: Shape) -> None:  # noqa: ARG002 -- one shape
        """Raise `UsageError` where a field that is added is taken."""
        for row in rows:
            refuse_taken(row, (*_ADDED, *self._axes))

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield the documents of some hundred targets at a time."""
        yield from blocks(self._documents(rows, shape))

    def _documents(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            target = shape.prompt(row.value)
            for sample in range(self.policy.samples):
                drawn = draw(self._axes, self.brief.seed, row.id, sample)
                asked = self.messages("schema", attributes=drawn, target=target) if target else ()
                yield Ask(asked, row, sample, step="document", state=(drawn, ""))

    def further(self, ask: Ask) -> int:
        """Return how many calls follow: a document is read back."""
        return int(ask.step == "document")

    def read(self, ask: Ask, text: str) -> Iterator[Outcome]:
        """Yield the question what the document says, then the row with what was read."""
        drawn, question = ask.state
        target: dict[str, Any] = ask.row.value["target"]
        if ask.step == "document":
            asked = self.messages("schema-read", keys=list(target), document=text.strip())
            state = (drawn, asked[-1]["content"])
            yield Ask(asked, ask.row, ask.sample, step="read", state=state)
        else:
            added = {"input": question, "output": text, "gold": {"const": target}, **drawn}
            content = (ask.row.payload, ask.row.value)
            yield Decision(self.made(ask, extended(content, added)))
