"""Real rows that nearly repeat synthetic ones are found, whatever order the rows come in."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np

from synthgate.near.scan import Texts, scan
from synthgate.near.settings import Settings
from synthgate.near.survey import survey
from synthgate.near.twins import candidates, texts, twins

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
    settings = Settings(near=NEAR, fuzzy=0.0, promptless=True)
    known = survey([scan(rows, settings)])
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


def test_the_order_of_rows_decides_nothing() -> None:
    """Even where more rows share a key than are compared, the same real rows are found."""
    rng = random.Random(5)
    base = " ".join(rng.choices(WORDS, k=120))
    rows: list[Texts] = [(base, changed(base, 1, rng)) for _ in range(160)]
    rows += [(base, changed(base, 3, rng)) for _ in range(40)]
    synthetic = set(range(160))
    wanted = {rows[number] for number in found(rows, synthetic)}
    order = rng.sample(range(200), 200)
    again = found([rows[n] for n in order], {order.index(n) for n in synthetic})
    assert {rows[order[number]] for number in again} == wanted
    assert wanted


def test_the_texts_of_any_shape() -> None:
    """Known shapes give prompt and response, anything else all its texts as one."""
    turns = [{"role": "user", "content": "p"}, {"role": "assistant", "content": "r"}]
    for value in (
        {"messages": turns},
        {"input": "p", "output": "r"},
        {"prompt": "p", "completion": "r"},
    ):
        assert texts(value) == ("p", "r")
    assert texts({"a": {"b": ["x", 1, "y"]}, "c": None}) == (None, "x\ny")
    assert texts({"n": 1}) == (None, "")
