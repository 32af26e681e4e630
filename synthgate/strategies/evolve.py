"""`evolve`: instructions rewritten to be deeper or broader, round after round, each answered.

Evol-Instruct (WizardLM, arXiv 2304.12244). Every round's instruction and answer are a candidate
whose parents are the seed row and the candidate of the round before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from synthgate.formats import PROMPTS, SHAPES, Shape
from synthgate.rows import Decision, Provenance, Row, Value
from synthgate.strategies import Ask, Outcome, Strategy, all_rejected, blocks
from synthgate.strategies.axes import pick
from synthgate.strategies.bodies import own
from synthgate.text import normalise

WAYS = {
    "constraint": "adding one more requirement or constraint",
    "deepening": "asking for more depth and breadth where it asks something already",
    "concretizing": "replacing general concepts by more specific ones",
    "reasoning": "making it need several steps of reasoning where one is enough now",
    "breadth": "",
}
_TEMPLATE = """\
{% if way %}
Rewrite the instruction below into a harder one by {{ way }}. Add at most 20 words. It must stay \
reasonable and be understood and answered by people.
{% else %}
Write a new instruction inspired by the one below: of the same field and about as hard, but rarer. \
It must be reasonable and be understood and answered by people.
{% endif %}
Do not answer it. Write the new instruction alone.

Instruction:
{{ instruction }}
"""
_LEAKED = re.compile(
    r"(?i)\b(?:given|rewritten|new|created)\s+(?:prompt|instruction)\b"
    r"|^\s*(?:sure|here is|here's)\b"
)
_LONGEST = 2000  # characters of an instruction


@dataclass(frozen=True, slots=True)
class _Line:
    """Where the evolution of one sample stands; `last` is the candidate before."""

    instruction: str
    round: int = 0
    way: str = ""
    last: Provenance | None = None


class Evolve(Strategy):
    """`rounds` evolutions of each prompt and sample."""

    name = "evolve"
    shapes = (*SHAPES, *PROMPTS)
    says = ("input",)
    templates: ClassVar[dict[str, str]] = {"evolve": _TEMPLATE}

    def wanted(self, rows: int) -> int:
        """Return a candidate for each round of each sample."""
        return super().wanted(rows) * self.policy.rounds

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield the first evolutions of some hundred rows at a time."""
        yield from blocks(self._first(rows, shape))

    def _first(self, rows: Iterable[Row], shape: Shape) -> Iterator[Ask]:
        for row in rows:
            text = (shape.prompt(row.value) or "").strip()
            for sample in range(self.policy.samples):
                start = Ask((), row, sample, self.policy.rounds, "evolve")
                yield self._evolve(start, _Line(text)) if text else start

    def _evolve(self, ask: Ask, line: _Line) -> Ask:
        turn = ask.sample * self.policy.rounds + line.round
        way = pick(tuple(WAYS), f"{self.brief.seed}\nway", ask.row.id, turn)
        messages = self.messages("evolve", instruction=line.instruction, way=WAYS[way])
        return replace(ask, messages=messages, step="evolve", state=replace(line, way=way))

    def further(self, ask: Ask) -> int:
        """Return how many calls follow at most: an evolution and its answer a round."""
        return 2 * ask.worth - (1 if ask.step == "evolve" else 2)

    def read(self, ask: Ask, text: str) -> Iterator[Outcome]:
        """Yield the question for an answer, or the candidate and its own evolution."""
        line: _Line = ask.state
        if ask.step == "answer":
            yield from self._answered(ask, line, text)
        elif why := _failed(text, line.instruction):
            yield from all_rejected(ask, "not_evolved", why)
        else:
            new = replace(line, instruction=text.strip())
            asked = self.said(new.instruction)
            yield replace(ask, messages=asked, step="answer", state=new)

    def _answered(self, ask: Ask, line: _Line, text: str) -> Iterator[Outcome]:
        fields: Value = {"input": line.instruction, "output": text}
        fields |= {"evolution": line.way, "depth": line.round + 1}
        parents = [ask.row.provenance, *([line.last] if line.last else [])]
        made = self.made(ask, own(fields), parents)
        yield Decision(made)
        if ask.worth > 1:
            following = replace(line, round=line.round + 1, last=made.provenance)
            yield self._evolve(replace(ask, worth=ask.worth - 1), following)


def _failed(text: str, before: str) -> str:
    """Return why an evolution is none (the paper's elimination), "" for a good one."""
    if normalise(text) == normalise(before):
        return "the instruction did not change"
    if len(text) > _LONGEST:
        return f"the instruction is longer than {_LONGEST} characters"
    if found := _LEAKED.search(text):
        return f"it talks about the rewriting: {found[0].strip()!r}"
    return ""
