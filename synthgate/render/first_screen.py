"""The first screen: the verdict, and six answers to whether this set can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from synthgate.render import document, svg
from synthgate.render.document import Block, Card, Figure, Found, Table, Words
from synthgate.render.figures import (
    funnel_chart,
    funnel_table,
    generations,
    linked,
    measure_figure,
    sum_of,
)
from synthgate.render.numbers import chance, count, number, percent, ratio, rows

_FEW = 6  # what a card has room for
FINE = ("independent",)
Line = tuple[str, str, str]
"""What stands out, how often, and why."""


def verdict(found: Found) -> tuple[str, str]:
    """Return the word and the sentence of the whole report."""
    part = document.section(found, "verdict")
    word = document.text(part, "word") or "NOT SHOWN"
    said = document.text(part, "words") or "No verdict was computed."
    repeats = any(why and why.rstrip(".") in said for _, _, why in blocks(found))
    return word, "" if repeats else said


def blocks(found: Found) -> list[tuple[str, str, str]]:
    """Return (gate, exit code, why) of each gate that stops the set."""
    part = document.section(found, "verdict")
    return [
        (document.text(each, "gate"), count(each.get("exit_code")), document.text(each, "words"))
        for each in document.each(part, "blocks")
    ]


def lacks(found: Found) -> list[tuple[str, str]]:
    """Return (what, why) of each thing that a PASS would rest on and nobody has shown."""
    part = document.section(found, "verdict")
    told = document.each(part, "missing")
    return [(document.text(each, "what"), document.text(each, "words")) for each in told]


def cards(found: Found) -> list[Card]:
    """Return the first screen in the order in which it is read."""
    made = (funnel, audit, independence, narrowing, mix, suspicious)
    return [make(found) for make in made]


def missing(title: str, why: str, to: str = "") -> Card:
    """Return a card that does not look fine: nothing is known."""
    return Card(title, "not shown", (Words(why or "not computed"),), to, "open")


def funnel(found: Found) -> Card:
    """Return what came in, what was rejected and what was left, stage by stage."""
    title, steps = "Funnel", document.each(found, "funnel")
    if not steps:
        return missing(title, "no manifests (set SYNTHGATE_RUN_DIR, or name --run-dir)")
    dropped = [(sum_of(each), document.text(each, "stage")) for each in steps]
    most, stage = max(dropped)
    said = f"{count(sum(n for n, _ in dropped))} rejected on the way"
    said += f", most by {stage} ({count(most)})." if most else "."
    made: list[Block] = [Words(said), Figure((partial(funnel_chart, steps),), funnel_table(steps))]
    made += _unlinked(found)
    return Card(title, f"{count(steps[-1].get('rows_out'))} rows out", tuple(made), "provenance")


def _unlinked(found: Found) -> Iterator[Words]:
    links = [each for each in document.each(found, "chain") if not linked(each)]
    for each in links[:_FEW]:
        stage, why = document.text(each, "stage"), document.text(each, "why")
        said = why or "what it read is not shown to be what an earlier stage wrote"
        yield Words(f"{stage}: {said}.", "bad")
    if len(links) > _FEW:
        yield Words(f"{len(links) - _FEW} more links are not shown.", "bad")


def audit(found: Found) -> Card:
    """Return what people's labels prove, against what was asked for."""
    title, part = "Audit", found.get("audit")
    if not isinstance(part, dict):
        return missing(title, "no audit was run", "inherited")
    word = document.text(part, "verdict")
    tone = {"PASS": "", "MEASURED": ""}.get(word, "bad")
    made: list[Block] = [*document.sentence(part)]
    made += _audit_figure(part, _bound(found, part))
    return Card(title, word, tuple(made), "inherited", tone)


def _bound(found: Found, audit: Found) -> float | None:
    """Return how many are right at least: as the audit says it, or by what it can exclude."""
    excludes = document.section(document.section(found, "inherited"), "excludes")
    above, low = number(excludes.get("above")), number(audit.get("bound"))
    return 1 - above if low is None and above is not None else low


def _audit_figure(part: Found, low: float | None) -> Iterator[Figure]:
    labels, failures, wanted = (number(part.get(k)) for k in ("labels", "failures", "min_pass"))
    if not labels or failures is None:
        return
    right = 1 - failures / labels
    high = number(part.get("high"))
    limit = f", wanted at least {percent(wanted)}" if wanted is not None else ""
    proven = f"{percent(right)} right" if low is None else f"at least {percent(low)}"
    span = svg.Span(
        f"{count(labels - failures)} of {count(labels)} labels right",
        right,
        proven,
        right if low is None else low,
        right if high is None else high,
        strong=True,
    )
    least = min(each for each in (0.9, right, low, wanted) if each is not None)
    draw = partial(
        svg.intervals,
        f"Share of rows that people found right{limit}",
        [span],
        reference=wanted,
        say=percent,
        ends=(max(0.0, least - 0.05), 1.0),
    )
    shown = (count(labels), count(failures), percent(right), percent(low), percent(wanted))
    columns = ("labels", "failed", "right", "at least", "wanted")
    yield Figure((draw,), Table("Audit", columns, (shown,), numbers=0), "the line: what was wanted")


def independence(found: Found) -> Card:
    """Return whether what verified the rows is independent of what wrote them."""
    title, part = "Verifier independence", document.section(found, "independence")
    if not document.shown(part):
        return missing(title, document.text(part, "why"))
    checks = document.each(part, "checks")
    good = sum(each.get("verdict") in FINE for each in checks)
    if not checks:
        return missing(title, "no check verified these rows")
    made = tuple(
        (document.text(each, "check"), _against(each), document.text(each, "words"))
        for each in checks
    )
    strong = frozenset(n for n, each in enumerate(checks) if each.get("verdict") not in FINE)
    columns = ("check", "of the generator", "why")
    table = Table("Checks", columns, made, numbers=9, strong=strong, listed=True)
    said = Words("pairs of a check and a generator share no lineage.")
    tone = "bad" if good < len(checks) else ""
    return Card(title, f"{good} of {len(checks)}", (said, table), tone=tone)


def _against(check: Found) -> str:
    generator = document.text(check, "generator") or "all generators"
    return f"{document.text(check, 'verdict')}: {generator}"


def worst(part: Found) -> Found | None:
    """Return the measure that is furthest below real data."""
    measures = document.each(part, "measures")
    name = document.text(part, "worst")
    found = (each for each in measures if name and document.text(each, "name") == name)
    return next(found, None)


def narrowing(found: Found) -> Card:
    """Return the worst of the six measures against real data."""
    title, part = "Narrowing", document.section(found, "narrowing")
    if not document.shown(part):
        return missing(title, document.text(part, "why"), "narrowing")
    gate, measure = document.section(part, "gate"), worst(part)
    said = document.sentence(gate, tone="bad" if gate.get("stops") else "")
    if measure is None:
        text = "No measure is narrower than chance between equal splits of the real data explains."
        return Card(title, "none seen", (Words(text), *said), "narrowing")
    figure = measure_figure([measure])
    bad = bool(measure.get("narrower") or gate.get("stops"))
    headline = f"{ratio(measure.get('ratio'))} of real"
    worst_of = Words(f"The worst of {len(document.each(part, 'measures'))} measures.", "dim")
    made: tuple[Block, ...] = (worst_of, figure, *said)
    return Card(title, headline, made, "narrowing", "bad" if bad else "")


def mix(found: Found) -> Card:
    """Return how much of the set is real, and how far the rest is from it."""
    part = document.section(found, "mix")
    figure = generations(found)
    made: list[Block] = [Words(f"{count(part.get('real'))} of {rows(part.get('rows'))} are real.")]
    if figure is not None:
        made.append(figure)
    unverified = number(part.get("unverified_synthetic"))
    if unverified:
        is_are = "row is" if unverified == 1 else "rows are"
        text = f"{count(unverified)} synthetic {is_are} verified by nothing."
        made.append(Words(text, "bad"))
    share = percent(part.get("real_fraction"))
    tone = "bad" if unverified else ""
    return Card("Real rows and generations", f"{share} real", tuple(made), "collapse", tone)


def suspicious(found: Found) -> Card:
    """Return the sources and the triggers that stand out, and what scan only ranks."""
    title = "Suspicious sources and tokens"
    poison, sources = (document.section(found, name) for name in ("poison", "sources"))
    hidden = {
        name: document.text(part, "why")
        for name, part in (("tokens", poison), ("sources", sources))
        if not document.shown(part)
    }
    if len(hidden) == 2:
        return missing(title, hidden["tokens"], "poison")
    listed = [*_triggers(poison, blocking=True), *_sources(sources)]
    ranked = list(_triggers(poison, blocking=False))
    made: list[Block] = []
    if not listed:
        seen = " and ".join(name for name in ("sources", "tokens") if name not in hidden)
        made.append(Words(f"Nothing stands out among the {seen}."))
    made += (Words(f"{name.capitalize()} not shown: {why}") for name, why in hidden.items())
    if listed or ranked:
        made.append(_standing_out(listed, ranked))
    headline = f"{len(listed)} found" if listed else "none found"
    headline = "not shown in part" if hidden and not listed else headline
    tone = "bad" if listed else "open" if hidden else ""
    return Card(title, headline, tuple(made), "poison", tone)


def _standing_out(listed: list[Line], ranked: list[Line]) -> Table:
    """Return what was found, and behind it what a person may look at: clean data has that, too."""
    rows = (*listed, *((what, f"only ranked: {often}", why) for what, often, why in ranked))
    columns, strong = ("what", "how often", "why"), frozenset(range(len(listed)))
    return Table(
        "What stands out", columns, rows[:_FEW], numbers=9, all=len(rows), listed=True,
        strong=strong,
    )  # fmt: skip


def _triggers(part: Found, *, blocking: bool) -> Iterator[Line]:
    for each in document.each(part, "findings"):
        if bool(each.get("blocking")) == blocking:
            what = document.text(each, "trigger") or document.text(each, "test")
            often = _often(each.get("rows"), each.get("p"))
            yield what, often, document.text(each, "words")


def _sources(part: Found) -> Iterator[Line]:
    for each in document.each(part, "table"):
        if each.get("suspicious"):
            chances = [number(test.get("p")) for test in document.each(each, "tests")]
            least = min((p for p in chances if p is not None), default=None)
            name = f"source {document.text(each, 'source')}"
            yield name, _often(each.get("rows"), least), document.text(each, "why")


def _often(found: object, p: object) -> str:
    if number(p) is None:
        return rows(found)
    said = chance(p)
    return f"{rows(found)}, p {said if said.startswith('<') else f'= {said}'}"
