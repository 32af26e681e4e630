"""`stand-in`: analogues of real rows that name nobody, for data that may not be trained on itself.

Real rows go into the prompts, so it needs `--send-real`, unless the model runs on this machine or
nothing is called. The rows' `source` is `stand-in` (or `stand-in:NAME` with `--source NAME`): by
that `blend` knows them, and refuses those whose `verified_by` holds no `leak` check. An analogue
is no proof of privacy; the check finds what was copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from synthgate.formats import PROMPTS, SHAPES, Shape
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, Strategy, rejected
from synthgate.strategies.bodies import own
from synthgate.strategies.reading import first

SOURCE = "stand-in"
_TEMPLATE = """\
Below is a real example that must not be copied. Write a new example of the same kind and \
difficulty about other people, places, dates, numbers and things. Take over no name, no number and \
no phrase of more than three words.

{% if prompt %}
<input>{{ prompt }}</input>
{% endif %}
{% if response %}
<output>{{ response }}</output>
{% endif %}

Write the new example between the same tags.
"""


class StandIn(Strategy):
    """`samples` analogues for each real row."""

    name = "stand-in"
    shapes = (*SHAPES, *PROMPTS)
    says = ("input", "text")
    templates: ClassVar[dict[str, str]] = {"stand-in": _TEMPLATE}
    sends_real = True

    @property
    def source(self) -> str:
        """What the rows are known by."""
        named = self.brief.origin.source
        return SOURCE if named in ("", "synthetic") else f"{SOURCE}:{named}"

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield one round of all rows."""
        yield self._asks(rows, shape)

    def _asks(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            prompt, response = shape.prompt(row.value) or "", shape.response(row.value) or ""
            some = prompt.strip() or response.strip()
            asked = self.messages(self.name, prompt=prompt, response=response) if some else ()
            for sample in range(self.policy.samples):
                yield Ask(asked, row, sample, state=(bool(prompt), bool(response)))

    def further(self, ask: Ask) -> int:  # noqa: ARG002 -- always the same
        """Return 0: no answer leads to a further prompt."""
        return 0

    def read(self, ask: Ask, text: str) -> Iterator[Decision]:
        """Yield the analogue, where it has all parts of the real row."""
        asks, answers = ask.state
        prompt, response = first(text, "input"), first(text, "output")
        if (asks and not prompt) or (answers and not response):
            yield rejected(ask, "unparsed", "the answer holds no example between the tags")
            return
        parts = {"input": prompt} if asks else {}
        parts |= {"output": response} if answers else {}
        yield Decision(self.made(ask, own({"text": response} if not asks else parts)))
