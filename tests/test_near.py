"""The parts of dedupe on their own, each against a plain way of saying the same."""

from __future__ import annotations

import os
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import DedupePolicy
from synthgate.errors import InputError
from synthgate.formats import named
from synthgate.jsonl.pages import FilePage, RowsPage
from synthgate.near import bands, groups, judge
from synthgate.near.pool import Processes
from synthgate.near.settings import Settings
from synthgate.near.shingles import Shingled
from synthgate.near.similar import Similar
from synthgate.provenance import Stamp, read
from synthgate.rows import Row

SETS = st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=2, max_size=8)


def made(sides: list[list[int]]) -> Shingled:
    """Sides of these shingles."""
    ends = np.cumsum([len(side) for side in sides])
    flat = np.array([n for side in sides for n in side], dtype=np.uint32)
    return Shingled(flat, ends, np.zeros(0, dtype=np.uint64), np.zeros(len(sides), dtype=np.int64))


def jaccard(one: list[int], other: list[int]) -> float:
    a, b = set(one), set(other)
    return len(a & b) / len(a | b) if a | b else 1.0


@given(SETS, st.integers(1, 2), st.floats(0, 1))
def test_similarity_of_all_pairs_is_that_of_sets(
    sides: list[list[int]], step: int, least: float
) -> None:
    """Exact Jaccard similarity of the less similar side; what is below `least` may be 0."""
    sides = sides[: len(sides) // step * step]
    pairs = list(combinations(range(len(sides) // step), 2))
    pairs += [(b, a) for a, b in reversed(pairs)]
    first, second = (np.array([pair[at] for pair in pairs], dtype=np.int64) for at in (0, 1))
    known = made(sides)
    sizes = np.diff(known.ends, prepend=0)
    found = Similar(known.shingles, sizes, step).of(first, second, least)
    for (a, b), similarity in zip(pairs, found.tolist(), strict=True):
        exact = min(jaccard(sides[a * step + s], sides[b * step + s]) for s in range(step))
        assert similarity == pytest.approx(exact) or (similarity == 0 and exact < least)


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 8))
def test_rows_of_a_key_are_paired(keys: list[int], reach: int) -> None:
    """Each row of a key is paired with as many of the next ones as asked; nothing else is."""
    found = list(groups.edges(np.array(keys, dtype=np.uint32), np.arange(len(keys)), reach))
    holders = defaultdict(list)
    for row, key in enumerate(keys):
        holders[key].append(row)
    wanted = [
        (one, other)
        for rows in holders.values()
        for at, one in enumerate(rows)
        for other in rows[at + 1 : at + 1 + reach]
    ]
    pairs = [pair for each in found for pair in zip(*(s.tolist() for s in each), strict=True)]
    assert sorted(pairs) == sorted(wanted)


@given(st.lists(st.integers(0, 99)))
def test_distinct_values_ascend(values: list[int]) -> None:
    """Each value once, in order."""
    assert groups.distinct(np.array(values, dtype=np.uint32)).tolist() == sorted(set(values))


LINKS = st.lists(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12), max_size=6
)


@given(LINKS)
def test_links_make_groups_in_whatever_portions_they_come(
    portions: list[list[tuple[int, int]]],
) -> None:
    """Groups are those that walking along the links finds; how links are dealt out is no matter."""
    ways = defaultdict(set)
    forest = groups.Forest(31)
    for portion in portions:
        links = [(one, other) for one, other in portion if one != other]
        first, second = (np.array([link[at] for link in links], np.uint32) for at in (0, 1))
        forest.link(first, second)
        for one, other in links:
            ways[one].add(other)
            ways[other].add(one)
    wanted, seen = [], set()
    for row in sorted(ways):
        found, left = set(), [row]
        while left:
            found.add(each := left.pop())
            left += ways[each] - found
        if row not in seen:
            wanted.append(sorted(found))
        seen |= found
    rows, begins = forest.groups()
    assert [part.tolist() for part in np.split(rows, begins)[1:]] == wanted


def test_a_long_chain_is_one_group_soon() -> None:
    """Each row linked with the next, 200,000 of them: doubling steps, not one after the other."""
    rows = np.arange(200_000, dtype=np.uint32)
    forest = groups.Forest(len(rows))
    forest.link(rows[:-1], rows[1:])
    members, begins = forest.groups()
    assert begins.tolist() == [0] and (members == rows).all()


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.95])
def test_the_sketch_leaves_near_pairs_in_and_most_others_out(threshold: float) -> None:
    """Of pairs at the threshold next to none is left out, of pairs far below it nearly all are."""
    rng = random.Random(7)
    shares = {}
    for similarity in (threshold, threshold / 3):
        sides = []
        for _ in range(1500):
            union = rng.sample(range(2**32), 120)
            shared = round(similarity * 120)
            cut = shared + (120 - shared) // 2
            sides += [union[:cut], union[:shared] + union[cut:]]
        found = made(sides)
        _, sketch = bands.keys(found.shingles, found.ends, threshold)
        first = np.arange(0, len(sides), 2)
        shares[similarity] = bands.likely(first, first + 1, sketch, threshold).mean()
    assert shares[threshold] >= 0.998
    assert shares[threshold / 3] <= 0.25


def rows_of(texts: list[str]) -> list[Row]:
    stamp = Stamp().provenance
    return [
        read(b'{"text":"%b"}' % text.encode(), "in.jsonl", number, stamp)
        for number, text in enumerate(texts, 1)
    ]


@given(st.integers(0, 2**32), st.integers(2, 40), st.sampled_from([0.0, 0.9]))
def test_a_crowd_is_judged_like_a_few(seed: int, count: int, fuzzy: float) -> None:
    """Comparing all pairs at once and row by row give the same answer where both can."""
    rng = random.Random(seed)
    words = ["alpha", "bravo", "charlie", "delta", "echos", "foxtrot", "golfer", "hotels"]
    base = rng.choices(words, k=30)
    texts = []
    for _ in range(count):
        text = list(base[: rng.randint(4, 30)])
        for _ in range(rng.randint(0, 3)):
            text[rng.randrange(len(text))] = rng.choice([*words, "alpah", "bravoo", "delat"])
        texts.append(" ".join(text))
    page = RowsPage(rows_of(texts))
    settings = Settings(shape=named("text"), on="response", near=0.6, fuzzy=fuzzy)
    group = judge.Group(page, list(range(count)))
    at_once = judge.judge(group, settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "_crowded", lambda keys: True)
        assert judge.judge(group, settings) == at_once


def test_an_error_of_a_worker_is_this_process_s_error(tmp_path: object) -> None:
    """What a worker cannot read ends the command as if it had been read here."""
    page = RowsPage(rows_of(["a"]))
    gone = FilePage(f"{tmp_path}/gone.jsonl", 0, 10, 100)
    with (
        Processes(Settings(shape=named("text")), 2) as pool,
        pytest.raises(InputError, match=r"gone\.jsonl: no such file"),
    ):
        list(pool.map("scan", [page, page, page, gone]))


def test_others_go_on_while_one_batch_takes_long(tmp_path: Path) -> None:
    """A batch that holds a process up holds up no other, and its answer keeps its place."""
    pipe, page = str(tmp_path / "pipe"), RowsPage(rows_of(["a"]))
    os.mkfifo(pipe)

    def let_go() -> None:
        os.close(os.open(pipe, os.O_WRONLY))

    asked: list[int] = []

    def batches() -> Iterator[Any]:
        yield from (page, page, FilePage(pipe, 0, 10, 100))  # whoever opens this waits
        for number in range(8):
            yield page
            asked.append(number)
        let_go()

    late = threading.Timer(30, let_go)
    late.daemon = True
    late.start()
    answers = []
    with (
        Processes(Settings(shape=named("text")), 2) as pool,
        pytest.raises(InputError, match="pipe: illegal seek"),
    ):
        for answer in pool.map("scan", batches()):
            answers.append(answer)
    late.cancel()
    assert (len(answers), len(asked)) == (2, 8)


def test_a_bug_in_a_worker_is_a_bug() -> None:
    """What nobody foresaw ends with a traceback, as it would in this process."""
    page = RowsPage(rows_of(["a"]))
    with (
        Processes(Settings(shape=named("text")), 2) as pool,
        pytest.raises(RuntimeError, match=r"(?s)in a worker process.*AttributeError"),
    ):
        list(pool.map("scan", [page, page, page, None]))


def test_the_default_policy_is_the_default_of_the_settings() -> None:
    """What a worker assumes is what the command line says."""
    policy, known = DedupePolicy(), Settings()
    assert (policy.on, policy.near_threshold, policy.fuzzy_threshold) == (
        known.on, known.near, known.fuzzy,
    )  # fmt: skip
