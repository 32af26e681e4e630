"""Narrowing: rows that say less than real ones are seen and named, and real rows never are."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from synthgate.embedders.static import Static
from synthgate.measures import Sample
from synthgate.measures.deals import table
from synthgate.measures.narrowing import measured, narrowing, summary
from synthgate.measures.scripts import languages
from synthgate.measures.text import words_of
from synthgate.rows import lot
from synthgate.verifiers.rules.languages import _identifier

NAMES = ["compression", "clusters", "words", "neighbours", "lengths", "rare"]
TOPICS = {
    "cards": ("card", "pin", "chip", "cash machine", "limit"),
    "travel": ("flight", "hotel", "luggage", "passport", "train"),
    "kitchen": ("recipe", "oven", "butter", "garlic", "soup"),
    "weather": ("rain", "storm", "snow", "sunshine", "forecast"),
}
FRAMES = (
    "how do I find the {} for my {} {}", "why is my {} still not with the {} since {}",
    "please tell me about the {} and the {} of {}", "is there any {} left near the {} on {}",
    "the {} broke and now the {} says {}", "can someone explain {} or {} before {}",
)  # fmt: skip
DAYS = ("monday", "friday", "new year", "easter", "noon", "midnight", "may", "june", "the weekend")


@lru_cache
def said(topic: str) -> list[str]:
    """A few hundred texts of a topic, in an order that only hashes decide."""
    words = TOPICS[topic]
    texts = [
        frame.format(one, other, day)
        for frame in FRAMES
        for one in words
        for other in words
        for day in DAYS
    ]
    return sorted(texts, key=lambda text: lot("said", text))


def mixed(first: int, last: int, topics: tuple[str, ...] = tuple(TOPICS)) -> Sample:
    """The texts from `first` to `last` of each topic, with the topic as a field."""
    rows = [(text, topic) for topic in topics for text in said(topic)[first:last]]
    return Sample([text for text, _ in rows], {"topic": [topic for _, topic in rows]})


REAL = mixed(0, 150)


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """What is found of rows like the real ones."""
    return narrowing(mixed(150, 210), REAL, "seed", limit=0.1)


@pytest.fixture(scope="module")
def halved() -> dict[str, Any]:
    """What is found of rows that know half of the topics."""
    return narrowing(mixed(150, 270, ("cards", "travel")), REAL, "seed", limit=0.1)


def test_every_key_is_there_and_is_json(whole: dict[str, Any]) -> None:
    """The section has the agreed keys, six measures by name, and can be written as JSON."""
    assert {
        "shown", "rows", "real", "compared", "measures", "worst", "languages", "scripts",
        "clusters", "clusters_all", "dealt", "words", "lengths", "rare", "gate",
    } <= whole.keys()  # fmt: skip
    assert [each["name"] for each in whole["measures"]] == NAMES
    keys = {"name", "title", "value", "real", "ratio", "low", "high", "band", "outside"}
    for each in whole["measures"]:
        assert keys | {"narrower", "effect", "sees", "misses"} <= each.keys()
    assert json.loads(json.dumps(whole)) == whole


def test_rows_like_the_real_ones_pass(whole: dict[str, Any]) -> None:
    """Where rows are drawn as the real ones are, nothing is narrower and the gate is silent."""
    assert not any(each["narrower"] for each in whole["measures"])
    assert whole["gate"]["stops"] is False
    assert whole["clusters"] == []


def test_lost_topics_stop_the_gate_and_are_named(halved: dict[str, Any]) -> None:
    """Where half of the topics are missing, the clusters are named by words of those topics."""
    clusters = next(each for each in halved["measures"] if each["name"] == "clusters")
    assert clusters["narrower"]
    assert halved["gate"]["stops"]
    named = {word for each in halved["clusters"] for word in each["words"]}
    assert named & {word for topic in ("kitchen", "weather") for word in TOPICS[topic]}
    assert {each["state"] for each in halved["clusters"]} <= {"empty", "thin"}
    assert all(each["examples"] for each in halved["clusters"])


def test_without_a_limit_nothing_stops(halved: dict[str, Any]) -> None:
    """The gate is the user's: the same findings, and no stop."""
    found = narrowing(mixed(150, 270, ("cards", "travel")), REAL, "seed")
    assert found["gate"] == {**found["gate"], "limit": None, "stops": False}
    assert found["measures"] == halved["measures"]


def test_a_high_limit_lets_pass(halved: dict[str, Any]) -> None:
    """Effects below the limit do not stop, however sure they are."""
    worst = max(each["effect"] for each in halved["measures"] if each["directed"])
    found = narrowing(mixed(150, 270, ("cards", "travel")), REAL, "seed", limit=worst)
    assert found["gate"]["stops"] is False
    assert not any(each["narrower"] for each in found["measures"])
    assert found["worst"] == halved["worst"]


def test_other_words_are_no_narrowing() -> None:
    """The divergence of words tells sets apart; it alone never calls one narrower."""
    found = narrowing(
        Sample(
            [text.upper().replace("O", "0").replace("E", "3") for text in mixed(150, 210).texts]
        ),
        REAL,
        "seed",
        limit=0.0,
    )
    words = next(each for each in found["measures"] if each["name"] == "words")
    assert words["outside"]
    assert words["ratio"] < words["band"][0]
    assert not words["narrower"]


def test_the_order_of_rows_does_not_matter(whole: dict[str, Any]) -> None:
    """The same rows in another order give the same section, to the last digit."""
    rows = mixed(150, 210)
    turned = rows.part(list(range(len(rows.texts)))[::-1])
    other = REAL.part(list(range(len(REAL.texts)))[::-1])
    assert narrowing(turned, other, "seed", limit=0.1) == whole


def test_fields_are_recalled_by_name() -> None:
    """A rare value of a field that no row has is named."""
    labels = {"topic": ["rain"] * 2 + ["card"] * (len(REAL.texts) - 2)}
    rows = mixed(150, 450)
    ours = {"topic": ["card"] * len(rows.texts)}
    found = narrowing(Sample(rows.texts, ours), Sample(REAL.texts, labels), "seed")
    assert found["rare"]["slices"] == {"topic": {"real": 1, "recalled": 0, "missing": ["rain"]}}


def test_without_the_extra_there_are_scripts_and_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No language identifier: no languages, why, and scripts as ever."""
    _identifier.cache_clear()
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    spoken, why = languages(["one text"], ["another"])
    _identifier.cache_clear()
    assert spoken == []
    assert "pip install 'synthgate[lang]'" in why


HOSTILE = [
    "", " ", "\x00", "\u202e\u200b", "\x1b[31mred", "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0", "a" * 100_000, "\U000e0041", "\n\n", "日本語", "é", "1", "🙂" * 50,
]  # fmt: skip


@settings(max_examples=6)
@given(
    st.lists(st.sampled_from(HOSTILE), min_size=20, max_size=40),
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=10), min_size=60, max_size=80),
)
def test_hostile_text_is_measured(rows: list[str], real: list[str]) -> None:
    """Any text: no error, no warning, finite numbers, and JSON in which no text is too long."""
    found = narrowing(Sample(rows), Sample(real), "seed", limit=0.1)
    said = json.dumps(found, allow_nan=False)
    assert len(said) < 200_000
    for each in found["measures"]:
        assert each["low"] <= each["ratio"] <= each["high"]
        assert 0 <= each["band"][0] <= 1 <= each["band"][1]


def test_real_rows_of_a_corpus_are_not_narrower(shared: Callable[[str], Path]) -> None:
    """Eight disjoint splits of real questions of a bank: nothing is narrower than the rest."""
    with shared("banking77/train.csv").open(newline="", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    texts = sorted(dict.fromkeys(texts), key=lambda text: lot("null", text))
    for at in range(0, 8 * 400, 400):
        rows, real = texts[at : at + 100], texts[at + 100 : at + 400]
        dealt = table("seed", Sample(rows), Sample(real))
        embedded = Static().embed(dealt.texts)
        for measure, found in measured(dealt, embedded, words_of(dealt.texts)):
            assert not (measure.directed and found.narrower(0.0)), measure.name


def test_too_few_rows_are_said_to_be_too_few() -> None:
    """Nothing is measured on 19 rows, or against 59 real ones."""
    found = narrowing(Sample(["a"] * 19), REAL, "seed")
    assert found == {"shown": False, "why": found["why"]}
    assert "19 rows" in found["why"]
    assert not narrowing(REAL, Sample(["a"] * 59), "seed")["shown"]


def test_summary_falls_when_rows_narrow() -> None:
    """Half of the topics and repeats: less rare words, less entropy, more duplicates."""
    fine = summary(mixed(150, 210), REAL)
    less = summary(mixed(150, 160, ("cards",) * 4), REAL)
    assert less["rare_recall"] <= fine["rare_recall"]
    assert less["entropy"] < fine["entropy"]
    assert fine["duplicates"] == 0
    assert less["duplicates"] == 0.75


def test_summary_is_counted_by_hand() -> None:
    """Two of four rare words, the entropy of seven words, a third of the rows repeated."""
    real = Sample(["b b b a", "b b b c", "b b b d", "b b b e"])
    found = summary(Sample(["a b", "A  b", "a b c"]), real)
    assert found["rare_recall"] == 0.5
    assert found["duplicates"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["entropy"] == pytest.approx(entropy([3, 3, 1], base=2), abs=1e-4)


def test_summary_counts_rare_slices_as_much_as_rare_words() -> None:
    """No rare words, and one of two rare values of a field: their share is the recall's half."""
    labels = ["usual"] * 980 + ["gone"] * 10 + ["kept"] * 10
    ours = ["usual"] * 990 + ["kept"] * 10
    found = summary(
        Sample(["word"] * 1000, {"label": ours}), Sample(["word"] * 1000, {"label": labels})
    )
    assert found["rare_recall"] == (0 + 1 / 2) / 2
