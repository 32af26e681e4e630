"""`label`: labels, or answers, for inputs that have none.

With `--attribute label=A|B|C` the answer must be one of these and nothing else; without it any
answer is taken. Whether the label is right is for another check to say: `human`, `judge`, `agree`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from synthgate.formats import PROMPTS, SHAPES, Shape
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, Brief, Strategy, rejected
from synthgate.strategies.axes import Axes, read_axes
from synthgate.strategies.bodies import extended, refuse_output, refuse_taken
from synthgate.text import normalise

_TEMPLATE = """\
{% if labels %}
Which of these labels fits the text below? Answer with the label alone, nothing else.

Labels: {{ labels | join(", ") }}
{% else %}
Give the right answer for the input below. Answer with the answer alone, nothing else.
{% endif %}

{{ text }}
"""
_QUOTES = " \t\n\"'`*.:"


class Label(Strategy):
    """Each unlabelled input gets `samples` labels, a candidate each."""

    name = "label"
    shapes = tuple(shape for shape in (*PROMPTS, *SHAPES) if shape.name != "messages")
    says = ("text", "prompt", "input", "instruction")
    templates: ClassVar[dict[str, str]] = {"label": _TEMPLATE}
    _shape: Shape

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._axes = read_axes(self.policy.attribute, brief.text)
        self._labels = {normalise(each): each for each in self._axes.get("label", ())}

    def refuse(self, rows: Iterable[Row], shape: Shape) -> None:  # noqa: ARG002 -- any text will do
        """Raise `UsageError` where an input has a label already."""
        refuse_output(self.policy.output_field)
        for row in rows:
            refuse_taken(row, (self.policy.output_field,))

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield one round of all inputs."""
        self._shape = shape
        yield self._asks(rows, shape)

    def _asks(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            text = shape.prompt(row.value) or shape.response(row.value) or ""
            labels = list(self._axes.get("label", ()))
            asked = self.messages(self.name, text=text, labels=labels) if text.strip() else ()
            for sample in range(self.policy.samples):
                yield Ask(asked, row, sample)

    def further(self, ask: Ask) -> int:  # noqa: ARG002 -- always the same
        """Return 0: no answer leads to a further prompt."""
        return 0

    def read(self, ask: Ask, text: str) -> Iterator[Decision]:
        """Yield the input with its label."""
        said: str | None = text.strip()
        if self._labels:
            said = self._labels.get(normalise(text.strip(_QUOTES)))
        if said is None:
            yield rejected(ask, "not_a_label", "the answer is none of the labels")
        else:
            content = (ask.row.payload, ask.row.value)
            yield Decision(self.made(ask, extended(content, {self.policy.output_field: said})))

    def axes(self) -> Axes:
        """Return the labels, so that the summary shows which of them came."""
        given = self._axes.get("label")
        return {self.policy.output_field: given} if given else {}
