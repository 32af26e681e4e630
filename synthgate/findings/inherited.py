"""Where the generator is wrong more often than elsewhere: weak slices, from what verify said.

Verify looks at all rows, so small slices have enough of them; a random audit of 100 rows hardly
ever meets a slice of 1 %. Each slice is tested against the rows outside of it by Fisher's exact
test, and the chances are corrected for the number of slices tested (Holm). Answers to one prompt
fail together: where rows name their prompt, the counts weigh as few as that makes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from synthgate.findings import Found
from synthgate.findings.slices import LENGTH, SHOWN_FROM, TOKEN, Count, Fate, Name, Slices
from synthgate.findings.texts import Texts, reader
from synthgate.rows import Row, lot
from synthgate.stats.compare import design_effect, holm, more_often, wilson

FEW = SHOWN_FROM  # rows below which a slice is not tested, and below which its rest is not
ALPHA = 0.05
SHOWN, ACCEPTS, EXAMPLES = 20, 60, 3
_TEXT, _WHY = 400, 200  # characters of an example
_TAIL = 0.2  # share of rows in the rarest values of a field, which are its tail
_NOT_FIELDS = (TOKEN, "prompt")

Judged = tuple[Row, Fate, str]
"""A row, what verify made of it, and why."""


@dataclass(frozen=True)
class Weak:
    """A slice with its counts, and how likely it would have failed so often by chance."""

    name: Name
    count: Count
    chance: float

    @property
    def low(self) -> float:
        """The least share that fails, by the interval of 95 %."""
        return wilson(self.count.failed, self.count.rows)[0]

    @property
    def found(self) -> bool:
        """Whether it is a finding."""
        return self.chance < ALPHA

    def as_json(self, rest: Count) -> Found:
        """Return the slice; lift is its rate over that of the rows outside of it."""
        field, value = self.name
        count = self.count
        low, high = wilson(count.failed, count.rows)
        rate, others = count.failed / count.rows, rest.failed / rest.rows
        return {
            "field": field,
            "value": value,
            "rows": count.rows,
            "failed": count.failed,
            "accepted": count.accepted,
            "rate": round(rate, 4),
            "low": round(low, 4),
            "high": round(high, 4),
            "lift": round(rate / others, 2) if others else None,
            "p": float(f"{self.chance:.3g}"),
            "found": self.found,
            "examples": [],
        }


def weak(slices: Slices) -> tuple[list[Weak], int]:
    """Return (slices by how weak they are, the findings first; how many were tested)."""
    whole, effect = slices.whole, _effect(slices)
    tested = [
        ((name, value), count)
        for name, counts in slices.counts.items()
        for value, count in counts.items()
        if FEW <= count.rows <= (whole.rows // 2 if name == TOKEN else whole.rows - FEW)
    ]
    weights = [1.0 if name == "prompt" else effect for (name, _), _ in tested]
    chances = holm([_chance(c, whole, w) for (_, c), w in zip(tested, weights, strict=True)])
    found = [Weak(name, count, p) for (name, count), p in zip(tested, chances, strict=True)]
    found.sort(key=lambda each: (not each.found, -each.low, each.name))
    return found, len(tested)


def _effect(slices: Slices) -> float:
    """Return how far rows of one prompt fail together; those without a prompt stand alone."""
    prompts = slices.counts.get("prompt", {}).values()
    alone = slices.whole.rows - sum(each.rows for each in prompts)
    failed = slices.whole.failed - sum(each.failed for each in prompts)
    groups = [(each.failed, each.rows) for each in prompts]
    return design_effect([*groups, *[(1, 1)] * failed, *[(0, 1)] * (alone - failed)])


def _chance(count: Count, whole: Count, effect: float) -> float:
    """Return the chance of as many failures in a slice, counts taken for as few as they weigh."""
    numbers = (count.failed, count.rows, whole.failed, whole.rows)
    hits, of, all_hits, all_of = (round(each / effect) for each in numbers)
    if not 0 < of < all_of:
        return 1.0
    hits = min(hits, of)
    return more_often(hits, of, min(max(all_hits, hits), all_of - of + hits), all_of)


def inherited(slices: Slices, examples: Examples | None = None) -> Found:
    """Return the section: weak slices, accept rates, and what became of the tails."""
    whole = slices.whole
    found, tests = weak(slices)
    shown = []
    for each in found[:SHOWN]:
        rest = Count(whole.rows - each.count.rows, whole.failed - each.count.failed)
        told = each.as_json(rest)
        told["examples"] = examples.of(each.name) if examples else []
        shown.append(told)
    accept = _accept(slices)[:ACCEPTS]
    for told in (*shown, *accept):
        told["text"] = slices.named.get((told["field"], told["value"]), "")
    return {
        "shown": True,
        "rows": whole.rows,
        "failed": whole.failed,
        "accepted": whole.accepted,
        "undecided": whole.rows - whole.failed - whole.accepted,
        "tests": tests,
        "rows_that_count_as_one": round(_effect(slices), 2),
        "found": sum(each.found for each in found),
        "correction": "Holm",
        "slices": shown,
        "accept": accept,
        "tails": list(_tails(slices)),
        "partly": sorted(slices.dropped),
    }


# --- accept rates -----------------------------------------------------------------------


def _accept(slices: Slices) -> list[Found]:
    """Return the slices by fields, the least accepted first."""
    found = [
        ((name, value), count)
        for name, counts in slices.counts.items()
        if name not in _NOT_FIELDS
        for value, count in counts.items()
        if count.rows >= FEW
    ]
    found.sort(key=lambda each: (each[1].accepted / each[1].rows, each[0]))
    return [{"field": name, "value": value, **_rate(count)} for (name, value), count in found]


def _rate(count: Count) -> Found:
    low, high = wilson(count.accepted, count.rows)
    return {
        "rows": count.rows,
        "accepted": count.accepted,
        "rate": round(count.accepted / count.rows, 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def _tails(slices: Slices) -> Iterator[Found]:
    """Yield, for each field, whether verify accepts its rare values less than the others."""
    effect = _effect(slices)
    for name, counts in slices.counts.items():
        if name in (*_NOT_FIELDS, "source", "generator") or len(counts) < 3:
            continue
        tail, whole = _tail(counts.values())
        if tail.rows < FEW or whole.rows - tail.rows < FEW:
            continue
        others = (whole.accepted - tail.accepted) / (whole.rows - tail.rows)
        chance = _chance(_refused(tail), _refused(whole), effect)
        cut = chance < ALPHA
        told = _rate(tail)
        yield {
            "field": name,
            **told,
            "others": round(others, 4),
            "p": float(f"{chance:.3g}"),
            "cut": cut,
            "words": _of_tail(name, told["rate"], others, cut=cut),
        }


def _tail(counts: Iterable[Count]) -> tuple[Count, Count]:
    """Return what the rarest values hold, up to a fifth of the rows, and what all hold."""
    ranked = sorted(counts, key=lambda each: each.rows)
    whole = _sum(ranked)
    taken, rows = [], 0
    for each in ranked[:-1]:
        rows += each.rows
        if rows > _TAIL * whole.rows:
            break
        taken.append(each)
    return _sum(taken), whole


def _refused(count: Count) -> Count:
    """Return the count with what was not accepted for what failed."""
    return Count(count.rows, count.rows - count.accepted, count.accepted)


def _sum(counts: Iterable[Count]) -> Count:
    total = Count()
    for each in counts:
        total.rows += each.rows
        total.failed += each.failed
        total.accepted += each.accepted
    return total


def _of_tail(name: str, rate: float, others: float, *, cut: bool) -> str:
    what = f"of the rarest values of {name} {rate:.1%} are accepted, of the others {others:.1%}"
    return f"{what}: the checks cut the tail" if cut else f"{what}: no sign that the tail is cut"


# --- examples ---------------------------------------------------------------------------


@dataclass
class Examples:
    """Three failed rows of each wanted slice: those with the smallest lots.

    Filled in a second pass over the rows that failed.
    """

    slices: Slices
    wanted: frozenset[Name]
    seed: int | str = 0
    texts: Texts = field(default_factory=lambda: reader({}))
    _held: dict[Name, list[tuple[int, str, Found]]] = field(default_factory=dict)

    def add(self, judged: Judged) -> None:
        """Look at a row; only one that failed can be an example."""
        row, fate, why = judged
        if fate != "failed":
            return
        drawn = lot(self.seed, row.id)
        shown: Found = {}
        for name in self.wanted.intersection(self.slices.names(row)):
            held = self._held.setdefault(name, [])
            if len(held) < EXAMPLES or drawn < held[-1][0]:
                shown = shown or self._shown(row, why)
                held.append((drawn, row.id, shown))
                held.sort(key=lambda each: each[:2])
                del held[EXAMPLES:]

    def _shown(self, row: Row, why: str) -> Found:
        prompt, response = self.texts(row.value)
        text = "\n".join(filter(None, (prompt[:_TEXT], response[:_TEXT])))
        return {"id": row.id, "text": text, "why": why[:_WHY]}

    def of(self, name: Name) -> list[Found]:
        """Return the examples of a slice."""
        return [shown for _, _, shown in self._held.get(name, ())]


def looked_for(slices: Slices) -> frozenset[Name]:
    """Return the slices that a report shows as weak."""
    return frozenset(each.name for each in weak(slices)[0][:SHOWN])


# --- the focus of an audit --------------------------------------------------------------


def focus(slices: Slices) -> tuple[list[bytes], int]:
    """Return (the weak slices as lines for `audit draw --focus`, how many cannot be such lines).

    An audit tells slices apart by fields of its rows, `source`, `generator` and `cluster`, and it
    draws from rows that passed: a slice of a token or a length, or one with no accepted row, is
    counted and left out.
    """
    found = [each for each in weak(slices)[0] if each.found]
    ours = {TOKEN, LENGTH, "prompt", *slices.taken}
    usable = [e for e in found if e.name[0] not in ours and e.count.accepted]
    lines = [_line(each) for each in usable]
    return lines, len(found) - len(lines)


def _line(each: Weak) -> bytes:
    name, value = each.name
    count = each.count
    said: dict[str, Any] = {"field": name, "value": value, "rows": count.rows}
    said |= {"failed": count.failed, "accepted": count.accepted, "p": float(f"{each.chance:.3g}")}
    return json.dumps(said, ensure_ascii=True).encode()
