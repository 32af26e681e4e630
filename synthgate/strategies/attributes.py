"""`attributes`: prompts that also ask for values of named attributes, each kept as a slice.

The default as soon as an attribute is named. Personas are an axis like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from synthgate.errors import UsageError
from synthgate.formats import Shape, text_of
from synthgate.generators import Message
from synthgate.rows import OURS, REJECT, Decision, Row, lot
from synthgate.strategies import Ask, Brief
from synthgate.strategies.axes import Axes, draw, pick, read_axes, row_axes
from synthgate.strategies.bodies import answered, conversation, extended, refuse_taken
from synthgate.strategies.plain import Plain

_TEMPLATE = """\
{% macro list(mark) %}
{% for name, value in attributes.items() %}
{{ mark }}{{ name | replace("_", " ") }}: {{ value }}
{% endfor %}
{% endmacro %}
{% if form == 0 %}
{{ prompt }}

Requirements:
{{ list("- ") }}
{% elif form == 1 %}
For the answer to what follows:
{{ list("- ") }}
{{ prompt }}
{% elif form == 2 %}
{{ prompt }}

Let the{% for name, value in attributes.items() %}
 {{ name | replace("_", " ") }} be {{ value }}{{ "." if loop.last else ", the" }}
{%- endfor %}
{% else %}
{{ prompt }}

({% for name, value in attributes.items() %}
{{ name | replace("_", " ") }}: {{ value }}{{ "" if loop.last else "; " }}
{%- endfor %})
{% endif %}
"""
_FORMS = ("0", "1", "2", "3")  # ways to say the same: what never changes is what models repeat
_RESERVED = ("attributes", OURS, REJECT)


class Attributes(Plain):
    """Each sample of a prompt gets one value of every axis, stratified."""

    name = "attributes"
    templates: ClassVar[dict[str, str]] = {"attributes": _TEMPLATE}

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._axes = self._named()
        self._met: dict[str, dict[str, None]] = {n: dict.fromkeys(v) for n, v in self._axes.items()}

    def _named(self) -> Axes:
        return read_axes(self.policy.attribute, self.brief.text)

    def refuse(self, rows: Iterable[Row], shape: Shape) -> None:
        """Raise `UsageError` for an attribute that is wrong, or whose field is taken."""
        super().refuse(rows, shape)
        if not self._met:
            raise UsageError(
                f"{self.name} needs attributes: --attribute 'tone=calm|angry', or a field "
                '"attributes": {"tone": ["calm", "angry"]} in the prompt rows'
            )

    def _refuse_row(self, row: Row, shape: Shape) -> None:
        super()._refuse_row(row, shape)
        for name, values in self._axes_of(row).items():
            self._met.setdefault(name, {}).update(dict.fromkeys(values))
            if name in (*shape.keys, "input", self.policy.output_field, *_RESERVED):
                raise UsageError(f"the attribute {name!r} has the name of another field")
            if row.value.get(name) not in values:
                refuse_taken(row, (name,))

    def axes(self) -> Axes:
        """Return the axes with all values that were named."""
        return {name: tuple(values) for name, values in self._met.items()}

    def _axes_of(self, row: Row) -> Axes:
        """Return the axes of a row; one whose field it has already has that value alone."""
        axes = self._axes | row_axes(row)
        fixed = {name: (row.value[name],) for name in axes if row.value.get(name) in axes[name]}
        return axes | fixed

    def _asks(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            axes = self._axes_of(row)
            turns = conversation(row.value, shape, self.policy.system)
            for sample in range(self.policy.samples):
                drawn = draw(axes, self.brief.seed, row.id, sample)
                told = self._told(drawn, row.id, sample)
                yield Ask(self._attributed(turns, told), row, sample, state=drawn)

    def _told(self, drawn: dict[str, str], row_id: str, sample: int) -> dict[str, Any]:
        """Return what the template tells: the values in a drawn order, and a form to say them in.

        Whatever is the same in every prompt, models repeat.
        """
        seed = f"{self.brief.seed}\ntold"
        names = sorted(drawn, key=lambda name: lot(f"{seed}\n{row_id}\n{sample}", name))
        form = int(pick(_FORMS, seed, row_id, sample))
        return {"attributes": {name: drawn[name] for name in names}, "form": form}

    def _attributed(self, turns: tuple[Message, ...], told: dict[str, Any]) -> tuple[Message, ...]:
        """Return a conversation whose last turn also asks for the drawn values."""
        if not turns or not told["attributes"]:
            return turns
        last = text_of(turns[-1].get("content")) or ""
        text = self.texts.render(self.name, {"prompt": last, **told})
        return (*turns[:-1], {**turns[-1], "content": text})

    def read(self, ask: Ask, text: str) -> Iterator[Decision]:
        """Yield the prompt row with its answer and the drawn values as fields."""
        asked = text_of(ask.messages[-1].get("content")) or ""
        content = answered(ask.row, self._shape, text, self.policy.output_field, asked)
        new = {name: value for name, value in ask.state.items() if name not in ask.row.value}
        yield Decision(self.made(ask, extended(content, new)))
