"""The report as Markdown, read by a parser of CommonMark with GitHub's tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from synthgate.render.report_markdown import LIMIT, markdown, text
from synthgate.text import printable
from tests.hostile_texts import KINDS, spread
from tests.report_fixture import bare, old, rich

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = {
    "heading", "paragraph", "bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td",
    "inline", "text", "code_inline", "strong", "fence",
}  # fmt: skip
ACTS = re.compile(  # what GitHub does more than a parser of Markdown
    r"@|://|www\.|(?:^|\W)#\d|:\w+:|\$|\b[0-9a-f]{7,}[a-f]\w*\b|(?i:\bgh-\d)|[<>&`*_~|\\\[\]{}]"
)


def inside(source: str) -> list[Token]:
    """All tokens of a document, those within others too."""
    found: list[Token] = []
    for token in READER.parse(source):
        found += [token, *(token.children or ())]
    return found


def kind(token: Token) -> str:
    return token.type.removesuffix("_open").removesuffix("_close")


@pytest.mark.parametrize("shift", range(0, 42, 3))
def test_nothing_in_a_report_acts(shift: int) -> None:
    """No link, picture, HTML, mention or title comes out of a text; the structure is ours alone."""
    tokens = inside(markdown(spread(rich(), shift)))
    assert {kind(token) for token in tokens} <= OURS
    for token in tokens:
        if token.type == "text":
            said = token.content.replace("p < 0.0", "p 0.0").replace("< 0.0", "0.0")
            assert not ACTS.search(said), said
    plain = [token.content for token in inside(markdown(rich())) if token.type == "heading_open"]
    assert len(plain) == sum(token.type == "heading_open" for token in tokens)


def shown(source: str) -> str:
    """What a reader of a sentence or cell sees."""
    tokens = [token for token in inside(source) if token.type in ("text", "code_inline")]
    return "".join(token.content for token in tokens)


TEXTS = st.text().filter(lambda value: value.strip(" ") != "")
MARKUP = st.text(alphabet="ab1 `*_[]()<>!#|\\-+=.:@&;~$'\"/\n\t\u202e", min_size=1).filter(
    lambda value: value.strip(" ") != ""
)


@given(
    st.one_of(TEXTS, MARKUP, st.sampled_from([each for each in KINDS.values() if len(each) < 999]))
)
@example("1. one")
@example("`` `x` ```")
@example("a  b ")
def test_a_text_is_shown_as_it_is(value: str) -> None:
    """Any text comes back from the parser as it was, hidden characters as escapes."""
    assert shown(text(value, len(value))) == printable(value)


@given(st.one_of(TEXTS, MARKUP))
def test_a_cell_stays_one_cell(value: str) -> None:
    """Any text is one cell of its table, whose bars are escapes."""
    cell = text(value, len(value), cell=True)
    tokens = inside(f"| a | b |\n|---|---|\n| {cell} | end |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert [token.content for token in cells][3:] == ["end"] and len(cells) == 4
    seen = "".join(each.content for each in cells[2].children or ())
    assert seen == printable(value).replace("|", "\\u007c")


@pytest.mark.parametrize("name", KINDS)
def test_an_example_stays_in_its_fence(name: str) -> None:
    """A text in an example is the content of one fence, whatever fences it has itself."""
    found = {"inherited": {"shown": True, "slices": [_slice(KINDS[name])]}}
    fences = [token for token in inside(markdown({**old(), **found})) if token.type == "fence"]
    (fence,) = fences
    kept = KINDS[name][:600]
    wanted = "".join(each if each in "\n\t" else printable(each) for each in kept)
    assert fence.content == f"{wanted}\n" and fence.info == "text"


def _slice(value: str) -> dict[str, Any]:
    return {"field": "label", "value": "x", "examples": [{"id": "1", "text": value, "why": "w"}]}


def sizes(value: Any, times: int) -> Any:
    """A report whose lists are so many times as long, and whose texts are huge."""
    if isinstance(value, list):
        return [sizes(each, times) for each in value] * times
    if isinstance(value, dict):
        return {name: sizes(each, times) for name, each in value.items()}
    return f"{value} | " * 100 if isinstance(value, str) and len(value) > 12 else value


@pytest.mark.parametrize("make", [rich, bare, old])
def test_it_is_always_shorter_than_1_mib(make: Any) -> None:
    """However much there is to show, it fits, and what was left out is counted."""
    assert len(markdown(make()).encode()) < 30_000
    made = markdown(sizes(make(), 40 if make is rich else 1))
    assert len(made.encode()) < LIMIT
    if make is rich:
        assert "more are not shown here" in made and "more characters" in made


def test_what_does_not_fit_is_counted() -> None:
    """The last parts are left out as a whole, up to the very last bytes that there are."""
    found = bare()
    found["provenance"] = {f"field {number}": {"a value": number} for number in range(20_000)}
    made = markdown(found)
    assert LIMIT - 2000 < len(made.encode()) < LIMIT
    assert made.endswith("more parts did not fit here; they are in the JSON report.\n")


def test_what_is_shown_is_what_was_found() -> None:
    """Verdict, gates, every number of the tables and every section are there."""
    made = markdown(rich())
    assert made.startswith("# synthgate report: STOP\n")
    said = set(_cells(made))
    for row in ("8,424", "60.7 %", "Occupied clusters", "vendor-b", "\\u200b\\u202e", "2026-11"):
        assert row in said, row
    titles = [line[3:] for line in made.splitlines() if line.startswith("## ")]
    sections = ["Inherited error", "Narrowing", "Collapse", "Poisoning", "Provenance", "Drift"]
    assert titles == ["At a glance", *sections]
    assert markdown(bare()).count("not shown") >= 9


def _cells(made: str) -> Iterator[str]:
    for token in inside(made):
        if token.type == "inline":
            yield "".join(each.content for each in token.children or ())
