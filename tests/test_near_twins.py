"""Real rows that nearly repeat synthetic ones are found, whatever order the rows come in."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthgate.near import twins as twins_module
from synthgate.near.kin import Kin, kin, texts_of
from synthgate.near.scan import Texts
from synthgate.near.twins import _among, _Index, candidates, twins

NEAR = 0.8
WORDS = [f"w{n}" for n in range(300)]


def changed(text: str, words: int, rng: random.Random) -> str:
    """The text with some of its words replaced."""
    parts = text.split()
    for at in rng.sample(range(len(parts)), words):
        parts[at] = f"x{rng.randrange(10**9)}"
    return " ".join(parts)


def jaccard(one: str, other: str) -> float:
    """The similarity of two texts, told without synthgate's code."""
    first, second = (
        {tuple(words[at : at + 3]) for at in range(len(words) - 2)}
        for words in (one.split(), other.split())
    )
    return len(first & second) / len(first | second)


def found(rows: list[Texts], synthetic: set[int]) -> dict[int, int]:
    """For each real row that is near a synthetic one, the first that was found."""
    known = kin(rows, NEAR)
    numbers = np.arange(len(rows))
    is_synthetic = np.isin(numbers, list(synthetic))

    def read(wanted: Sequence[int]) -> Iterator[Texts]:
        return (rows[number] for number in wanted)

    hits: dict[int, int] = {}
    for pairs in candidates(known, numbers[is_synthetic], numbers[~is_synthetic]):
        for one, other, _ in twins(pairs, read, NEAR):
            hits.setdefault(other, one)
    return hits


def test_near_copies_are_found_and_nothing_else() -> None:
    """Against brute force over all pairs: at most 2 % of those at the threshold are missed."""
    rng = random.Random(4)
    synthetic = [(" ".join(rng.choices(WORDS, k=30)), " ".join(rng.choices(WORDS, k=60)))
                 for _ in range(150)]  # fmt: skip
    real = [(p, changed(a, rng.randrange(0, 9), rng)) for p, a in synthetic]
    real += [(p, " ".join(rng.choices(WORDS, k=60))) for p, _ in synthetic]
    rows: list[Texts] = [*synthetic, *real]
    hits = found(rows, set(range(150)))
    near = {
        150 + at
        for at, (p, a) in enumerate(real)
        if any(min(jaccard(p, q), jaccard(a, b)) >= NEAR for q, b in synthetic)
    }
    assert 30 < len(near) < 120
    assert set(hits) <= near
    assert len(near - set(hits)) <= 0.05 * len(near)
    assert all(hits[row] == (row - 150) % 150 for row in hits)


def sought(digests: np.ndarray, order: list[int]) -> tuple[set[int], int]:
    """Which of the rows that all share one key are compared with the last, by their digests."""
    count = len(order)
    keys, sketch = np.full((count + 1, 1), 7, np.uint32), np.zeros((count + 1, 1), np.uint8)
    known = Kin(1.0, digests[[*order, count]], np.ones(count + 1, bool), [keys], [sketch])
    ((ones, others),) = candidates(known, np.arange(count), np.array([count]))
    return set(known.digests[ones].tolist()), int(others.max())


def test_the_order_of_rows_decides_nothing() -> None:
    """Where more rows share a key than are compared, those with the smallest digests are."""
    rng = random.Random(5)
    digests = np.array([rng.randrange(1 << 60) for _ in range(101)], np.uint64)
    wanted = set(sorted(digests[:100].tolist())[:64])
    for seed in range(3):
        order = random.Random(seed).sample(range(100), 100)
        assert sought(digests, order) == (wanted, 100)


@given(st.lists(st.integers(0, 30), max_size=60), st.lists(st.integers(0, 30), max_size=200))
def test_who_shares_a_key(ours: list[int], theirs: list[int]) -> None:
    """All pairs of the two kinds with one key, and no other, in whatever order they lie."""
    keys = np.array([*theirs, *ours], np.uint32)
    first, second = np.arange(len(theirs)), np.arange(len(theirs), len(keys))
    for flipped in (first, first[::-1]):
        index = _Index(keys, flipped, second)
        found = index.sharing(0, second)
        pairs = {(a, b) for a in second.tolist() for b in first.tolist() if keys[a] == keys[b]}
        assert len(found) == len(pairs) or max(map(theirs.count, ours)) > 64
        assert set(map(tuple, found.tolist())) <= pairs


@given(st.lists(st.integers(0, 9), max_size=30), st.sets(st.integers(0, 9)), st.integers(1, 9))
def test_what_is_among_others(values: list[int], known: set[int], step: int) -> None:
    """The same as numpy says, whatever number of values is looked up at a time."""
    with patch.object(twins_module, "_VALUES", step):
        found = _among(np.array(values, np.uint32), np.array(sorted(known), np.uint32))
    assert found.tolist() == [value in known for value in values]


def test_the_texts_of_any_shape() -> None:
    """Known shapes give prompt and response, anything else all its texts as one."""
    turns = [{"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]
    for value in (
        {"messages": turns},
        {"input": "p", "output": "r"},
        {"prompt": "p", "completion": "r"},
    ):
        assert texts_of(value) == ("p", "r")
    assert texts_of({"a": {"b": ["x", 1, "y"]}, "c": None}) == (None, "x\ny")
    assert texts_of({"n": 1}) == (None, "")
