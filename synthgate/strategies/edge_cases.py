"""`edge-cases`: the rows that a generator does not write by itself, for named slices.

Rare cases, negative ones, requests that cannot be answered or must be refused. The row's `needs` is
`human`: `audit gate` and `blend` release it only with a passing human verdict on its own id,
because no check of form can tell whether a refusal was right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, Brief, Outcome, Strategy, blocks
from synthgate.strategies.axes import Axes, draw, read_axes
from synthgate.strategies.bodies import own

KINDS = {
    "rare": "an unusual but valid case that such requests hardly ever contain",
    "negative": "a case where the obvious answer is wrong, or where the answer is no or nothing",
    "unanswerable": "a request that cannot be answered with what is known or given",
    "refusal": "a request that must be declined, as harmful, private or against the rules",
}
_ANSWERS = {
    "rare": "Answer it correctly.",
    "negative": "Answer it correctly; say plainly where the answer is no, nothing or not so.",
    "unanswerable": "Say that it cannot be answered and what is missing. Do not guess.",
    "refusal": "Decline it in one or two polite sentences, with the reason and without a lecture.",
}
_ASK = """\
The task: {{ prompt }}

Write one request from a user of this task: {{ what }}.
{% for name, value in slices.items() %}
- {{ name | replace("_", " ") }}: {{ value }}
{% endfor %}
Write the request alone, as the user would write it.
"""
_ANSWER = """\
The task: {{ prompt }}

A user writes:
{{ request }}

{{ how }} Write the reply alone.
"""


class EdgeCases(Strategy):
    """Each prompt describes a task; its samples are spread over the kinds and the slices."""

    name = "edge-cases"
    says = ("input",)
    templates: ClassVar[dict[str, str]] = {"edge-cases": _ASK, "edge-cases-answer": _ANSWER}

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self._axes = {"edge_case": tuple(KINDS)} | read_axes(self.policy.attribute, brief.text)
        if unknown := sorted(set(self._axes["edge_case"]) - set(KINDS)):
            raise UsageError(f"edge_case {unknown[0]!r}: known are {', '.join(KINDS)}")
        if taken := sorted({"input", "output"} & set(self._axes)):
            raise UsageError(f"the attribute {taken[0]!r} has the name of another field")

    def axes(self) -> Axes:
        """Return the kinds and the slices."""
        return self._axes

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield the requests of some hundred rows at a time."""
        yield from blocks(self._requests(rows, shape))

    def _requests(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            prompt = (shape.prompt(row.value) or "").strip()
            for sample in range(self.policy.samples):
                drawn = draw(self._axes, self.brief.seed, row.id, sample)
                slices = {name: value for name, value in drawn.items() if name != "edge_case"}
                values = {"prompt": prompt, "what": KINDS[drawn["edge_case"]], "slices": slices}
                asked = self.messages("edge-cases", **values) if prompt else ()
                yield Ask(asked, row, sample, step="request", state=(prompt, drawn, ""))

    def further(self, ask: Ask) -> int:
        """Return how many calls follow: a request is answered."""
        return int(ask.step == "request")

    def read(self, ask: Ask, text: str) -> Iterator[Outcome]:
        """Yield the question for the reply, then the row, which waits for a person."""
        prompt, drawn, request = ask.state
        if ask.step == "request":
            values = {"prompt": prompt, "request": text.strip()}
            asked = self.messages("edge-cases-answer", how=_ANSWERS[drawn["edge_case"]], **values)
            state = (prompt, drawn, text.strip())
            yield Ask(asked, ask.row, ask.sample, step="reply", state=state)
        else:
            fields = {"input": request, "output": text, **drawn}
            yield Decision(self.made(ask, own(fields), needs="human"))
