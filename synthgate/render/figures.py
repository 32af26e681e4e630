"""Figures that more than one place of the report shows: funnel, measures, generations."""

from __future__ import annotations

from functools import partial

from synthgate.render import document, svg
from synthgate.render.document import Figure, Found, Table
from synthgate.render.numbers import between, count, number, percent, ratio


def linked(link: Found) -> bool:
    """Tell whether a stage is shown to have read what an earlier one wrote."""
    return link.get("read") == "shown"


def sum_of(step: Found) -> int:
    """Return how many rows a stage rejected."""
    return sum(int(number(each) or 0) for _, each in document.pairs(step, "rejects"))


def funnel_chart(steps: list[Found]) -> str:
    """Draw what each stage let through of what it was given."""
    bars: list[svg.Bar] = []
    for each in steps:
        stage = document.text(each, "stage")
        out, came = (number(each.get(key)) or 0 for key in ("rows_out", "rows_in"))
        if stage == "generate" and bars and bars[-1].label == stage:  # side by side, not in a row
            last = bars.pop()
            out, came = out + last.value, came + last.behind
        bars.append(svg.Bar(stage, out, f"{count(out)} of {count(came)}", behind=came))
    return svg.bars("Rows that each stage let through, of those it was given", bars)


def funnel_table(steps: list[Found]) -> Table:
    """Return the funnel as a table, the reasons ranked."""
    made = []
    for each in steps:
        ranked = sorted(document.pairs(each, "rejects"), key=lambda pair: -(number(pair[1]) or 0))
        reasons = ", ".join(f"{name} {count(n)}" for name, n in ranked)
        numbers = (count(each.get("rows_in")), count(each.get("rows_out")), count(sum_of(each)))
        made.append((document.text(each, "stage"), *numbers, reasons))
    columns = ("stage", "in", "out", "rejected", "reasons")
    return Table("Funnel", columns, tuple(made), last=3)


def measure_figure(measures: list[Found]) -> Figure:
    """Return measures as ratios to real data with their intervals, over the null band."""
    spans = []
    for each in measures:
        value = number(each.get("ratio"))
        if value is None:
            continue
        low, high = number(each.get("low")), number(each.get("high"))
        spans.append(
            svg.Span(
                document.text(each, "title") or document.text(each, "name"),
                value,
                ratio(value),
                value if low is None else low,
                value if high is None else high,
                band_of(each),
                bool(each.get("outside")),
            )
        )
    draw = partial(
        svg.intervals, "Ratio to real data with 95 % interval", spans, reference=1.0, say=ratio
    )
    note = "grey: where equal splits of the real data lie; the line: the same as real"
    return Figure((draw,), measure_table(measures), note)


def band_of(measure: Found) -> tuple[float, float] | None:
    """Return the null band of a measure, if it has one."""
    band = measure.get("band")
    if not isinstance(band, list | tuple) or len(band) != 2:
        return None
    low, high = map(number, band)
    return None if low is None or high is None else (low, high)


def measure_table(measures: list[Found]) -> Table:
    """Return measures as a table."""
    made = []
    for each in measures:
        low, high = band_of(each) or (None, None)
        band = between(low, high, ratio)
        interval = between(each.get("low"), each.get("high"), ratio)
        name = document.text(each, "title") or document.text(each, "name")
        made.append((name, ratio(each.get("ratio")), interval, band, _said(each)))
    columns = ("measure", "ratio to real", "95 % interval", "band of real", "the set is")
    strong = frozenset(n for n, each in enumerate(measures) if each.get("narrower"))
    return Table("Measures", columns, tuple(made), last=3, strong=strong)


def _said(measure: Found) -> str:
    """Return what a measure says of the set, in one word."""
    if measure.get("narrower"):
        return "narrower"
    if not measure.get("outside"):
        return "as real data"
    above = (number(measure.get("ratio")) or 0) > 1
    return "wider" if above and measure.get("directed", True) else "different"


def generations(found: Found) -> Figure | None:
    """Return the rows of each generation, and how many of them are real."""
    items = _generations(found)
    if not items:
        return None
    bars = [
        svg.Bar(name, value if name == "0" else 0.0, count(value), behind=value)
        for name, value, _ in items
    ]
    draw = partial(svg.histogram, "Rows of each generation; generation 0 is real", bars)
    made = tuple((name, count(value), percent(share)) for name, value, share in items)
    columns = ("generation", "rows", "share of all")
    note = "generation 0 is real; each further one was made from the one before"
    return Figure((draw,), Table("Generations", columns, made), note)


def _generations(found: Found) -> list[tuple[str, float, float | None]]:
    part = document.section(found, "collapse")
    listed = document.each(part, "generations")
    if listed:
        pairs = [(document.text(each, "generation"), each.get("rows")) for each in listed]
    else:
        pairs = document.pairs(document.section(found, "provenance"), "generation")
    counts = [(name, number(value) or 0) for name, value in pairs]
    whole = sum(value for _, value in counts)
    named = [(generation(name), value, value / whole if whole else None) for name, value in counts]
    return sorted(named, key=lambda each: (len(each[0]), each[0]))


def generation(name: str) -> str:
    """Return a generation as a reader should see it: -1 is no number."""
    return "unknown" if name == "-1" else name
