"""`verbalized`: several candidates in one call, each with the probability that the model gives it.

Verbalized Sampling (arXiv 2510.01171): a model that is asked for a distribution shows more of it
than one that is asked again and again for its most typical answer. The probability is what the
model says; it is kept in the field `probability` and vouches for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import ClassVar

from synthgate.formats import Shape, text_of
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, rejected
from synthgate.strategies.bodies import answered, conversation, extended, refuse_taken
from synthgate.strategies.plain import Plain
from synthgate.strategies.reading import first, tagged

_TEMPLATE = """\
{{ prompt }}

Give {{ count }} different responses to this, sampled at random from the full distribution of \
possible responses, unlikely ones included. Write each of them as:
<response><text>the response alone</text><probability>0.05</probability></response>
"""


class Verbalized(Plain):
    """`samples` candidates for each prompt, `per-call` of them in one call."""

    name = "verbalized"
    templates: ClassVar[dict[str, str]] = {"verbalized": _TEMPLATE}

    def _refuse_row(self, row: Row, shape: Shape) -> None:
        super()._refuse_row(row, shape)
        refuse_taken(row, ("probability",))

    def _asks(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        most = self.policy.per_call
        for row in rows:
            turns = conversation(row.value, shape, self.policy.system)
            for call, begin in enumerate(range(0, self.policy.samples, most)):
                count = min(most, self.policy.samples - begin)
                asked = turns
                if turns:
                    last = text_of(turns[-1].get("content")) or ""
                    text = self.texts.render(self.name, {"prompt": last, "count": count})
                    asked = (*turns[:-1], {**turns[-1], "content": text})
                yield Ask(asked, row, call, worth=count)

    def read(self, ask: Ask, text: str) -> Iterator[Decision]:
        """Yield a row for each response that is whole, and a reject for each that is missing."""
        given, seen = list(tagged(text, "response"))[: ask.worth], set()
        for each in given:
            said, probability = first(each, "text"), _probability(first(each, "probability"))
            if not said or probability is None:
                yield rejected(ask, "unparsed", "a response without text or probability")
            elif said in seen:
                yield rejected(ask, "repeated", "the same response twice in one answer")
            else:
                seen.add(said)
                content = answered(ask.row, self._shape, said, self.policy.output_field)
                yield Decision(self.made(ask, extended(content, {"probability": probability})))
        for _ in range(ask.worth - len(given)):
            yield rejected(ask, "missing", f"the answer held {len(given)} of {ask.worth} responses")


def _probability(text: str) -> float | None:
    """Return a probability written as .05 or 5 %, None for anything else."""
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= 1 else None
