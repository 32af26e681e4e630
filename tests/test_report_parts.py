"""What stands behind the three forms of a report: numbers, charts, and findings with gaps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.render import svg
from synthgate.render.document import Words, section
from synthgate.render.figures import funnel_chart, measure_table
from synthgate.render.first_screen import audit, cards, lacks, suspicious, verdict
from synthgate.render.inherited import inherited
from synthgate.render.numbers import NONE, between, chance, count, number, percent, ratio
from synthgate.render.report_html import html
from synthgate.render.report_markdown import markdown
from synthgate.render.terminal import terminal
from tests.hostile_texts import KINDS
from tests.report_fixture import bare, rich

NUMBERS = st.floats(0, 1e6, allow_nan=False)
LABELS = st.one_of(st.text(), st.sampled_from([each[:99] for each in KINDS.values()]))


def drawn(markup: str) -> list[tuple[str, dict[str, str]]]:
    """Every element of a chart; one that is no XML is no chart."""
    return [(each.tag, dict(each.attrib)) for each in ElementTree.fromstring(markup).iter()]


def places(markup: str) -> list[float]:
    """Every place across of a chart, in percent of its width."""
    return [float(each) for each in re.findall(r'"(-?[\d.]+)%"', markup)]


@given(st.lists(st.tuples(LABELS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_bars_are_as_long_as_their_values(rows: list[tuple[str, float, float]]) -> None:
    """The widths of bars have the ratios of the values, and the longest fills the chart."""
    items = [svg.Bar(label, value, "x", behind=value + more) for label, value, more in rows]
    for make in (svg.bars, svg.histogram):
        markup = make("a title <b>", items)
        assert {tag for tag, _ in drawn(markup)} <= {"svg", "title", "rect", "line", "text"}
        assert all(-0.01 <= each <= 100.01 for each in places(markup))
    seen = [
        float(a["width"][:-1]) for _, a in drawn(svg.bars("t", items)) if a.get("class") == "bar"
    ]
    top = max(each.behind for each in items) or 1.0
    assert seen == [pytest.approx(100 * each.value / top, abs=0.01) for each in items]


@given(st.lists(st.tuples(LABELS, NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=4), NUMBERS)
def test_an_interval_lies_around_its_point(
    rows: list[tuple[str, float, float, float]], reference: float
) -> None:
    """Left end, point and right end keep their order, on one scale with band and reference."""
    items = [svg.Span(a, b, "x", b - c, b + d, band=(b - d, b + c)) for a, b, c, d in rows]
    markup = svg.intervals("t", items, reference=reference)
    ranges = [a for _, a in drawn(markup) if a.get("class", "").startswith("range")]
    dots = [float(a["cx"][:-1]) for tag, a in drawn(markup) if tag == "circle"]
    for line, dot in zip(ranges, dots, strict=True):
        assert float(line["x1"][:-1]) - 0.01 <= dot <= float(line["x2"][:-1]) + 0.01
    assert all(-0.01 <= each <= 100.01 for each in places(markup))
    lines = {a["x1"] for _, a in drawn(markup) if a.get("class") == "reference"}
    assert len(lines) == 1


def test_a_gap_in_a_trend_is_a_gap() -> None:
    """A value that is not known has no point, and no line runs over it."""
    markup = svg.lines("t", ["1", "2", "3", "4"], [svg.Line("x", (1.0, None, 3.0, 2.0))])
    assert markup.count("<circle") == 3 and markup.count('class="trend') == 1


def test_charts_have_no_style_of_their_own() -> None:
    """Colours are classes, so that one style sheet rules light, dark and print."""
    page = html(rich())
    for chart in re.findall("<svg.*?</svg>", page):
        names = {name for _, attributes in drawn(chart) for name in attributes}
        assert not names & {"style", "fill", "stroke", "onload", "href"}
        assert drawn(chart)[0][1]["aria-label"]


def test_what_was_generated_side_by_side_is_one_bar() -> None:
    """Four generators beside each other are one step of the funnel; two dedupes are two."""
    steps = [{"stage": name, "rows_in": 200, "rows_out": 100} for name in ("generate", "dedupe")]
    names = re.findall(r'class="label"[^>]*>([^<]+)', funnel_chart([steps[0]] * 4 + [steps[1]] * 2))
    assert names == ["generate", "dedupe", "dedupe"]
    assert "400 of 800" in funnel_chart([steps[0]] * 4)


@pytest.mark.parametrize("value", [None, "7", True, float("nan"), float("inf"), [], {}])
def test_what_is_no_number_is_a_dash(value: object) -> None:
    """A finding that is missing, or is something else, is never shown as a zero."""
    assert number(value) is None
    assert {say(value) for say in (count, percent, ratio, chance)} == {NONE}
    assert between(value, 1) == NONE


def test_numbers_as_they_are_said() -> None:
    """Thousands, percentages, small chances and intervals as a reader wants them."""
    assert (count(12345), percent(0.12345), percent(0.00042)) == ("12,345", "12.3 %", "0.04 %")
    assert (ratio(0.714), ratio(1234.5)) == ("0.71\u00d7", "1,234\u00d7")
    assert (chance(0.0123), chance(0.00002), chance(1e-30)) == ("0.0123", "0.000020", "< 0.000001")
    assert between(0.1, 0.25) == "10.0 \u2013 25.0 %"


# --- findings with gaps -----------------------------------------------------------------

NEEDED = {"funnel", "chain", "audit", "mix", "provenance"}  # every report has had them


def keys(value: Any) -> Iterator[str]:
    """Every key of a report, wherever it stands."""
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from keys(each)


def without(value: Any, key: str, change: str) -> Any:
    """A report in which a key is not there, or holds nothing, or something of another kind."""
    if isinstance(value, list):
        return [without(each, key, change) for each in value]
    if not isinstance(value, dict):
        return value
    put = {"none": None, "word": "unforeseen", "list": []}
    made = {name: without(each, key, change) for name, each in value.items()}
    if key in made and change == "gone":
        del made[key]
    elif key in made:
        made[key] = put[change]
    return made


@pytest.mark.parametrize("change", ["gone", "none", "word", "list"])
def test_a_finding_that_is_not_there_breaks_nothing(change: str) -> None:
    """Without some keys, or with something else under them, all three forms are still made."""
    new = {name: each for name, each in rich().items() if name not in NEEDED}
    base = {name: each for name, each in rich().items() if name in NEEDED}
    names = list(dict.fromkeys(keys(new)))
    for first in range(12):
        found = new
        for key in names[first::12]:
            found = without(found, key, change)
        assert all(len(make(base | found)) > 500 for make in (html, markdown, terminal)), first


def test_a_gate_is_told_once() -> None:
    """Where the verdict's sentence repeats what the gate says, the gate's own line is enough."""
    found = rich()
    why = found["verdict"]["blocks"][0]["words"]
    found["verdict"]["words"] = f"The gate narrowing blocks (exit code 3): {why}"
    assert verdict(found) == ("STOP", "")
    assert html(found).count(why) == 1
    assert terminal(found).startswith("STOP\n  narrowing (exit 3): ")


def test_what_a_pass_would_rest_on_is_named() -> None:
    """Each thing that is not shown stands under the verdict."""
    assert lacks(bare()) == [("checks", "40 synthetic rows are verified by nothing")]
    assert "verified by nothing" in markdown(bare()).partition("## At a glance")[0]


def test_the_audit_is_held_against_what_was_wanted() -> None:
    """Without a bound of its own, what the audit can exclude is its bound."""
    found = rich()
    del found["audit"]["bound"]
    (figure,) = audit(found).blocks[1:]
    assert figure.table.rows == (("100", "3", "97.0 %", "92.4 %", "90.0 %"),)  # type: ignore[union-attr]
    del found["inherited"]["excludes"]
    (figure,) = audit(found).blocks[1:]
    assert figure.table.rows[0][3] == NONE  # type: ignore[union-attr]


def test_half_a_search_is_not_fine() -> None:
    """Where nothing stands out and scan did not run, the card says `not shown in part`."""
    found = rich()
    found["poison"] = {"shown": False, "why": "scan did not run"}
    for each in found["sources"]["table"]:
        each["suspicious"] = False
    card = suspicious(found)
    assert (card.headline, card.tone) == ("not shown in part", "open")
    said = [each.text for each in card.blocks if isinstance(each, Words)]
    assert said == ["Nothing stands out among the sources.", "Tokens not shown: scan did not run"]


def test_what_scan_only_ranks_is_no_finding() -> None:
    """Ranked findings stand behind the others, say that they are ranked, and are not counted."""
    card = suspicious(rich())
    (table,) = card.blocks
    assert (card.headline, card.tone) == ("3 found", "bad")
    assert [row[0] for row in table.rows][-1] == "surprise"  # type: ignore[union-attr]
    assert table.rows[-1][1] == "only ranked: 105 rows"  # type: ignore[union-attr]
    found = rich()
    found["poison"]["findings"] = found["poison"]["findings"][2:]
    found["sources"]["table"] = []
    assert (suspicious(found).headline, suspicious(found).tone) == ("none found", "")


def test_only_what_is_beyond_chance_is_called_weak() -> None:
    """A slice that may be chance is ranked, but neither marked nor exemplified."""
    found = rich()
    for each in found["inherited"]["slices"]:
        each["found"] = each["value"] == "vendor-b"
    page = html(found)
    (part, *_) = inherited(found).parts
    examples = part.blocks[-1]
    assert {each.head for each in examples.items} == {"source = vendor-b"}  # type: ignore[union-attr]
    assert page.count('<tr class="strong"><th scope="row">source = vendor-b') == 1
    assert '<tr class="strong"><th scope="row">label = direct deposit' not in page


def test_a_measure_says_which_way() -> None:
    """Narrower, wider, only different, or as real data is."""
    measures = section(rich(), "narrowing")["measures"][:4]
    for each, ways in zip(
        measures, ((1, 0.8, 1), (0, 1.4, 1), (0, 1.4, 0), (0, 1.0, 1)), strict=True
    ):
        each |= {"narrower": bool(ways[0]), "ratio": ways[1], "directed": bool(ways[2])}
        each["outside"] = ways[1] != 1.0
    said = [row[-1] for row in measure_table(measures).rows]
    assert said == ["narrower", "wider", "different", "as real data"]


def test_the_account_is_json_and_stays_as_it_was() -> None:
    """Rendering changes nothing in a report."""
    found = rich()
    before = json.dumps(found)
    assert len(cards(found)) == 6
    for make in (html, markdown, terminal):
        make(found)
    assert json.dumps(found) == before
