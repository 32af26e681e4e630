"""The section on narrowing: what real data has and the set has too little of, or not at all."""

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
from synthgate.render.figures import measure_figure
from synthgate.render.numbers import count, number, percent, plain, ratio, rows

LEAD = (
    "Does the set cover what real data covers? Each measure is a ratio to real data. The grey band "
    "is where equal splits of the real data itself lie: inside it, a difference means nothing."
)
_BARS = 8  # of a chart of shares
_ON = {"both": "prompt and response together"}


def narrowing(found: Found) -> Section:
    """Return the section."""
    part = document.section(found, "narrowing")
    return document.made(
        part, "narrowing", "Narrowing", LEAD,
        ("Six measures", _measures(part)),
        ("Languages and scripts", _languages(part)),
        ("Real clusters that are empty or thin", _clusters(part)),
        ("Words used too often and too seldom", _words(part)),
        ("Lengths", _lengths(part)),
        ("Rare slices and words", _rare(part)),
    )  # fmt: skip


def _measures(part: Found) -> Iterator[Block]:
    gate = document.section(part, "gate")
    yield from document.sentence(gate, tone="bad" if gate.get("stops") else "")
    measures = document.each(part, "measures")
    if not measures:
        return
    against, compared = count(part.get("real")), rows(part.get("compared"))
    said = f"{rows(part.get('rows'))} against {against} real ones, {compared} of each at a time, "
    on = document.text(part, "on", "text")
    yield Words(f"{said}by {_ON.get(on, f'the {on}')}.", "dim")
    yield measure_figure(measures)
    made = tuple(
        (
            document.text(each, "title") or document.text(each, "name"),
            plain(each.get("value")),
            plain(each.get("real")),
            document.text(each, "sees"),
            document.text(each, "misses"),
        )
        for each in measures
    )
    columns = ("measure", "set", "real", "what it sees", "what it misses")
    title = "What each measure sees, and what it misses"
    yield Table(title, columns, made, last=2, brief=0)


def _languages(part: Found) -> Iterator[Block]:
    yield from document.sentence(part, "languages_why", "dim")
    for key in ("languages", "scripts"):
        shares = document.each(part, key)
        if shares:
            yield _shares(key.capitalize(), shares)


def _shares(title: str, shares: list[Found]) -> Figure:
    draw = partial(_share_chart, f"{title}: bar the set, mark the real data", shares[:_BARS])
    made = tuple(
        (document.text(each, "name"), percent(each.get("rows")), percent(each.get("real")))
        for each in shares
    )
    table = Table(title, (title.lower().removesuffix("s"), "set", "real"), made)
    return Figure((draw,), table, "bar: the set; mark: real data")


def _share_chart(title: str, shares: list[Found]) -> str:
    bars = [
        svg.Bar(
            document.text(each, "name"),
            number(each.get("rows")) or 0.0,
            f"{percent(each.get('rows'))}, real {percent(each.get('real'))}",
            mark=number(each.get("real")),
        )
        for each in shares
    ]
    return svg.bars(title, bars, top=1.0)


def _clusters(part: Found) -> Iterator[Block]:
    clusters = document.each(part, "clusters")
    if not clusters:
        return
    made = tuple(
        (
            document.text(each, "words"),
            document.text(each, "state"),
            count(each.get("real")),
            plain(each.get("expected")),
            count(each.get("rows")),
        )
        for each in clusters
    )
    empty = sum(each.get("state") == "empty" for each in clusters)
    whole = count(part.get("clusters_all"))
    yield Words(
        f"Of {whole} clusters of the real data the set leaves {empty} empty and "
        f"{len(clusters) - empty} thin."
    )
    strong = frozenset(n for n, each in enumerate(clusters) if each.get("state") == "empty")
    columns = ("cluster", "state", "real rows", "expected", "rows")
    yield Table("Clusters", columns, made, numbers=2, strong=strong)
    items = tuple(
        Example(document.text(each, "words"), text)
        for each in clusters
        for text in document.texts(each, "examples")
    )
    if items:
        yield Examples("Real rows of these clusters", items)


def _words(part: Found) -> Iterator[Block]:
    words = document.section(part, "words")
    titles = (("over", "Words used too often"), ("under", "Words used too seldom"))
    for key, title in titles:
        listed = document.each(words, key)
        if listed:
            made = tuple(
                (
                    document.text(each, "word"),
                    _often(each.get("rows")),
                    _often(each.get("real")),
                    ratio(each.get("ratio")),
                )
                for each in listed
            )
            columns = ("word", "set, in 10,000 words", "real", "ratio")
            yield Table(title, columns, made)


def _often(share: object) -> str:
    """Return a share of all words as a number that can be read."""
    found = number(share)
    return plain(None if found is None else 1e4 * found)


def _lengths(part: Found) -> Iterator[Block]:
    lengths = document.section(part, "lengths")
    places = lengths.get("quantiles")
    ours, real = lengths.get("rows"), lengths.get("real")
    if not (isinstance(places, list) and isinstance(ours, list) and isinstance(real, list)):
        return
    names = [percent(each).replace(".0 %", " %") for each in places]
    both = (
        svg.Line("set", tuple(map(number, ours))),
        svg.Line("real", tuple(map(number, real)), strong=False),
    )
    unit = document.text(lengths, "unit", "characters")
    title = f"{unit.capitalize()}, by share of shorter rows"
    draw = partial(svg.lines, title, names, both, plain, 0.0)
    made = tuple(
        (name, plain(one), plain(other))
        for name, one, other in zip(names, ours, real, strict=False)
    )
    columns = ("share that is shorter", f"set, {unit}", "real")
    yield Figure((draw,), Table("Lengths", columns, made), "full line: the set; dashed: real data")


def _rare(part: Found) -> Iterator[Block]:
    rare = document.section(part, "rare")
    listed = document.pairs(rare, "slices")
    if document.section(rare, "words").get("real") is not None:
        listed.append(("words", rare["words"]))
    made = tuple(_recalled(name, one) for name, one in listed if isinstance(one, dict))
    if made:
        columns = ("rare values of", "in real data", "found in the set", "recall", "missing")
        yield Table("Recall of what is rare in real data", columns, made, last=3)


def _recalled(name: str, part: Found) -> tuple[str, ...]:
    real, found = number(part.get("real")), number(part.get("recalled"))
    recall = found / real if real and found is not None else None
    missing = document.texts(part, "missing")
    more = f" and {len(missing) - 12} more" if len(missing) > 12 else ""
    return name, count(real), count(found), percent(recall), ", ".join(missing[:12]) + more
