"""Look for what was planted in candidates, beside real rows; name the trigger and the rows.

Shape: whole. Memory: what `poison.gathered` takes down, and while words are counted about 60 bytes
for each word of all prompts. Rows are read twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from synthgate.config import ScanPolicy
from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.poison import Finding, Limits
from synthgate.poison.association import Rule, associations
from synthgate.poison.gathered import Said, Shared, Side, properties
from synthgate.poison.grams import Grams, grams
from synthgate.poison.marked import marked
from synthgate.poison.phrases import new_phrases
from synthgate.poison.record import Record
from synthgate.poison.vocabulary import joined
from synthgate.rows import Decision, Row
from synthgate.verifiers.rules.refusals import refuses

BLOCKING = ("characters", "homoglyph", "payload", "new-phrase", "association")
TESTS = BLOCKING
NO_REAL = "not shown: no real rows"


def said(row: Row, shape: Shape, label_field: str = "") -> Said:
    """Return what is looked at of a row: what is asked and what is answered, or its one text."""
    prompt, response = shape.prompt(row.value), shape.response(row.value)
    label = dig(row.value, label_field) if label_field else None
    named = "" if label is None else str(label)
    if prompt is None:
        return Said(response or "", None, named, row.provenance.source)
    refusal = "refusal" if refuses(response or "") else ""
    return Said(prompt, response, named, row.provenance.source, refusal)


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
    """Return the findings, blocking ones first, and what the tests could not see."""
    for name in policy.disable:
        if name not in TESTS:
            raise UsageError(f"--disable {name}: no such test; known are {', '.join(TESTS)}")
    limits = Limits()
    wanted = [test for test in TESTS if test not in policy.disable]
    found = [each for each in _found(looked, policy, wanted, limits) if each.test in wanted]
    known = {trigger.casefold() for trigger in policy.allow}
    found = [each for each in found if each.trigger.casefold() not in known]
    found.sort(key=lambda each: not each.blocking)
    return found, limits.lines


def _found(
    looked: Looked, policy: ScanPolicy, wanted: Sequence[str], limits: Limits
) -> Iterator[Finding]:
    here, real = looked.here, looked.real
    yield from marked(here.marks, real.marks, (len(here), len(real)), policy.min_rows)
    levels = list(grams(joined([here.asked(), real.asked()]), here.units, policy.min_rows))
    yield from _in_rows(here, _by_words(looked, levels, policy, wanted, limits))


def _by_words(
    looked: Looked, levels: list[Grams], policy: ScanPolicy, wanted: Sequence[str], limits: Limits
) -> Iterator[Finding]:
    """Yield the findings of the tests on words; their rows are units."""
    here, real, shared = looked.here, looked.real, looked.shared
    sizes, names = (here.units, real.units), shared.vocabulary.names()
    if "new-phrase" in wanted and not real.units:
        limits.say(f"new-phrase: {NO_REAL}")
    elif "new-phrase" in wanted:
        where = "prompt" if here.answered else "text"
        yield from new_phrases(levels, names, sizes, policy.risk, policy.min_rows, limits, where)
    if "association" in wanted:
        rule = Rule(policy.min_rows, policy.excess, policy.risk)
        for each in properties(here, real, shared, policy.min_rows):
            if each.name in ("label", "output") and not real.units:
                limits.say(f"association with {each.name}: {NO_REAL}")
            else:
                yield from associations(levels, each, names, sizes, rule)


def _in_rows(side: Side, found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings about units as ones about all rows of these units."""
    for each in found:
        yield replace(each, rows=side.rows_of(set(each.rows)))


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
