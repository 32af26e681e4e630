"""What docs/evidence.md says of narrowing is what was measured, and holds what it promises."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.narrowing_tables import BEGIN, END, counted, put, tables
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """The results of the benchmark."""
    results: dict[str, Any] = json.loads((ROOT / "benchmarks/results/narrowing.json").read_text())
    return results


def test_the_page_shows_what_was_measured(found: dict[str, Any]) -> None:
    """The section between the marks is made of the results, to the letter."""
    page = (ROOT / "docs/evidence.md").read_text()
    assert put(page, tables(found)) == page
    assert page.count(BEGIN) == page.count(END) == 1


def test_real_rows_fire_in_two_of_a_hundred_splits_at_most(found: dict[str, Any]) -> None:
    """200 fresh splits of each corpus: all six measures together at most 2 %, so each one, too."""
    assert {row["corpus"] for row in found["null"]} == {"clinc150", "banking77", "stdlib"}
    for row in found["null"]:
        assert row["splits"] == 200
        assert row["below"]["any"] <= 4
        assert row["fires"]["any"] <= row["below"]["any"]
        assert row["holes"] <= 4


def test_large_losses_are_seen(found: dict[str, Any]) -> None:
    """Half of the tail gone, however it was dropped: seen in four of five runs of 400 rows."""
    rows = [row for row in found["power"] if row["n"] >= 400 and row["dropped"] == 50]
    assert {row["tail"] for row in rows} == {"lm", "density", "topics"}
    assert all(row["seen"]["below"] >= 0.8 for row in rows)


def test_cost_is_within_its_share(found: dict[str, Any]) -> None:
    """100,000 rows of 150 characters and as many real ones: 30 CPU seconds and 1 GB at most."""
    (cost,) = found["cost"]
    assert (cost["rows"], cost["characters"]) == (100_000, 150)
    assert cost["seconds"] <= 30
    assert cost["memory"] <= 1000


def test_counting_splits() -> None:
    """A split counts once in `any`, whichever measures are below, and words never are."""
    names = ("compression", "clusters", "words", "neighbours", "lengths", "rare")

    def run(*below: str) -> dict[str, Any]:
        return {
            "measures": {
                name: {
                    "ratio": 0.8 if name in below else 1.0,
                    "low": 0.7,
                    "high": 0.9 if name in below else 1.1,
                    "outside": name in below or name == "words",
                    "below": name in below,
                    "fires": False,
                }
                for name in names
            },
            "holes": len(below),
        }

    known = {
        ("null", "c", 100, 0): run(),
        ("null", "c", 100, 1): run("rare", "lengths"),
        ("power", "c", 400, "lm", 10, 0): run("rare"),
        ("power", "c", 400, "lm", 10, 1): run(),
    }
    made = counted(known)
    (null,), (power,) = made["null"], made["power"]
    assert null["below"] == {**dict.fromkeys(names, 0), "rare": 1, "lengths": 1, "any": 1}
    assert null["outside"]["any"] == 2
    assert null["holes"] == 1
    assert null["interval_holds_1"]["rare"] == 0.5
    assert power["seen"]["rare"] == power["seen"]["below"] == 0.5
    assert power["seen"]["words"] == 1.0
    assert power["ratio"]["rare"] == 0.9


def test_putting_twice_changes_nothing() -> None:
    """The section is replaced, and what stands around it stays."""
    page = put("# Evidence\n\nbefore\n", "one")
    page += "\nafter\n"
    assert put(page, "one") == page
    assert put(page, "two") == page.replace("one", "two")
