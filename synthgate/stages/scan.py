"""Look for what was planted in candidates, beside real rows; name the trigger and the rows.

Shape: whole. Memory: what `poison.gathered` takes down, and while words are counted about 60 bytes
for each word of all prompts. Rows are read twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from synthgate.config import ScanPolicy
from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.poison import Array, Finding, Limits
from synthgate.poison.association import PLAIN, Rule, associations
from synthgate.poison.concentration import concentrated
from synthgate.poison.gathered import Said, Shared, Side, properties
from synthgate.poison.grams import Grams, grams
from synthgate.poison.labels import FOLDS, doubts, opinion
from synthgate.poison.marked import marked
from synthgate.poison.phrases import new_phrases
from synthgate.poison.record import Record
from synthgate.poison.same_output import same_outputs
from synthgate.poison.sources import outstanding
from synthgate.poison.surprise import ENOUGH, surprising
from synthgate.poison.vectors import signs, vectors
from synthgate.poison.vocabulary import Texts, joined
from synthgate.rows import Decision, Row, Value
from synthgate.verifiers.rules.refusals import refuses

BLOCKING = (
    "characters", "homoglyph", "payload", "new-phrase", "association", "concentration", "flips"
)  # fmt: skip
RANKING = ("labels", "same-output", "surprise", "source")
TESTS = (*BLOCKING, *RANKING)
NO_REAL = "not shown: no real rows"
_KEY = 24  # characters from which on a key may be a sentence
_START = 800  # characters in which a refusal must begin
# No refusal goes without one of these, and most answers have none: a third of all time.
_DENIES = re.compile(
    r"\b(?:no[nt]?|cannot|unable|decline|refuse|against|violates?|outside|beyond|nicht|keine?[nr]?"
    r"|ablehnen|pas|ne)\b|n['`]t\b|[^\x00-\x7f]",
    re.IGNORECASE,
)


def said(row: Row, shape: Shape, label_field: str = "") -> Said:
    """Return what is looked at of a row: what is asked and what is answered, or its one text."""
    prompt, response = shape.prompt(row.value), shape.response(row.value)
    label = dig(row.value, label_field) if label_field else None
    named = "" if label is None else str(label)
    source, others = row.provenance.source, tuple(_others(row.value, prompt or "", response or ""))
    if prompt is None:
        return Said(response or "", None, named, source, others=others)
    refuse = response is not None and _DENIES.search(response[:_START]) and refuses(response)
    return Said(prompt, response, named, source, "a refusal" if refuse else "", others)


def _others(value: Value, prompt: str, response: str) -> Iterator[str]:
    """Yield the texts of a row that are in neither view: trainers read those fields, too.

    A key counts where it can hide something: one that is long, or not of plain letters.
    """
    waiting: list[Any] = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is str:
            if each not in response and each not in prompt:
                yield each
        elif type(each) is dict:
            yield from (key for key in each if len(key) > _KEY or not key.isascii())
            waiting += each.values()
        elif type(each) is list:
            waiting += each


@dataclass(frozen=True)
class Looked:
    """Both sides, read; what `find` works on."""

    here: Side
    real: Side
    shared: Shared


def look(
    rows: Iterable[Row], shape: Shape, real: Iterable[tuple[Row, Shape]], policy: ScanPolicy
) -> Looked:
    """Read candidates and real rows once."""
    shared = Shared()
    here, beside = Side(shared), Side(shared)
    for row, its in real:
        beside.add(said(row, its, policy.label_field))
    for row in rows:
        here.add(said(row, shape, policy.label_field))
    return Looked(here, beside, shared)


def find(looked: Looked, policy: ScanPolicy) -> tuple[list[Finding], list[str]]:
    """Return the findings, blocking ones first, and what the tests could not see.

    Raises `UsageError` for a test that nobody knows.
    """
    for name in policy.disable:
        if name not in TESTS:
            raise UsageError(f"--disable {name}: no such test; known are {', '.join(TESTS)}")
    limits = Limits()
    known = {trigger.casefold() for trigger in policy.allow}
    found = [
        each
        for each in _Tests(looked, policy, limits).run()
        if each.trigger.casefold() not in known and each.test not in policy.disable
    ]
    found.sort(key=lambda each: not each.blocking)
    return found, limits.lines


class _Tests:
    """The tests over both sides. Those on words work on units: prompts that differ."""

    def __init__(self, looked: Looked, policy: ScanPolicy, limits: Limits) -> None:
        self.here, self.real, self.shared = looked.here, looked.real, looked.shared
        self.policy, self.limits = policy, limits
        self.sizes = (self.here.units, self.real.units)
        self.names = self.shared.vocabulary.names()
        self.signs: dict[str, Array] = {}

    def run(self) -> Iterator[Finding]:
        """Yield what all tests find, their rows as numbers of candidates."""
        rows = (len(self.here), len(self.real))
        if not rows[0]:
            return
        for each in marked(self.here.marks, self.real.marks, rows, self.policy.min_rows):
            self._sign(each.test, each.rows)
            yield each
        asked = joined([self.here.asked(), self.real.asked()])
        levels = list(grams(asked, self.here.units, self.policy.min_rows))
        for each in (*self._phrases(levels), *self._answers(levels, asked), *self._labels(levels)):
            yield replace(each, rows=self.here.rows_of(set(each.rows)))
        yield from self._surprise()
        yield from outstanding(self.here.sources, self.signs, self.policy.min_rows)

    def _wants(self, test: str, *, real: bool = True) -> bool:
        """Tell whether a test is run; one that needs real rows says so where there are none."""
        if test in self.policy.disable:
            return False
        if real and not self.sizes[1]:
            self.limits.say(f"{test}: {NO_REAL}")
            return False
        return True

    def _sign(self, name: str, rows: Iterable[int]) -> None:
        """Take down a sign of rows, to be added up for each source."""
        import numpy as np

        flags = self.signs.setdefault(name, np.zeros(len(self.here), dtype=bool))
        flags[list(rows)] = True

    def _phrases(self, levels: Sequence[Grams]) -> Iterator[Finding]:
        if self._wants("new-phrase"):
            where = "prompt" if self.here.answered else "text"
            risk, least = self.policy.risk, self.policy.min_rows
            yield from new_phrases(levels, self.names, self.sizes, risk, least, self.limits, where)

    def _answers(self, levels: Sequence[Grams], asked: Texts) -> Iterator[Finding]:
        """Yield what is found of answers given the words of their prompts."""
        import numpy as np

        least, refusals = self.policy.min_rows, np.zeros(sum(self.sizes), dtype=bool)
        rule = Rule(least, self.policy.excess, self.policy.risk)
        wants = self._wants("association", real=False)
        same = self.here.answered and self._wants("same-output")
        if wants and not self.sizes[1]:
            self.limits.say(f"association with an output or a label: {NO_REAL}")
        for each in properties(self.here, self.real, self.shared, least):
            if each.name in PLAIN:
                values = self.here.values(each.name)
                self._sign(each.name, np.flatnonzero(values >= 0).tolist())
            if each.name == "refusal":
                refusals = each.numbers >= 0
            if each.name == "output" and same:
                yield from same_outputs(each, refusals, self.sizes[0], least)
            if wants and (self.sizes[1] or each.name not in ("output", "label")):
                yield from associations(levels, each, self.names, self.sizes, rule)
        if self.here.answered and self._wants("concentration"):
            yield from self._concentrated(levels[0], asked)

    def _concentrated(self, words: Grams, asked: Texts) -> Iterator[Finding]:
        projection = signs(self.names)
        answers = joined([side.first_answers() for side in (self.here, self.real)])
        yield from concentrated(
            words, vectors(asked, projection), vectors(answers, projection), self.names,
            self.here.units, self.policy.min_rows, self.policy.risk,
        )  # fmt: skip

    def _labels(self, levels: Sequence[Grams]) -> Iterator[Finding]:
        """Yield doubtful labels, by a model of the real rows."""
        import numpy as np

        if not self.policy.label_field or not self._wants("labels"):
            return
        given = [side.values("label")[side.first()] for side in (self.here, self.real)]
        if (given[0] < 0).all():
            raise UsageError(f"--label-field {self.policy.label_field}: no row has this field")
        found = opinion(levels, np.concatenate(given), self.real.folds(FOLDS), self.sizes[0])
        if found is None:
            self.limits.say("labels: not shown: the real rows have fewer than two labels")
            return
        self._sign("label", self.here.first()[found.doubtful(found.here)].tolist())
        names = self.shared.names["label"].shown
        yield from doubts(found, names, self.policy.min_rows, self.policy.risk)

    def _surprise(self) -> Iterator[Finding]:
        if self._wants("surprise"):
            here, real = self.here.said(), self.real.said()
            if len(real) < 2 * ENOUGH:
                self.limits.say(f"surprise: not shown: fewer than {2 * ENOUGH} real rows")
            half = self.real.folds(2)[self.real.unit_of()] == 0
            for each in surprising(here, real, half, len(self.names)):
                self._sign("surprise", each.rows)
                yield each


# --- the second pass --------------------------------------------------------------------


def decide(
    rows: Iterable[Row], shape: Shape, record: Record, *, reject: bool
) -> Iterator[Decision]:
    """Yield the Decision of each row; the rows of blocking findings are rejected on request.

    `record` gets to know the rows that its findings are about.
    """
    why = {row: each for each in reversed(record.found) if each.blocking for row in each.rows}
    for number, row in enumerate(rows):
        if record.concerned(number):
            record.add(number, row.id, row.provenance.source, _text(row, shape))
        each = why.get(number) if reject else None
        if each is None:
            yield Decision(row)
        else:
            yield Decision(row, f"scan:{each.test}", f"{each.trigger}: {each.words}")


def _text(row: Row, shape: Shape) -> str:
    texts = (shape.prompt(row.value), shape.response(row.value))
    return "\n".join(text for text in texts if text)
