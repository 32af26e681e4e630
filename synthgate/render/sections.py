"""The sections behind the first screen, in their order; collapse, poisoning, provenance, drift."""

from __future__ import annotations

from collections.abc import Iterator
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
from synthgate.render.figures import funnel_table, generation, linked
from synthgate.render.inherited import inherited
from synthgate.render.narrowing import narrowing
from synthgate.render.numbers import between, chance, count, number, percent, plain, rows

_TRENDS = (
    ("rare_recall", "Recall of rare slices", percent),
    ("real_fraction", "Real fraction", percent),
    ("entropy", "Entropy, bits", plain),
    ("duplicates", "Duplicates", percent),
)


def sections(found: Found) -> list[Section]:
    """Return every section, those that are not shown too."""
    made = (inherited, narrowing, collapse, poison, provenance, drift)
    return [make(found) for make in made]


def collapse(found: Found) -> Section:
    """Return the section on recursive collapse."""
    part = document.section(found, "collapse")
    lead = (
        "Does this set feed on earlier output? Rare slices go first, before any average moves: "
        "watch their recall, and how much real data stands beside each generation."
    )
    return document.made(
        part, "collapse", "Collapse", lead,
        ("Real data beside each generation", _generations(part)),
        ("Trend over earlier runs", _trend(part)),
        ("What to expect", document.sentence(part, "projection")),
        ("Guards that blend applied", _guards(part)),
    )  # fmt: skip


def _generations(part: Found) -> Iterator[Block]:
    made = tuple(
        (
            generation(document.text(each, "generation")),
            count(each.get("rows")),
            count(each.get("real")),
            percent(each.get("share")),
        )
        for each in document.each(part, "generations")
    )
    if made:
        yield Table("Generations", ("generation", "rows", "real", "share of all"), made, brief=0)


def _trend(part: Found) -> Iterator[Block]:
    trend = document.each(part, "trend")
    if not trend:
        return
    names = [document.text(each, "run") for each in trend]
    charts = []
    for key, title, say in _TRENDS:
        values = tuple(number(each.get(key)) for each in trend)
        if sum(value is not None for value in values) > 1:
            charts.append(partial(svg.lines, title, names, [svg.Line(title, values)], say))
    made = tuple(
        (
            document.text(each, "run"),
            count(each.get("rows")),
            *(say(each.get(key)) for key, _, say in _TRENDS),
            plain(each.get("generation_max")),
        )
        for each in trend
    )
    columns = ("run", "rows", *(title for _, title, _ in _TRENDS), "highest generation")
    table = Table("Trend", columns, made, brief=8 if len(trend) > 1 else 0)
    yield Figure(tuple(charts), table) if charts else table


def _guards(part: Found) -> Iterator[Block]:
    made = tuple(
        (document.text(each, "guard"), document.text(each, "words"))
        for each in document.each(part, "guards")
    )
    if made:
        yield Table("Guards", ("guard", "what it did"), made, numbers=9)


def poison(found: Found) -> Section:
    """Return the section on planted behaviour."""
    part = document.section(found, "poison")
    lead = (
        "Does something in the set teach a behaviour that nobody asked for? Blocking tests stay "
        "silent on clean data; the others only rank what a person should look at."
    )
    return document.made(
        part, "poison", "Poisoning", lead,
        ("Findings", _findings(part)),
        ("What this could not see", map(Words, document.texts(part, "limits"))),
    )  # fmt: skip


def _findings(part: Found) -> Iterator[Block]:
    findings = document.each(part, "findings")
    yield Words(f"{rows(part.get('rows'))} scanned, {count(part.get('blocking'))} blocked.")
    if not findings:
        yield Words("No test found anything.")
        return
    made = tuple(
        (
            document.text(each, "test"),
            document.text(each, "trigger"),
            "blocks" if each.get("blocking") else "ranks",
            count(each.get("rows")),
            chance(each.get("p")),
            ", ".join(f"{name} {count(n)}" for name, n in document.pairs(each, "sources")),
            document.text(each, "words"),
        )
        for each in findings
    )
    columns = ("test", "trigger", "effect", "rows", "p", "sources", "why")
    strong = frozenset(n for n, each in enumerate(findings) if each.get("blocking"))
    yield Table("Findings", columns, made, numbers=3, last=4, strong=strong)
    items = tuple(
        Example(
            document.text(each, "trigger") or document.text(each, "test"),
            document.text(one, "text"),
            document.text(one, "id"),
        )
        for each in findings
        for one in document.each(each, "examples")[:3]
    )
    if items:
        yield Examples("Rows that were found", items)


def provenance(found: Found) -> Section:
    """Return the section on where the rows come from."""
    lead = (
        "Every row says where it comes from, and every stage what it read and wrote. A source that "
        "stands out in many checks is a source to exclude: see synthgate trace."
    )
    groups = document.parts(
        ("Stages and what they read", _stages(found)),
        ("Sources", _sources(document.section(found, "sources"))),
        ("What the rows say of themselves", _fields(found)),
    )
    return Section("provenance", "Provenance", lead, groups)


def _stages(found: Found) -> Iterator[Block]:
    steps = document.each(found, "funnel")
    if steps:
        yield funnel_table(steps)
    links = document.each(found, "chain")
    made = tuple(
        (document.text(each, "stage"), document.text(each, "read"), document.text(each, "why"))
        for each in links
    )
    if made:
        strong = frozenset(n for n, each in enumerate(links) if not linked(each))
        columns = ("stage", "read what an earlier stage wrote", "why")
        yield Table("Chain of digests", columns, made, numbers=9, strong=strong)


def _sources(part: Found) -> Iterator[Block]:
    if not document.shown(part):
        if why := document.text(part, "why"):
            yield Words(f"not shown: {why}")
        return
    table = document.each(part, "table")
    if not table:
        return
    keys = ("rows", "accepted", "rejected", "duplicates", "flags", "audited", "audit_failed")
    made = tuple(
        (document.text(each, "source"), *(count(each.get(key)) for key in keys), _look(each))
        for each in table
    )
    names = ("rows", "accepted", "rejected", "duplicates", "flags", "audited", "failed audit")
    strong = frozenset(n for n, each in enumerate(table) if each.get("suspicious"))
    whole = len(table) + int(number(part.get("more")) or 0)
    columns = ("source", *names, "why look")
    yield Table("Sources", columns, made, last=7, strong=strong, all=whole, brief=len(strong))
    yield from _source_tests(table)


def _source_tests(table: list[Found]) -> Iterator[Table]:
    tests = tuple(
        (
            document.text(each, "source"),
            document.text(test, "check"),
            count(test.get("rows")),
            count(test.get("hits")),
            percent(test.get("rate")),
            between(test.get("low"), test.get("high")),
            chance(test.get("p")),
        )
        for each in table
        for test in document.each(each, "tests")
    )
    if tests:
        columns = ("source", "check", "rows", "hits", "rate", "95 % interval", "corrected p")
        yield Table("Every check for each source", columns, tests, numbers=2, brief=0)


def _look(part: Found) -> str:
    why = document.text(part, "why")
    return why or ("suspicious" if part.get("suspicious") else "")


def _fields(found: Found) -> Iterator[Block]:
    for field, values in document.pairs(found, "provenance"):
        listed = list(values.items()) if isinstance(values, dict) else []
        made = tuple((str(value) or "none", count(n)) for value, n in listed)
        if any(str(value) for value, _ in listed):
            yield Table(field, (field, "rows"), made)


def drift(found: Found) -> Section:
    """Return the section on what changed since an earlier report."""
    part = document.section(found, "drift")
    lead = "What changed since an earlier report."
    return document.made(part, "drift", "Drift", lead, ("", _changes(part)))


def _changes(part: Found) -> Iterator[Block]:
    yield Words(f"Against {document.text(part, 'against')}.", "dim")
    changes = document.each(part, "changes")
    if not changes:
        yield Words("Nothing changed that this report measures.")
        return
    names = ("what", "before", "now", "words")
    made = tuple(tuple(_value(each.get(name)) for name in names) for each in changes)
    columns = ("what", "before", "now", "in words")
    strong = frozenset(n for n, each in enumerate(changes) if each.get("notable"))
    whole = len(made) + int(number(part.get("more")) or 0)
    yield Table("Changes", columns, made, last=2, strong=strong, all=whole)


def _value(value: object) -> str:
    return plain(value) if number(value) is not None else "" if value is None else str(value)
