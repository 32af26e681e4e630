"""`docs/report-forms.md` cannot drift: it names what a report has, and its pictures are there."""

from __future__ import annotations

import re

from synthgate.render.first_screen import cards
from synthgate.render.sections import sections
from tests.conftest import ROOT
from tests.hostile_texts import KINDS
from tests.report_fixture import rich

PAGE = (ROOT / "docs" / "report-forms.md").read_text()


def test_every_card_and_section_is_named() -> None:
    """The cards are the rows of the table, in their order; so are the sections of the sentence."""
    rows = re.findall(r"^\| ([^|]+) \|", PAGE, re.MULTILINE)
    assert rows == ["card", "verdict", *(card.title for card in cards(rich()))]
    (listed,) = re.findall(r"Then come (.*?)\. ", PAGE)
    assert re.split(", | and ", listed) == [each.title.lower() for each in sections(rich())]
    assert f"{len(KINDS)} kinds of hostile text" in PAGE


def test_the_pictures_are_there_and_small() -> None:
    """The report is shown in light and in dark, in pictures that a checkout can bear."""
    found = re.findall(r"!\[.*?\]\((.*?\.png)\)", PAGE)
    assert found == ["report-light.png", "report-dark.png"]
    for name in found:
        data = (ROOT / "docs" / name).read_bytes()
        assert data[:4] == b"\x89PNG" and len(data) < 300_000
