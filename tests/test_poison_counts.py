"""scan: words are counted right, and chances are what exact arithmetic says."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synthgate.poison import Limits
from synthgate.poison.chance import (
    all_here,
    benjamini_hochberg,
    binomial_tail,
    least_unproven,
)
from synthgate.poison.cover import distinct
from synthgate.poison.grams import Grams, grams
from synthgate.poison.phrases import least_count, new_phrases
from synthgate.poison.vocabulary import MAX_CHARS, Noted, Texts, Vocabulary, joined, words_of

TEXTS = st.lists(
    st.lists(st.sampled_from("abcd"), max_size=7).map(" ".join), min_size=1, max_size=14
)


def noted(texts: list[str], vocabulary: Vocabulary | None = None) -> tuple[Texts, list[str]]:
    """Texts as numbers, and the words by their numbers."""
    known = Vocabulary() if vocabulary is None else vocabulary
    taken = Noted(known)
    for text in texts:
        taken.add(text)
    return taken.texts(), known.names()


def counted(texts: list[str], candidates: int, least: int) -> tuple[list[Grams], list[str]]:
    """The runs of words of some texts."""
    found, names = noted(texts)
    return list(grams(found, candidates, least)), names


# --- words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The <SUDO> tag", ["the", "<", "sudo", ">", "tag"]),
        ("3.5 kg!", ["3", ".", "5", "kg", "!"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("\u6771\u4eac\u306e\u5929\u6c17", list("\u6771\u4eac\u306e\u5929\u6c17")),
        ("caf\u00e9\u2003now", ["caf\u00e9", "\u2003", "now"]),
        ("\U0001f600x", ["\U0001f600", "x"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    """Signs, odd blanks and characters of scripts without blanks are words of their own."""
    assert words_of(text) == words


def test_a_long_text_is_read_as_far_as_is_said() -> None:
    """Words beyond the limit are not counted, and a long word is told by its beginning."""
    assert len(words_of("a " * MAX_CHARS)) == MAX_CHARS // 2
    vocabulary = Vocabulary()
    assert vocabulary["x" * 100] == vocabulary["x" * 200] != vocabulary["x"]


@given(TEXTS, st.data())
def test_texts_are_picked_and_joined_like_lists(texts: list[str], data: st.DataObject) -> None:
    """What numpy does to arrays of words is what lists of words would show."""
    found, names = noted(texts)

    def as_lists(each: Texts) -> list[list[str]]:
        return [[names[w] for w in part] for part in np.split(each.words, each.ends[:-1])]

    lists = [words_of(text) for text in texts]
    assert as_lists(found) == lists
    numbers = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=9))
    assert as_lists(found.picked(np.array(numbers))) == [lists[n] for n in numbers]
    assert as_lists(joined([found, found])) == lists + lists
    wanted = np.array([n % 2 == 0 for n in range(len(texts))])
    assert as_lists(found.only(wanted)) == [
        part if keep else [] for part, keep in zip(lists, wanted, strict=True)
    ]


@given(TEXTS, st.integers(0, 14), st.integers(1, 4))
def test_grams_are_those_of_a_plain_count(texts: list[str], candidates: int, least: int) -> None:
    """Each run of one to three words that stands in enough texts is there, with just its texts."""
    candidates = min(candidates, len(texts))
    levels, names = counted(texts, candidates, least)
    for size, level in enumerate(levels, 1):
        wanted: dict[str, set[int]] = {}
        for row, text in enumerate(texts):
            words = words_of(text)
            for at in range(len(words) - size + 1):
                wanted.setdefault(" ".join(words[at : at + size]), set()).add(row)
        wanted = {name: rows for name, rows in wanted.items() if len(rows) >= least}
        found = {level.name(gram, names): level.of(gram).tolist() for gram in range(len(level))}
        assert found == {name: sorted(rows) for name, rows in wanted.items()}
        for gram in range(len(level)):
            rows = wanted[level.name(gram, names)]
            assert level.here[gram] == sum(row < candidates for row in rows)
            assert level.here[gram] + level.real[gram] == len(rows)


# --- chances ----------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 70))
def test_all_here_is_exact(candidates: int, real: int, total: int) -> None:
    """The chance that only candidates are dealt is the ratio of two binomial coefficients."""
    exact = Fraction(comb(candidates, total), comb(candidates + real, total) or 1)
    assert float(all_here(total, candidates, real)) == pytest.approx(float(exact), rel=1e-9)


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0.001, 0.999))
def test_binomial_tail_is_scipys(hits: int, more: int, rate: float) -> None:
    """P(at least so many) is the survival function one below."""
    wanted = stats.binom.sf(hits - 1, hits + more, rate)
    assert float(binomial_tail(hits, hits + more, rate)) == pytest.approx(wanted, rel=1e-6)


@given(st.lists(st.floats(0, 1), max_size=20), st.integers(0, 30))
def test_benjamini_hochberg_is_the_rule_read_aloud(p: list[float], more: int) -> None:
    """The largest rank under its line decides; tests that are not listed count, too."""
    tests = len(p) + more
    ranked = sorted(p)
    passing = [rank for rank, each in enumerate(ranked, 1) if each <= 0.2 * rank / max(tests, 1)]
    found = benjamini_hochberg(np.array(p), tests, 0.2)
    assert int(found.sum()) == (max(passing) if passing else 0)
    assert all(p[at] <= ranked[passing[-1] - 1] for at in np.flatnonzero(found))


@given(st.lists(st.integers(1, 6), max_size=6), st.integers(2, 6), st.integers(1, 6))
def test_what_is_expected_unseen_is_exact(sizes: list[int], here: int, real: int) -> None:
    """The least count is the first at which q / (1 - q), in exact fractions, fits the risk."""

    def unseen(size: int) -> Fraction:
        q = Fraction(comb(here, size), comb(here + real, size) or 1)
        return q / (1 - q) if q < 1 else Fraction(10**12)

    sizes = [size for size in sizes if size <= here + real]
    wanted = next(
        count for count in range(2, 9) if sum(unseen(s) for s in sizes if s >= count) <= 0.25
    )
    assert least_unproven(np.array(sizes, dtype=int), here, real, 0.25 + 1e-12, 2) == wanted


# --- new phrases ------------------------------------------------------------------------


@given(TEXTS, st.data())
def test_the_least_count_bounds_the_false_findings(texts: list[str], data: st.DataObject) -> None:
    """Dealt out in every possible way, at most `risk` new words are found on average.

    The oracle deals for real: over all choices of candidates, the mean number of words that only
    candidates have, in as many texts as the least count or more.
    """
    texts = texts[:8]
    candidates = data.draw(st.integers(1, len(texts)))
    risk = data.draw(st.sampled_from([0.05, 0.3, 1.0]))
    levels, _ = counted(texts, candidates, 1)
    real = len(texts) - candidates
    least = least_count(levels[0], candidates, real, risk, 1)
    rows = [set(levels[0].of(gram).tolist()) for gram in range(len(levels[0]))]
    dealt = list(combinations(range(len(texts)), candidates))
    false = sum(len(each) >= least and each <= set(here) for here in dealt for each in rows)
    assert false / len(dealt) <= risk + 1e-9


def test_a_new_word_is_named_with_the_limit() -> None:
    """A planted word is a finding, its neighbours are not named again, and the limit is said."""
    clean = [f"word{n % 7} and word{n % 5}" for n in range(400)]
    here = [f"{text} red zqx" if n < 40 else text for n, text in enumerate(clean)]
    levels, names = counted([*here, *clean], 400, 2)
    limits = Limits()
    found = list(new_phrases(levels, names, (400, 400), 0.001, 5, limits, "prompt"))
    assert [(each.trigger, len(each.rows), each.blocking) for each in found] == [
        ("red zqx", 40, True)
    ]
    assert found[0].rows == tuple(range(40))
    assert limits.lines[0].startswith(
        "new words and phrases of prompts: with 400 real rows this test sees a word in 10 or more"
    )
    assert float(all_here(10, 400, 400)) <= 0.001 < float(all_here(9, 400, 400))


@pytest.mark.parametrize(("share", "blocking"), [(0.49, True), (0.51, False)])
def test_what_most_rows_say_is_their_manner(share: float, blocking: bool) -> None:
    """A phrase of most candidates tells no row from the rest: it ranks, and blocks nothing."""
    clean = [f"word{n % 7}" for n in range(200)]
    here = [f"dear {text}" if n < 200 * share else text for n, text in enumerate(clean)]
    levels, names = counted([*here, *clean], 200, 2)
    found = list(new_phrases(levels, names, (200, 200), 0.001, 5, Limits(), "text"))
    assert [each.blocking for each in found] == [blocking]


def test_one_thing_is_named_once() -> None:
    """A run whose texts have mostly been named is the same thing; one with others is not."""
    rows = [np.array([1, 2, 3, 4, 5]), np.array([1, 2, 3, 4]), np.array([5, 6, 7])]
    assert [thing for _, thing in distinct(zip(rows, "abc", strict=True))] == ["a", "c"]


def test_names_are_counted_once_a_text() -> None:
    """A word that stands twice in a text stands in one text."""
    levels, names = counted(["a a a", "a b"], 2, 1)
    found = Counter(
        {levels[0].name(g, names): int(levels[0].here[g]) for g in range(len(levels[0]))}
    )
    assert found == {"a": 2, "b": 1}
