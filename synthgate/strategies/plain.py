"""`plain`: every prompt as it is, as often as samples are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Decision, Row, Value
from synthgate.strategies import Ask, Outcome, Strategy
from synthgate.strategies.bodies import answered, conversation, needs_input, refuse_output


class Plain(Strategy):
    """Prompts times samples. The rows are the prompt rows with their answers."""

    name = "plain"
    _shape: Shape

    def refuse(self, rows: Iterable[Row], shape: Shape) -> None:
        """Raise `UsageError` for the first prompt whose answer would have no place in its row."""
        refuse_output(self.policy.output_field)
        for row in rows:
            self._refuse_row(row, shape)

    def _refuse_row(self, row: Row, shape: Shape) -> None:
        if why := _conflict(row.value, shape, self.policy.output_field):
            raise UsageError(f"{row.file}:{row.line}: {why}")

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield one round of all prompts: no answer leads to a further prompt."""
        self._shape = shape
        yield self._asks(rows, shape)

    def _asks(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            messages = conversation(row.value, shape, self.policy.system)
            for sample in range(self.policy.samples):
                yield Ask(messages, row, sample)

    def further(self, ask: Ask) -> int:  # noqa: ARG002 -- always the same
        """Return 0: no answer leads to a further prompt."""
        return 0

    def read(self, ask: Ask, text: str) -> Iterator[Outcome]:
        """Yield the prompt row with its answer."""
        content = answered(ask.row, self._shape, text, self.policy.output_field)
        yield Decision(self.made(ask, content))


def _conflict(value: Value, shape: Shape, output: str) -> str:
    if shape.name == "messages":
        turns = value.get("messages")
        last = turns[-1] if type(turns) is list and turns else None
        if type(last) is dict and last.get("role") == "assistant":
            return "the conversation ends with an answer already: drop its last turn"
        return ""
    if output in value:
        return f"the field {output!r} holds a value already: name another one with --output-field"
    if needs_input(value, shape) and "input" in value and value["input"] != shape.prompt(value):
        return (
            "the field 'input' holds another text than the prompt: "
            "rename it, or say where the prompt is with --prompt-field"
        )
    return ""
