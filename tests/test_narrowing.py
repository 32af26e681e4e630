"""Narrowing: rows that say less than real ones are seen and named, and real rows never are."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import pytest

from synthgate.measures import Sample
from synthgate.measures.narrowing import narrowing, summary
from synthgate.rows import lot

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
