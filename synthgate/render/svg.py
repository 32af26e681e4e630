"""Charts as inline SVG: pure functions from data to markup.

Across, every place is a percentage of the width, and down, it is in pixels: a chart fills what
there is, on paper and on a telephone, and its letters keep their size. Colours are CSS classes of
the page, so that light, dark and print differ by the style sheet alone; nothing is a style
attribute, which the page's Content-Security-Policy would refuse.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from synthgate.text import printable

_LINE = 44  # characters of a label and its number; a card has room for about as many
_MARKS = re.compile(r"([\u0300-\u036f]{2})[\u0300-\u036f]+")  # would be piled over other labels
_ROW, _BAR = 40, 10  # pixels: one line of a chart, and its bar
_LEFT, _WIDE = 1.5, 97.0  # percent: where a scale begins, and how far it goes


@dataclass(frozen=True)
class Bar:
    """One bar: `value` is a part of `behind`, and `mark` what it is held against."""

    label: str
    value: float
    text: str
    behind: float = 0.0
    mark: float | None = None
    strong: bool = False


@dataclass(frozen=True)
class Span:
    """One estimate with its interval, and the band in which real data lies by chance."""

    label: str
    value: float
    text: str
    low: float
    high: float
    band: tuple[float, float] | None = None
    strong: bool = False


@dataclass(frozen=True)
class Line:
    """One line; None is a value that is not known, and a gap."""

    name: str
    values: tuple[float | None, ...]
    strong: bool = True


def bars(title: str, items: Sequence[Bar], top: float = 0.0) -> str:
    """Return a bar chart, one bar under its label; a funnel is one whose bars shrink."""
    top = max([top, *(max(each.value, each.behind, each.mark or 0.0) for each in items)]) or 1.0
    return _chart(title, _ROW * len(items), "".join(_bars(items, top)))


def _bars(items: Sequence[Bar], top: float) -> Iterator[str]:
    for number, each in enumerate(items):
        y = _ROW * number
        yield from _labels(each.label, each.text, y, each.strong)
        yield _rect("track", 0, 100, y + 20, _BAR)
        if each.behind:
            yield _rect("behind", 0, 100 * each.behind / top, y + 20, _BAR)
        yield _rect("bar strong" if each.strong else "bar", 0, 100 * each.value / top, y + 20, _BAR)
        if each.mark is not None:
            x = min(99.7, 100 * each.mark / top)
            yield _line("mark", x, x, y + 16, y + 34)


def histogram(title: str, items: Sequence[Bar]) -> str:
    """Return upright bars side by side; `behind` is drawn as the rest of a bar, on top of it."""
    top = max([1e-9, *(max(each.value, each.behind) for each in items)])
    step = 100 / max(len(items), 4)
    return _chart(title, 150, "".join(_columns(items, top, step)))


def _columns(items: Sequence[Bar], top: float, step: float) -> Iterator[str]:
    yield _line("axis", 0, 100, 124, 124)
    for number, each in enumerate(items):
        x, middle = number * step + step * 0.14, (number + 0.5) * step
        whole = max(each.value, each.behind)
        height = max(1.0, 100 * whole / top) if whole else 0.0
        inner = height * each.value / whole if whole else 0.0
        yield _rect("behind", x, step * 0.72, 124 - height, height)
        yield _rect("bar strong" if each.strong else "bar", x, step * 0.72, 124 - inner, inner)
        yield _text(each.text, middle, 118 - height, "middle", "value")
        yield _text(each.label, middle, 142, "middle", "label")


def intervals(
    title: str,
    items: Sequence[Span],
    *,
    reference: float | None = None,
    say: Callable[[float], str] = "{:g}".format,
    ends: tuple[float, float] | None = None,
) -> str:
    """Return estimates as points with their intervals, one under the other on one scale.

    `reference` is a line across all of them: a threshold, or where set and real data are alike.
    """
    low, high = ends or _ends(items, reference)
    scale = _scale(low, high)
    height = _ROW * len(items)
    inner = "".join(_spans(items, scale, reference))
    marks = [(low, "start"), (high, "end")]
    if reference is not None and 22 < scale(reference) < 78:
        marks.append((reference, "middle"))
    for value, anchor in marks:
        inner += _text(say(value), scale(value), height + 18, anchor, "tick")
    return _chart(title, height + 24, inner)


def _ends(items: Sequence[Span], reference: float | None) -> tuple[float, float]:
    values = [each for item in items for each in (item.value, item.low, item.high)]
    values += [each for item in items for each in item.band or ()]
    values += [] if reference is None else [reference]
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * (high - low) or 0.5
    return (low - room if low - room > 0 or low < 0 else 0.0), high + room


def _spans(
    items: Sequence[Span], scale: Callable[[float], float], reference: float | None
) -> Iterator[str]:
    for number, each in enumerate(items):
        y, middle = _ROW * number, _ROW * number + 26
        kind = " strong" if each.strong else ""
        yield from _labels(each.label, each.text, y, each.strong)
        yield _line("axis", 0, 100, middle, middle)
        if each.band is not None:
            x = scale(each.band[0])
            yield _rect("band", x, max(0.4, scale(each.band[1]) - x), middle - 7, 14)
        if reference is not None:
            yield _line("reference", scale(reference), scale(reference), middle - 9, middle + 9)
        yield _line(f"range{kind}", scale(each.low), scale(each.high), middle, middle)
        yield f'<circle class="dot{kind}" cx="{scale(each.value):.2f}%" cy="{middle}" r="4.5"/>'


def lines(
    title: str,
    names: Sequence[str],
    items: Sequence[Line],
    say: Callable[[float], str] = "{:g}".format,
    low: float | None = None,
) -> str:
    """Return lines over the same places, from left to right, under their title.

    The scale begins at `low`, or where the values do; one line alone has its ends labelled.
    """
    known = [each for item in items for each in item.values if each is not None]
    high = max(known, default=1.0)
    low = min(known, default=0.0) if low is None else low
    wide = max(high - low, 0.05 * abs(high)) or 1.0
    places = [2 + 96 * number / max(1, len(names) - 1) for number in range(len(names))]
    inner = _text(title, 0, 13, "start", "label strong") + _line("axis", 0, 100, 126, 126)
    for item in sorted(items, key=lambda each: each.strong):
        points = [
            (x, None if value is None else 116 - 66 * (value - low) / wide)
            for x, value in zip(places, item.values, strict=False)
        ]
        inner += "".join(_trend(points, item.strong))
        inner += "".join(_ends_of(item, points, say)) if len(items) == 1 else ""
    for number in {0, len(names) - 1} if names else ():
        anchor = "start" if not number else "end"
        inner += _text(names[number], 100 * bool(number), 144, anchor, "tick", 22)
    if len(items) > 1:
        inner += _text(say(high), 0, 40, "start", "tick")
    return _chart(title, 150, inner)


Point = tuple[float, float | None]


def _trend(points: Sequence[Point], strong: bool) -> Iterator[str]:
    kind = " strong" if strong else " second"
    for (x, y), (other, following) in pairwise(points):
        if y is not None and following is not None:
            yield _line(f"trend{kind}", x, other, y, following)
    for x, y in points:
        if y is not None:
            yield f'<circle class="dot{kind}" cx="{x:.2f}%" cy="{y:.2f}" r="3.5"/>'


def _ends_of(item: Line, points: Sequence[Point], say: Callable[[float], str]) -> Iterator[str]:
    known = [
        (x, y, value)
        for (x, y), value in zip(points, item.values, strict=False)
        if y is not None and value is not None
    ]
    for number in {0, len(known) - 1} if known else ():
        _, y, value = known[number]
        anchor = "start" if not number else "end"
        yield _text(say(value), 100 * bool(number), y - 10, anchor, "value")


def _scale(low: float, high: float) -> Callable[[float], float]:
    """Return how values become percentages across; what lies beyond an end stands at it."""
    wide = high - low or 1.0
    return lambda value: _LEFT + _WIDE * min(1.0, max(0.0, (value - low) / wide))


def _chart(title: str, height: float, inner: str) -> str:
    name = escape(printable(title), quote=True)
    return (
        f'<svg role="img" aria-label="{name}" width="100%" height="{height:g}">'
        f"<title>{name}</title>{inner}</svg>"
    )


def _labels(label: str, text: str, y: float, strong: bool) -> Iterator[str]:
    room = max(12, _LINE - 2 - len(text))
    yield _text(label, 0, y + 13, "start", "label strong" if strong else "label", room)
    yield _text(text, 100, y + 13, "end", "value")


def _text(text: str, x: float, y: float, anchor: str, kind: str, room: int = _LINE) -> str:
    shown = _MARKS.sub(r"\1…", printable(text[: room + 1]))
    shown = shown if len(shown) <= room else f"{shown[: room - 1]}…"
    place = f'x="{x:.2f}%" y="{y:.2f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(shown, quote=True)}</text>'


def _rect(kind: str, x: float, width: float, y: float, height: float) -> str:
    return (
        f'<rect class="{kind}" x="{x:.2f}%" width="{width:.2f}%" y="{y:.2f}" '
        f'height="{height:.2f}" rx="2"/>'
    )


def _line(kind: str, x: float, other: float, y: float, last: float) -> str:
    return f'<line class="{kind}" x1="{x:.2f}%" x2="{other:.2f}%" y1="{y:.2f}" y2="{last:.2f}"/>'
