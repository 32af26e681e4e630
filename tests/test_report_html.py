"""The report as a page, read by a parser: nothing but text and charts, whatever a row says."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from synthgate.render.document import Block, Card, Examples, Figure, Section, Table
from synthgate.render.first_screen import cards
from synthgate.render.report_html import html, text
from synthgate.render.sections import sections
from synthgate.text import printable
from tests.hostile_texts import KINDS, spread
from tests.report_fixture import bare, old, rich

TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "div",
    "h1", "h2", "h3", "p", "ul", "li", "a", "b", "span", "pre", "figure", "figcaption", "details",
    "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "svg", "rect", "line",
    "circle", "text",
}  # fmt: skip
NAMES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "scope", "role",
    "aria-label", "tabindex", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "width",
    "height", "text-anchor",
}  # fmt: skip


class Page(HTMLParser):
    """Every element with its attributes, and the text of each, in the order of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[list[str]] = []
        self._open: list[int] = []
        self.feed(page)
        self.close()
        assert not self._open, "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self.texts.append([])
        if tag != "meta":
            self._open.append(len(self.seen) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        self.texts.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.seen[self._open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        for number in self._open:
            self.texts[number].append(data)

    def of(self, *tags: str) -> list[str]:
        """The texts of all elements with these names."""
        return [
            "".join(said)
            for (tag, _), said in zip(self.seen, self.texts, strict=True)
            if tag in tags
        ]


def test_there_are_42_kinds() -> None:
    """What is tried is what was asked for, and each kind differs from the others."""
    assert len(KINDS) == len(set(KINDS.values())) == 42


@pytest.mark.parametrize("shift", range(0, 42, 5))
def test_nothing_in_a_report_is_markup(shift: int) -> None:
    """With hostile text in every place the page has only its own elements and attributes."""
    plain, page = Page(html(rich())), Page(html(spread(rich(), shift)))
    for tag, attributes in page.seen:
        assert tag in TAGS and set(attributes) <= NAMES, (tag, attributes)
        assert all(value.isascii() for value in [attributes.get("class") or ""])
        if tag == "a":
            assert re.fullmatch("#[a-z]+", attributes["href"] or "")
    classes = [{each.get("class") for _, each in one.seen} for one in (plain, page)]
    assert classes[1] <= classes[0] | {"missing", "rest", "card open", "open"}
    assert html(spread(rich(), shift)).encode().decode().count("<script") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_shown_as_it_is(kind: str) -> None:
    """What a reader of the page sees is the text with its hidden characters as escapes."""
    value = KINDS[kind]
    page = Page(f"<p>{text(value, len(value))}</p>")
    assert page.of("p") == [printable(value)]
    kept = Page(f"<pre>{text(value, len(value), keep=chr(10) + chr(9))}</pre>").of("pre")[0]
    assert kept == "".join(each if each in "\n\t" else printable(each) for each in value)


@pytest.mark.parametrize("shift", [0, 11, 25])
def test_every_cell_is_the_escaped_text(shift: int) -> None:
    """Cells and examples, in their order, are those of the account and no others."""
    found = spread(rich(), shift)
    page, cells, examples = Page(html(found)), [], []
    for block in blocks(found):
        if isinstance(block, Examples):
            examples += [each.text for each in block.items]
        table = block.table if isinstance(block, Figure) else block
        if isinstance(table, Table) and not table.listed:
            cells += [value for row in table.rows for value in row]
    scopes = [attributes.get("scope") for tag, attributes in page.seen if tag in ("td", "th")]
    shown = [
        said for said, scope in zip(page.of("td", "th"), scopes, strict=True) if scope != "col"
    ]
    assert shown == [cut(value, 300) for value in cells]
    assert len(examples) > 20
    assert [each.replace("\n", "\\u000a").replace("\t", "\\u0009") for each in page.of("pre")] == [
        cut(value, 1500) for value in examples
    ]


def blocks(found: dict[str, Any]) -> list[Block]:
    """All blocks of a report, in the order of the page."""
    listed: list[Card | Section] = [*cards(found), *sections(found)]
    return [
        block
        for each in listed
        for block in (
            each.blocks if isinstance(each, Card) else [b for p in each.parts for b in p.blocks]
        )
    ]


def cut(value: str, most: int) -> str:
    """A text as a page shows it: escaped, and of a long one the beginning."""
    rest = len(value) - most
    return printable(value[:most]) + (f"… {rest:,} more characters" if rest > 0 else "")


def test_the_policy_admits_the_one_style_and_nothing_else() -> None:
    """The page names its own style by its hash; no script, no style attribute, no address."""
    page = html(rich())
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style and "@import" not in style and "http" not in style
    assert " style=" not in page and "<script" not in page and "://" not in page


@pytest.mark.parametrize("make", [rich, bare, old])
def test_the_page_can_be_read_without_eyes(make: Any) -> None:
    """Headings go down by one, tables have caption and scopes, charts a name and a table."""
    page = Page(html(make()))
    levels = [int(tag[1]) for tag, _ in page.seen if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    tags = [tag for tag, _ in page.seen]
    assert tags.count("table") == tags.count("caption") == tags.count("thead")
    assert all(attributes.get("scope") for tag, attributes in page.seen if tag == "th")
    charts = [attributes for tag, attributes in page.seen if tag == "svg"]
    assert all(each["role"] == "img" and each["aria-label"] for each in charts)
    for figure in re.findall("<figure>.*?</figure>", html(make()), re.DOTALL):
        assert "<svg" in figure and "<table>" in figure.partition("<details>")[2]
    ids = [attributes["id"] for _, attributes in page.seen if attributes.get("id")]
    targets = [attributes["href"] for tag, attributes in page.seen if tag == "a"]
    assert len(ids) == len(set(ids)) and {f"#{each}" for each in ids} == set(targets)


def test_what_is_not_known_is_not_fine() -> None:
    """Nothing known: every card but the count of rows says `not shown`, and why."""
    page = Page(html(bare()))
    assert page.of("h1") == ["NOT SHOWN"]
    headlines = [
        "".join(said)
        for (_, attributes), said in zip(page.seen, page.texts, strict=True)
        if attributes.get("class") == "headline"
    ]
    assert headlines == ["not shown"] * 4 + ["0.0 % real", "not shown"]
    assert html(bare()).count("no real rows: name --real FILE") >= 8


def test_the_first_screen_has_the_seven_answers() -> None:
    """Verdict and gates, funnel, audit against its threshold, independence, worst, mix, poison."""
    page = html(rich())
    first = page[: page.index('id="inherited"')]
    for said in (
        "<h1>STOP</h1>", "exit 3", "13,014 rows out", "at least 92.4 %", "wanted at least 90.0 %",
        "2 of 3", "unknown: mistral-7b-instruct", "0.71\u00d7 of real", "0.67 \u2013 0.75\u00d7",
        "50.0 % real", "cf-2291", "source vendor-b", "blend: gated.jsonl held 6,904",
    ):  # fmt: skip
        assert said in first, said


def test_a_long_list_says_what_is_left_out() -> None:
    """Of a thousand slices the page has 500 and says so; the first twelve stand open."""
    found = rich()
    found["provenance"]["source"] = {f"source {number}": 1 for number in range(1000)}
    page = html(found)
    assert "<td" in page and ">source 499</th>" in page and ">source 500</th>" not in page
    assert "988 more rows" in page and "500 more are not on this page." in page


LIGHT, DARK, PAPER = range(3)
ON = {
    "page": ("ink", "dim", "accent", "good", "bad"), "card": ("ink", "dim", "accent", "bad", "esc"),
    "escape": ("esc",),
}  # fmt: skip


@pytest.mark.parametrize("scheme", [LIGHT, DARK, PAPER])
def test_letters_stand_out_from_their_ground(scheme: int) -> None:
    """Every colour of letters has a contrast of 4.5 to 1 at least, in light, dark and print."""
    style = html(bare()).partition("<style>")[2]
    found = [
        dict(re.findall(r"--(\w+): (#\w+)", each))
        for each in re.findall(r":root \{.*?\}", style, re.DOTALL)
    ]
    colours = found[LIGHT] | found[scheme]
    for ground, inks in ON.items():
        for ink in inks:
            light = sorted((luminance(colours[ink]), luminance(colours[ground])))
            assert (light[1] + 0.05) / (light[0] + 0.05) >= 4.5, (ink, ground)


def luminance(colour: str) -> float:
    """Relative luminance of a colour, as WCAG 2.2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
