"""The section on inherited error: where the rows fail more often than the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from synthgate.render import document, svg
from synthgate.render.document import (
    Block,
    Example,
    Examples,
    Figure,
    Found,
    Section,
    Table,
    Words,
)
from synthgate.render.numbers import between, chance, count, number, percent, ratio

LEAD = (
    "A generator that is wrong somewhere is wrong there every time. These slices fail more often "
    "than the rest, by the verifiers' results on all rows, not on the audit's sample."
)
_SPANS, _LEAST = 10, 5  # of a chart; where fewer are found, the next ones stand beside them
_EXAMPLES = _FEW = 3  # of a slice; and of the least accepted ones on a terminal
_TAIL = "A slice that is let through far less than the others may have lost its tail."
_WORTH = (
    "Precision: of what it let through, how much is right. Recall: of what is right, how much it "
    "let through. Lift: how much better than letting everything through."
)


def inherited(found: Found) -> Section:
    """Return the section."""
    part = document.section(found, "inherited")
    return document.made(
        part, "inherited", "Inherited error", LEAD,
        ("Weak slices", _slices(part)),
        ("What each verifier let through", _accept(part)),
        ("How good each check is", _checks(part)),
        ("What the audit can exclude", document.sentence(document.section(part, "excludes"))),
    )  # fmt: skip


def _slices(part: Found) -> Iterator[Block]:
    slices = document.each(part, "slices")
    whole, failed = number(part.get("rows")), number(part.get("failed"))
    share = failed / whole if whole and failed is not None else None
    yield Words(
        f"{count(failed)} of {count(whole)} rows failed ({percent(share)}). "
        f"{count(part.get('tests'))} slices were compared; p is corrected for that "
        f"({document.text(part, 'correction', 'Holm')})."
    )
    sure = [each for each in slices if each.get("found", True)]
    if not sure:
        yield Words("No slice is shown to fail more often than the rest.")
    if not slices:
        return
    drawn = sure[:_SPANS] if len(sure) >= _LEAST else slices[:_LEAST]
    yield Figure(
        (partial(_rates, "Share of failed rows by slice", drawn, share),),
        _slice_table(slices),
        "point: share that failed, with its 95 % interval; the line: all rows; bold: beyond chance",
    )
    items = tuple(example for each in sure or slices[:1] for example in _examples(each))
    if items:
        yield Examples("Examples of the weakest slices", items)


def _rates(title: str, slices: list[Found], share: float | None) -> str:
    spans = []
    for each in slices:
        rate = number(each.get("rate")) or 0.0
        low, high = number(each.get("low")), number(each.get("high"))
        ends = (rate if low is None else low, rate if high is None else high)
        sure = bool(each.get("found"))
        spans.append(svg.Span(document.named(each), rate, percent(rate), *ends, strong=sure))
    top = max((each.high for each in spans), default=1.0)
    return svg.intervals(
        title, spans, reference=share, say=percent, ends=(0.0, min(1.0, 1.1 * top) or 1.0)
    )


def _slice_table(slices: list[Found]) -> Table:
    made = tuple(
        (
            document.named(each),
            count(each.get("rows")),
            count(each.get("failed")),
            percent(each.get("rate")),
            between(each.get("low"), each.get("high")),
            ratio(each.get("lift")),
            chance(each.get("p")),
        )
        for each in slices
    )
    columns = ("slice", "rows", "failed", "rate", "95 % interval", "against the rest", "p")
    strong = frozenset(number for number, each in enumerate(slices) if each.get("found"))
    sure = sum(bool(each.get("found", True)) for each in slices)
    return Table("Weak slices", columns, made, strong=strong, brief=min(sure, _SPANS))


def _examples(part: Found) -> Iterator[Example]:
    for each in document.each(part, "examples")[:_EXAMPLES]:
        told = (document.text(each, key) for key in ("text", "id", "why"))
        yield Example(document.named(part), *told)


def _accept(part: Found) -> Iterator[Block]:
    accept = document.each(part, "accept")
    if not accept:
        return
    yield Words(_TAIL, aside=True)
    for each in document.each(part, "tails"):
        cut = bool(each.get("cut"))
        for said in document.sentence(each, tone="bad" if cut else ""):
            yield replace(said, aside=not cut)
    made = tuple(
        (
            document.named(each),
            count(each.get("rows")),
            count(each.get("accepted")),
            percent(each.get("rate")),
            between(each.get("low"), each.get("high")),
        )
        for each in accept
    )
    columns = ("slice", "rows", "accepted", "rate", "95 % interval")
    draw = partial(_rates, "Share of accepted rows by slice", accept[:_SPANS], None)
    note = "point: share that was accepted, with its 95 % interval"
    yield Figure((draw,), Table("Accepted rows by slice", columns, made, brief=_FEW), note)


def _checks(part: Found) -> Iterator[Block]:
    checks = document.each(part, "checks")
    if not checks:
        return
    made = tuple(
        (
            document.text(each, "check"),
            document.text(each, "truth"),
            count(each.get("rows")),
            percent(each.get("precision")),
            percent(each.get("recall")),
            ratio(each.get("lift")),
        )
        for each in checks
    )
    yield Words(_WORTH, aside=True)
    columns = ("check", "held against", "rows", "precision", "recall", "lift")
    yield Table("Checks against gold and audit", columns, made, numbers=2)
