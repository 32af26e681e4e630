"""`self-instruct`: new tasks from seed tasks, kept only where they are new.

Self-Instruct (arXiv 2212.10560): eight example tasks in each prompt, six written by people and two
generated ones; a new instruction joins the pool only if its ROUGE-L with all of it is below 0.7;
classification tasks are written label first. The examples rotate: each seed task is shown once
before any is shown again. A row's parents are the examples that its instruction was written after.
Memory: the pool of instructions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from synthgate.errors import InputError
from synthgate.formats import Shape, text_of
from synthgate.rows import Decision, Provenance, Row, Value, lot
from synthgate.strategies import Ask, Brief, Outcome, Strategy, rejected
from synthgate.strategies.axes import pick
from synthgate.strategies.bodies import own
from synthgate.strategies.pool import Pool
from synthgate.strategies.reading import first, numbered

HUMAN, GENERATED = 6, 2
WANTED = 8  # new tasks of one answer
ROUND = 8  # prompts between two looks at the pool
_LIST = """\
Come up with a series of tasks. Continue the list with {{ count }} new tasks, numbered {{ start }} \
to {{ start + count - 1 }}. Each is one instruction that a text model can follow, and each differs \
from all others in verb, topic and form. Write the list alone.

{% for each in shots %}
{{ loop.index }}. {{ each }}
{% endfor %}
{{ start }}."""
_KIND = """\
Can the task below be regarded as a classification task with a small number of possible output \
labels? Answer Yes or No.

Task: {{ instruction }}
"""
_INSTANCE = """\
{% if labelled %}
The task below is a classification task. First choose one of its possible labels, then write an \
input that has this label.
{% else %}
Write one example of the task below: first the input that it needs, empty if it needs none, then \
the right output.
{% endif %}

Task: {{ instruction }}

Write it as:
{% if labelled %}
<output>label</output>
<input>input</input>
{% else %}
<input>input</input>
<output>output</output>
{% endif %}
"""
# The paper's filters: what a text model cannot do, and what is no instruction.
_UNSUITABLE = re.compile(
    r"(?i)\b(?:image|graph|picture|file|map|draw|plot|video|audio|music|flowchart|diagram)s?\b"
    r"|^write a program\b|^\W"
)
_FEWEST, _MOST = 4, 150  # words of an instruction


@dataclass(frozen=True, slots=True)
class _Task:
    """An instruction that joined the pool, on its way to a row."""

    number: int
    instruction: str
    parents: tuple[Provenance, ...]
    labelled: bool = False


class SelfInstruct(Strategy):
    """`samples` new tasks for each seed task, all seed tasks taken together."""

    name = "self-instruct"
    says = ("instruction", "input")
    templates: ClassVar[dict[str, str]] = {
        "self-instruct": _LIST,
        "self-instruct-kind": _KIND,
        "self-instruct-instance": _INSTANCE,
    }

    def __init__(self, brief: Brief) -> None:
        super().__init__(brief)
        self.pool = Pool(self.policy.rouge)
        self._owners: list[Provenance | None] = []  # of each text in the pool, once it is a row
        self._humans: tuple[tuple[str, Row], ...] = ()
        self._generated: list[tuple[str, Provenance]] = []

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield rounds of prompts, each with examples from the pool as the last round left it."""
        self._seeded(rows, shape)
        left, turn = self.wanted(self._read), 0
        while left > 0:
            asks: list[Ask] = []
            while left > 0 and len(asks) < ROUND:
                asks.append(self._list(turn, min(WANTED, left)))
                left, turn = left - WANTED, turn + 1
            yield asks

    def _seeded(self, rows: Iterable[Row], shape: Shape) -> None:
        """Take the seed tasks into the pool; one that is near another is shown, but not twice."""
        seeds = []
        self._read = 0
        for row in rows:
            self._read += 1
            text = (text_of(row.value.get("instruction")) or shape.prompt(row.value) or "").strip()
            if text and self.pool.add(text) is None:
                self._owners.append(row.provenance)
                seeds.append((text, row))
        if self._read and not seeds:
            raise InputError("self-instruct: no seed task holds an instruction")
        self._humans = tuple(seeds)

    def _list(self, turn: int, count: int) -> Ask:
        shown = self._shots(turn)
        texts = [text for text, _ in shown]
        messages = self.messages("self-instruct", shots=texts, start=len(shown) + 1, count=count)
        parents = tuple(provenance for _, provenance in shown)
        seed = self._human(turn, 0)[1]
        return Ask(messages, seed, turn, count, "tasks", parents)

    def _shots(self, turn: int) -> list[tuple[str, Provenance]]:
        """Return the examples of a prompt: six of people, two generated, else more of people."""
        latest = self._generated
        made = min(GENERATED, len(latest))
        people = min(HUMAN + GENERATED - made, len(self._humans))
        shown = [self._human(turn, place) for place in range(people)]
        drawn = sorted(latest, key=lambda each: lot(f"{self.brief.seed}\n{turn}", each[1].id))
        return [*dict.fromkeys((text, row.provenance) for text, row in shown), *drawn[:made]]

    def _human(self, turn: int, place: int) -> tuple[str, Row]:
        """Return the next seed task of a rotation through all of them, in drawn orders."""
        at = turn * (HUMAN + GENERATED) + place
        numbers = tuple(str(number) for number in range(len(self._humans)))
        return self._humans[int(pick(numbers, f"{self.brief.seed}\nseeds", "", at))]

    def further(self, ask: Ask) -> int:
        """Return how many calls follow at most: for each new task its kind and an example."""
        return 2 * ask.worth if ask.step == "tasks" else int(ask.step == "kind")

    def read(self, ask: Ask, text: str) -> Iterator[Outcome]:
        """Yield what the list, the kind of a task, or its example leads to."""
        if ask.step == "tasks":
            yield from self._tasks(ask, text)
        elif ask.step == "kind":
            task = replace(ask.state, labelled=text.strip().lower().startswith("yes"))
            yield self._next(ask, "instance", task, labelled=task.labelled)
        else:
            yield self._instance(ask, ask.state, text)

    def _tasks(self, ask: Ask, text: str) -> Iterator[Outcome]:
        given = numbered(text)[: ask.worth]
        for each in given:
            instruction = " ".join(each.split())
            if why := _unsuitable(instruction):
                yield self._dropped(ask, instruction, "unsuitable", why)
            elif (near := self.pool.add(instruction)) is not None:
                owner = self._owners[near]
                told = f"ROUGE-L {self.pool.limit:g} or more with: {self.pool.texts[near][:100]}"
                yield self._dropped(ask, instruction, "near_pool", told, owner)
            else:
                self._owners.append(None)
                task = _Task(len(self._owners) - 1, instruction, ask.state)
                yield self._next(replace(ask, worth=1), "kind", task)
        for _ in range(ask.worth - len(given)):
            yield rejected(ask, "missing", f"the answer held {len(given)} of {ask.worth} tasks")

    def _dropped(
        self, ask: Ask, instruction: str, reason: str, detail: str, owner: Provenance | None = None
    ) -> Decision:
        row = self.made(ask, own({"instruction": instruction}), ask.state)
        return Decision(row, reason, detail, owner.id if owner else "")

    def _next(self, ask: Ask, step: str, task: _Task, **values: Any) -> Ask:
        messages = self.messages(f"self-instruct-{step}", instruction=task.instruction, **values)
        return replace(ask, messages=messages, step=step, state=task)

    def _instance(self, ask: Ask, task: _Task, text: str) -> Decision:
        """Return the finished row, from now on an example for further prompts."""
        output = first(text, "output")
        if not output:
            return rejected(ask, "unparsed", "the answer holds no output between the tags")
        fields: Value = {"instruction": task.instruction, "input": first(text, "input")}
        fields |= {"output": output, "is_classification": task.labelled}
        made = self.made(ask, own(fields), task.parents)
        self._owners[task.number] = made.provenance
        self._generated.append((task.instruction, made.provenance))
        return Decision(made)


def _unsuitable(instruction: str) -> str:
    words = len(instruction.split())
    if not _FEWEST <= words <= _MOST:
        return f"{words} words"
    found = _UNSUITABLE.search(instruction)
    return f"it asks for what a text cannot be: {found[0]!r}" if found else ""
