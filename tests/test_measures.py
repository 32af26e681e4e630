"""Each measure against an oracle that is written down another way, and what chance does."""

from __future__ import annotations

import math
import random
import zlib
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, fisher_exact

from synthgate.measures import Sample, deals
from synthgate.measures.clusters import Clusters
from synthgate.measures.compared import LIMIT, Compared, compared
from synthgate.measures.compression import Compression
from synthgate.measures.deals import Table, table
from synthgate.measures.holes import holes
from synthgate.measures.lengths import Lengths, quantiles
from synthgate.measures.neighbours import Neighbours
from synthgate.measures.rare import Rare, missing
from synthgate.measures.scripts import script, shares
from synthgate.measures.slices import rare_slices
from synthgate.measures.text import words_of
from synthgate.measures.vocabulary import vocabulary
from synthgate.measures.words import InCommon


def texts(seed: int, count: int, most: int = 12) -> list[str]:
    """Texts of a few words out of 200, the first of which are common."""
    draw = random.Random(seed)
    return [
        " ".join(f"w{int(200 * draw.random() ** 3)}" for _ in range(draw.randint(1, most)))
        for _ in range(count)
    ]


def dealt(rows: int = 90, real: int = 240, seed: int = 0) -> Table:
    """The deals of random texts."""
    return table("seed", Sample(texts(seed, rows)), Sample(texts(seed + 1, real)))


def vectors(count: int, size: int = 6, seed: int = 0) -> np.ndarray:
    """Unit vectors in all directions."""
    drawn = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


# --- deals ------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.integers(20, 300), st.integers(60, 600), st.integers(0, 9))
def test_parts_are_disjoint_and_of_equal_size(rows: int, real: int, seed: int) -> None:
    """Any sizes: a deal's real parts share no row, all parts have n rows, of the right side."""
    found = dealt(rows, real, seed)
    for deal in found.deals[:5]:
        theirs = np.concatenate([deal.one, deal.other, deal.reference])
        assert len(set(theirs.tolist())) == len(theirs) == found.real
        assert len(deal.rows) == len(deal.one) == len(deal.other) == found.size
        assert len(deal.reference) >= found.size
        assert (deal.rows < found.rows).all()
        assert (theirs >= found.rows).all()
        assert len(set(deal.rows.tolist())) == found.size


def test_equal_texts_are_dealt_apart() -> None:
    """A hundred equal texts are a hundred rows: they do not all come into one part."""
    found = table("seed", Sample(["same"] * 30), Sample(["same"] * 50 + texts(1, 70)))
    for deal in found.deals[:5]:
        same = sum(found.texts[row] == "same" for row in deal.one.tolist())
        assert 0 < same < len(deal.one)


def test_a_deal_depends_on_the_seed_alone() -> None:
    """Another order of the rows deals the same texts into the same parts; another seed does not."""
    rows, real = texts(0, 40), texts(1, 120)

    def parts(seed: str, rows: list[str], real: list[str]) -> list[list[str]]:
        found = table(seed, Sample(rows), Sample(real))
        return [sorted(found.texts[row] for row in deal.one.tolist()) for deal in found.deals]

    assert parts("a", rows, real) == parts("a", rows[::-1], real[::-1])
    assert parts("a", rows, real) != parts("b", rows, real)


def test_above_the_limit_a_subsample_is_dealt(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows there are, a part has no more than `MOST`."""
    monkeypatch.setattr(deals, "MOST", 25)
    found = dealt(600, 900)
    assert (found.size, found.rows, found.real) == (25, 100, 75)


# --- what chance does -------------------------------------------------------------------


class Mean:
    """A measure whose variance is known: the mean of a number of each row."""

    name = title = sees = misses = "mean"
    directed = True

    def __init__(self, numbers: np.ndarray) -> None:
        self.numbers = numbers

    def against(self, reference: Any) -> Any:
        return lambda rows: float(self.numbers[rows].mean())


@pytest.mark.parametrize(("rows", "real"), [(100, 300), (1000, 300), (100, 1200)])
def test_band_and_interval_are_those_of_a_mean(rows: int, real: int) -> None:
    """For a mean, both are what its variance says: 3.14 and 1.96 standard errors."""
    found = dealt(rows, real)
    numbers = 10 + np.random.default_rng(rows).normal(size=found.rows + found.real)
    said = compared(found, Mean(numbers))
    error = math.sqrt(1 / found.rows + 1 / found.real) / 10
    assert (said.band[1] - 1) / 3.14 == pytest.approx(error, rel=0.3)
    assert (said.high - said.low) / 2 / 1.96 == pytest.approx(error, rel=0.3)
    assert said.ratio == pytest.approx(
        numbers[: found.rows].mean() / numbers[found.rows :].mean(), abs=error
    )


def test_real_rows_are_seldom_outside() -> None:
    """Rows drawn as the real ones are: 60 means, none beyond a band of 3.14 standard errors."""
    outside = 0
    found = dealt(40, 120)
    for seed in range(60):
        draw = np.random.default_rng(seed)
        outside += compared(found, Mean(5 + draw.gamma(2.0, size=160))).outside
    assert outside <= 1


@example(0.9, 0.05, 0.2)  # beyond chance only
@example(0.9, 0.2, 0.05)  # beyond the limit only
@example(0.7, 0.05, 0.2)
@example(1.3, 0.05, 0.2)
@given(st.floats(0, 2), st.floats(0.01, 0.5), st.floats(0, 0.5))
def test_narrower_is_beyond_chance_and_beyond_the_limit(
    ratio: float, wide: float, limit: float
) -> None:
    """Both must hold: below the band, and less by more than the limit."""
    found = Compared(ratio, 1.0, ratio, ratio, ratio, (1 - wide, 1 + wide))
    assert found.narrower(limit) == (ratio < 1 - wide and 1 - ratio > limit)
    assert found.outside == (ratio < 1 - wide or ratio > 1 + wide)


# --- six measures -----------------------------------------------------------------------


def test_compression_is_zlib_at_equal_bytes() -> None:
    """The compressed share of as many bytes of each part as the shortest part has."""
    found = dealt()
    measure = Compression(found)
    parts = [part for deal in found.deals for part in (deal.rows, deal.one, deal.other)]
    joined = ["\n".join(found.texts[row] for row in part) for part in parts]
    least = min(len(text) for text in joined) + 1
    for part, text in zip(parts[:4], joined[:4], strict=True):
        ours = text.encode()[:least]
        oracle = len(zlib.compress(ours, 3)) / len(ours)
        assert measure.against(part)(part) == pytest.approx(oracle, rel=1e-3)


def test_lengths_are_the_mean_difference_of_all_pairs() -> None:
    """Gini's mean difference by its definition: every pair, as logarithms."""
    found = dealt()
    part = found.deals[0].rows
    logs = [math.log1p(len(found.texts[row])) for row in part.tolist()]
    pairs = [abs(a - b) for at, a in enumerate(logs) for b in logs[:at]]
    assert Lengths(found).against(part)(part) == pytest.approx(sum(pairs) / len(pairs))


def test_quantiles_are_lengths_that_occur() -> None:
    """A quantile is the length of a row: the least one that enough rows do not exceed."""
    found = quantiles(["a" * n for n in range(1, 101)] + ["b" * 7] * 3, 100)
    assert found["rows"] == [5, 25, 50, 75, 95]
    assert found["real"] == [7] * 5


def test_neighbours_are_those_of_the_part() -> None:
    """The distance to the nearest other row of the same part, as if there were no other rows."""
    found = dealt()
    space = vectors(len(found.texts))
    measure = Neighbours(found, space)
    for part in (found.deals[0].rows, found.deals[1].one, found.deals[2].other, found.halves[0]):
        close = space[part] @ space[part].T
        np.fill_diagonal(close, -1)
        oracle = float((1 - close.max(axis=1)).mean())
        assert measure.against(part)(part) == pytest.approx(oracle, abs=2e-3)


def test_words_in_common_are_1_less_the_divergence_of_scipy() -> None:
    """Jensen-Shannon in bits, of the words of the reference and of as many of the part."""
    found = dealt()
    words = words_of(found.texts)
    deal = found.deals[0]
    measure = InCommon(found, words)
    least = min(words.lengths[part].sum() for d in found.deals for part in (d.rows, d.one, d.other))
    said = [word for row in deal.rows for word in found.texts[row].split()][: int(least)]
    ours = Counter(said)
    theirs = Counter(word for row in deal.reference for word in found.texts[row].split())
    names = sorted(ours | theirs)
    oracle = jensenshannon([ours[n] for n in names], [theirs[n] for n in names], base=2) ** 2
    oracle = 1 - oracle
    assert measure.against(deal.reference)(deal.rows) == pytest.approx(oracle, abs=1e-3)


def test_rare_is_the_share_of_words_and_slices_that_are_left() -> None:
    """Half of the rare words and a third of the rare slices: the mean of both."""
    common = ["the cat sat"] * 300
    usual = [f"often{n % 30} cat sat" for n in range(90)]  # three times each: not rare
    real = common + usual + [f"rare{n} cat sat" for n in range(40)]
    field = [""] * 390 + [f"slice{n % 20}" for n in range(40)]
    rows = ["the cat sat"] * 80 + [f"rare{n} cat sat" for n in range(20)]
    ours = ["slice0"] * 100
    found = table("s", Sample(rows, {"label": ours}), Sample(real, {"label": field}))
    everything = found.rows + np.arange(found.real)
    measure = Rare(found, words_of(found.texts))
    value = measure.against(everything)(np.arange(found.rows))
    assert value == pytest.approx((20 / 40 + 1 / 20) / 2)
    assert missing(words_of(found.texts), np.arange(found.rows), everything)["recalled"] == 20


def test_clusters_fall_with_the_topics_that_are_left() -> None:
    """Rows in one of eight directions fill an eighth of the cells that rows in all of them do."""
    found = dealt(120, 360)
    corners = np.eye(8, dtype=np.float32)[np.arange(len(found.texts)) % 8]
    spread = corners + 0.1 * vectors(len(found.texts), 8)
    narrow = spread.copy()
    narrow[: found.rows] = corners[0] + 0.1 * vectors(found.rows, 8)
    all_of_them = compared(found, Clusters(found, spread))
    one_of_them = compared(found, Clusters(found, narrow))
    assert not all_of_them.outside
    assert one_of_them.ratio == pytest.approx(1 / 8, abs=0.04)
    assert one_of_them.narrower(LIMIT)


def test_a_real_row_is_never_in_its_own_cell() -> None:
    """Centres are real rows: each is left out of its map, or real rows would look more spread."""
    found = dealt(60, 180)
    measure = Clusters(found, vectors(len(found.texts)))
    for homes in measure._homes:
        assert (homes == -1).sum() == measure.cells
        assert (homes[: found.rows] >= 0).all()


# --- what is named ----------------------------------------------------------------------


def test_a_hole_is_named_where_fisher_says_so() -> None:
    """A topic that is missing is named with its words, and its counts pass Fisher's exact test."""
    topics = ["red apple pie", "blue sea wave", "green old tree", "black iron gate"]
    real = [f"{topics[n % 4]} {n}" for n in range(400)]
    rows = [f"{topics[n % 3]} {n}" for n in range(300)]
    corners = np.eye(4, dtype=np.float32)
    space = np.concatenate([corners[np.arange(300) % 3], corners[np.arange(400) % 4]])
    found, clusters = holes(rows + real, space + 0.01 * vectors(700, 4), 300)
    assert clusters == 16
    assert {each["state"] for each in found} == {"empty"}
    assert sum(each["real"] for each in found) == 100
    assert {"black", "iron", "gate"} <= {word for each in found for word in each["words"]}
    for each in found:
        counts = [[each["rows"], 300 - each["rows"]], [each["real"], 400 - each["real"]]]
        assert fisher_exact(counts, alternative="less")[1] < 0.01 / clusters
        assert all("iron" in text for text in each["examples"])


def test_no_hole_is_named_by_chance() -> None:
    """Rows drawn as the real ones are: nothing is named in 20 draws."""
    for seed in range(20):
        space = vectors(500, 8, seed)
        assert holes(["a b"] * 500, space, 200)[0] == []


def test_words_are_named_by_their_evidence() -> None:
    """The order is that of scipy's log-likelihood ratio, and only sure ones are named."""
    rows = texts(3, 150) + ["dear customer hope"] * 40
    real = texts(4, 300) + ["please refund"] * 30
    words = words_of(rows + real)
    found = vocabulary(words, np.arange(190), 190 + np.arange(330))
    ours, theirs = (Counter(" ".join(side).split()) for side in (rows, real))

    def evidence(word: str) -> float:
        a, b = ours[word], theirs[word]
        table = [[a, ours.total() - a], [b, theirs.total() - b]]
        return chi2_contingency(table, correction=False, lambda_="log-likelihood")[0]

    over = [each["word"] for each in found["over"]]
    assert set(over[:3]) == {"dear", "customer", "hope"}
    assert {"please", "refund"} <= {each["word"] for each in found["under"]}
    assert all(evidence(each["word"]) > 14 for side in found.values() for each in side)
    assert all(each["ratio"] > 1 for each in found["over"])
    assert all(each["ratio"] < 1 for each in found["under"])


def test_rare_slices_are_those_of_few_real_rows() -> None:
    """At most 1 % of the real rows, more than one, and enough rows to expect three of them."""
    real = ["a"] * 985 + ["b"] * 8 + ["c"] * 6 + ["d"]
    found = rare_slices({"f": ["a"] * 3990 + ["b"] * 10}, {"f": real, "g": ["x"] * 1000})
    assert found == {"f": {"real": 2, "recalled": 1, "missing": ["c"]}}
    assert rare_slices({"f": ["a"] * 300}, {"f": real})["f"]["real"] == 0
    assert rare_slices({"f": ["z"] * 300}, {"f": real}) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words", "Latin"), ("12, 34!", "none"), ("", "none"), ("Привет мир", "Cyrillic"),
        ("你好世界", "Cjk"), ("مرحبا", "Arabic"), ("नमस्ते दुनिया", "Devanagari"),
        ("\uff46\uff55\uff4c\uff4c", "Latin"),
        ("Ünïcödé", "Latin"), ("mostly Latin, one я", "Latin"), ("\x00\u202e", "none"),
    ],
)  # fmt: skip
def test_script_is_that_of_most_letters(text: str, expected: str) -> None:
    """The script of a text, by Unicode's names."""
    assert script(text) == expected


@settings(max_examples=30)
@given(st.lists(st.text(max_size=20), max_size=8), st.lists(st.text(max_size=20), max_size=8))
def test_shares_of_scripts_add_up(rows: list[str], real: list[str]) -> None:
    """Any texts: the shares of each side are 1 in all, or 0 where there is nothing."""
    found = shares(rows, real, script)
    for side, given_ in (("rows", rows), ("real", real)):
        assert sum(each[side] for each in found) == pytest.approx(1.0 if given_ else 0.0, abs=0.002)
