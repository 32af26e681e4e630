"""`critique`: draft, critique by a written principle, revise, for some rounds.

Constitutional AI (arXiv 2212.08073), supervised part: each round draws one principle. A revision is
a new candidate whose parents are the prompt and the version before it; that version is rejected as
`revised`, so that the rejects hold the whole line of descent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from synthgate.formats import Shape
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, Brief, Outcome, blocks
from synthgate.strategies.axes import pick
from synthgate.strategies.bodies import answered, conversation
from synthgate.strategies.plain import Plain

PRINCIPLES = (
    "It is correct: every fact, number and step can be checked and holds.",
    "It answers what was asked, all of it and nothing else.",
    "It says so plainly where it does not know or cannot tell.",
    "It is clear and short: no word that could go without loss.",
    "It does no harm and shows respect for every person.",
)
_CRITIQUE = """\
A principle for good answers: {{ principle }}

Question:
{{ prompt }}

Answer:
{{ draft }}

How does the answer fall short of the principle? Name the places. If nowhere, say so.
"""
_REVISE = """\
A principle for good answers: {{ principle }}

Question:
{{ prompt }}

Answer:
{{ draft }}

Critique:
{{ critique }}

Write the answer again so that it meets the critique. Give the new answer alone.
"""


@dataclass(frozen=True, slots=True)
class _Line:
    """Where the work on one sample stands."""

    draft: Row
    text: str
    round: int
    principle: str = ""


class Critique(Plain):
    """`rounds` rounds for each sample; the last version is kept."""

    name = "critique"
    templates: ClassVar[dict[str, str]] = {"critique": _CRITIQUE, "critique-revise": _REVISE}

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        path = self.policy.principles
        lines = brief.text(path, "principles").splitlines() if path else PRINCIPLES
        self._principles = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))

    def wanted(self, rows: int) -> int:
        """Return the drafts and the revisions: each of them is a candidate."""
        return super().wanted(rows) * (1 + self.policy.rounds)

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield the drafts of some hundred rows at a time."""
        self._shape = shape
        yield from blocks(self._drafts(rows, shape))

    def _drafts(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            messages = conversation(row.value, shape, self.policy.system)
            for sample in range(self.policy.samples):
                yield Ask(messages, row, sample, 1 + self.policy.rounds, "draft")

    def further(self, ask: Ask) -> int:
        """Return how many calls follow: two for each version that an ask is worth, but one."""
        done = {"draft": 0, "critique": 1, "critique-revise": 2}[ask.step]
        return 2 * (ask.worth - 1) - done

    def read(self, ask: Ask, text: str) -> Iterator[Outcome]:
        """Yield the next prompt of a line, and what became of the version that was revised."""
        if ask.step == "draft":
            draft = self.made(ask, self._content(ask, text))
            yield self._criticise(ask, _Line(draft, text, 0))
        elif ask.step == "critique":
            line: _Line = ask.state
            yield self._next(ask, "critique-revise", ask.worth, line, critique=text)
        else:
            yield from self._revised(ask, ask.state, text)

    def _revised(self, ask: Ask, line: _Line, text: str) -> Iterator[Outcome]:
        if text.strip() == line.text.strip():  # the same bytes would be their own parent
            yield Decision(line.draft, "unchanged", "the revision says the same")
            made = line.draft
        else:
            parents = (ask.row.provenance, line.draft.provenance)
            made = self.made(ask, self._content(ask, text), parents)
            told = f"round {line.round + 1}: {line.principle}"
            yield Decision(line.draft, "revised", told, made.id)
        following = _Line(made, text, line.round + 1)
        if following.round == self.policy.rounds:
            yield Decision(made)
        else:
            yield self._criticise(replace(ask, worth=ask.worth - 1), following)

    def _criticise(self, ask: Ask, line: _Line) -> Outcome:
        seed = f"{self.brief.seed}\nprinciple"
        turn = ask.sample * self.policy.rounds + line.round
        drawn = pick(self._principles, seed, ask.row.id, turn)
        return self._next(ask, "critique", ask.worth, replace(line, principle=drawn))

    def _next(self, ask: Ask, step: str, worth: int, line: _Line, **more: str) -> Ask:
        values = {"principle": line.principle, "draft": line.text, **more}
        prompt = self._shape.prompt(ask.row.value) or ""
        messages = self.messages(step, prompt=prompt, **values)
        return Ask(messages, ask.row, ask.sample, worth, step, line)

    def _content(self, ask: Ask, text: str) -> tuple[bytes, dict[str, object]]:
        return answered(ask.row, self._shape, text, self.policy.output_field)
