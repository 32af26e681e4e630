"""cluster-cap: at most N kept rows within the distance, whatever the order of the rows."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.clusters import cells, density
from synthgate.clusters.density import density_cap
from synthgate.embedders.static import Static
from tests.conftest import read_rows, synthgate, write_rows

TOPICS = ("refund my order", "the moon and its tides", "bake a chocolate cake")


def naive(
    vectors: np.ndarray, order: list[int], threshold: float, cap: int
) -> tuple[set[int], dict[int, int]]:
    """The rule read aloud: keep a row while fewer than `cap` kept rows are near it.

    It joins the earliest leader that is near. Where none is, it leads, or, if it is full, goes
    with its earliest neighbour.
    """
    kept: list[int] = []
    led: dict[int, int] = {}
    for row in order:
        near = [other for other in kept if float(vectors[row] @ vectors[other]) >= threshold]
        leaders = [other for other in near if led[other] == other]
        led[row] = leaders[0] if leaders else row if len(near) < cap else led[near[0]]
        if len(near) < cap:
            kept.append(row)
    return set(kept), led


def drawn(seed: int, count: int, dimensions: int = 4) -> np.ndarray:
    """Unit vectors in all directions."""
    vectors = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def topics(seed: int, count: int, groups: int, dimensions: int = 32) -> np.ndarray:
    """Unit vectors around some centres, the first the most crowded."""
    draw = np.random.default_rng(seed)
    centres = drawn(seed + 1, groups, dimensions)
    which = np.minimum(draw.geometric(3 / groups, size=count) - 1, groups - 1)
    vectors = centres[which] + draw.normal(size=(count, dimensions)) * 0.16
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 6), st.integers(1, 7))
def test_density_cap_is_the_rule_whatever_the_block_size(
    seed: int, count: int, cap: int, block: int
) -> None:
    """The blocked computation keeps just the rows that the rule read aloud keeps."""
    vectors = drawn(seed, count)
    order = np.random.default_rng(seed).permutation(count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(density, "BLOCK", block)
        patch.setattr(cells, "_CELLS", 16)
        found = density_cap(vectors.copy(), order, 0.3, cap)
    kept, led = naive(vectors, order.tolist(), 0.3, cap)
    assert set(np.flatnonzero(found.kept).tolist()) == kept
    assert dict(enumerate(found.leaders.tolist())) == led
    assert all(led[led[row]] == led[row] for row in led)
    assert set(led.values()) <= kept
    assert found.exact


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 40))
def test_cells_that_are_all_looked_into_change_nothing(seed: int, cap: int, block: int) -> None:
    """With every cell looked into, the partitioned search is the exact one."""
    vectors = drawn(seed, 120)
    order = np.random.default_rng(seed).permutation(120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "ROWS_A_CELL", 10)
        patch.setattr(cells, "FOUND", 2.0)
        patch.setattr(cells, "MOST_LOOKED_INTO", 1.0)
        patch.setattr(density, "BLOCK_OF_CELLS", block)
        found = density_cap(vectors.copy(), order, 0.3, cap, exact_rows=0)
    assert not found.exact
    assert set(np.flatnonzero(found.kept).tolist()) == naive(vectors, order.tolist(), 0.3, cap)[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_partitioned_search_keeps_hardly_more(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking into the nearest cells keeps as many as all comparisons, to 1 %."""
    vectors, order = topics(seed, 6000, 60), np.random.default_rng(seed).permutation(6000)
    monkeypatch.setattr(cells, "ROWS_A_CELL", 150)
    exact = density_cap(vectors.copy(), order, 0.5, 50)
    found = density_cap(vectors.copy(), order, 0.5, 50, exact_rows=0)
    assert exact.exact
    assert not found.exact
    assert abs(int(found.kept.sum()) - int(exact.kept.sum())) <= 0.01 * exact.kept.sum()
    assert exact.kept.sum() < 4000


def test_where_most_cells_would_be_looked_into_all_rows_are_compared() -> None:
    """A partition that helps nothing is not made: rows without topics get the exact answer."""
    vectors, order = drawn(1, 3000, 3), np.arange(3000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "ROWS_A_CELL", 300)
        found = density_cap(vectors.copy(), order, -0.9, 5, exact_rows=0)
    assert found.exact


@pytest.mark.parametrize("exact_rows", [10**6, 0])
def test_memory_is_that_of_the_vectors(exact_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing as large as the vectors is held beside them, exact or partitioned."""
    for module, name, small in (
        (cells, "_CELLS", 1 << 18), (density, "BLOCK", 256), (density, "BLOCK_OF_CELLS", 256)
    ):  # fmt: skip
        monkeypatch.setattr(module, name, small)
    vectors, order = topics(3, 6000, 60, 256), np.arange(6000)
    tracemalloc.start()
    density_cap(vectors, order, 0.5, 50, exact_rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.8 * vectors.nbytes


def crowd(count: int) -> list[dict[str, str]]:
    """Rows of three topics, the first of them crowded."""
    rows = [{"input": TOPICS[0], "output": f"please {TOPICS[0]} number {n}"} for n in range(count)]
    rows += [{"input": topic, "output": f"{topic} {n}"} for topic in TOPICS[1:] for n in range(5)]
    return rows


def test_the_crowd_is_capped_and_the_others_stay(tmp_path: Path) -> None:
    """At most --max-per-cluster rows of a crowd are kept, and nothing else is lost."""
    source = write_rows(tmp_path / "in.jsonl", crowd(90))
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"
    done = synthgate("cluster-cap", source, "-o", out, "--rejects", rejects)
    assert done.code == 0, done.err
    kept, dropped = read_rows(out), read_rows(rejects)
    assert len(kept) + len(dropped) == 100
    assert sum(row["input"] == TOPICS[0] for row in kept) == 50
    assert sum(row["input"] != TOPICS[0] for row in kept) == 10
    ids = {row["_synthgate"]["id"] for row in kept}
    assert {row["_reject"]["reason"] for row in dropped} == {"cluster_full"}
    assert all(row["_reject"]["survivor"] in ids for row in dropped)
    assert all(row["_synthgate"]["cluster"] in ids for row in kept)


def test_order_does_not_matter(tmp_path: Path) -> None:
    """Shuffled input keeps the same lines: rows are taken by hash(seed, id)."""
    rows = crowd(70)
    shuffled = random.Random(5).sample(rows, len(rows))
    sets = []
    for name, each in (("a", rows), ("b", shuffled)):
        folder = tmp_path / name
        folder.mkdir()
        source = write_rows(folder / "in.jsonl", each)
        done = synthgate("cluster-cap", source, "--max-per-cluster", "7")
        sets.append(set(done.out.splitlines()))
    assert sets[0] == sets[1]
    assert len(sets[0]) == 17


def test_a_seed_of_its_own_draws_other_rows(tmp_path: Path) -> None:
    """--seed changes which rows of a crowd stay, and never how many."""
    source = write_rows(tmp_path / "in.jsonl", crowd(70))
    command = ("cluster-cap", source, "--max-per-cluster", "7", "--seed")
    runs = [set(synthgate(*command, seed).out.split(b"\n")) for seed in ("0", "1")]
    assert runs[0] != runs[1]
    assert len(runs[0]) == len(runs[1])


def test_a_text_without_word_pieces_is_near_nothing() -> None:
    """A zero vector is never near, so such rows are kept and never lead to NaN."""
    vectors = Static().embed(["", "refund", "refund"])
    assert np.isfinite(vectors).all()
    found = density_cap(vectors, np.arange(3), 0.5, 1)
    assert list(found.before) == [0, 0, 1]
    assert list(found.leaders) == [0, 1, 1]


def test_unknown_embedder_lists_the_known(tmp_path: Path) -> None:
    """A name that nobody registered ends with 2 and the nearest known one."""
    source = write_rows(tmp_path / "in.jsonl", crowd(3))
    done = synthgate("cluster-cap", source, "--embedder", "statik")
    assert done.code == 2
    assert "did you mean 'static'?" in done.err


def test_threshold_on_real_intents(shared: Callable[[str], Path]) -> None:
    """The default threshold halves no rare intent of real data: tails survive the cap."""
    data = json.loads(shared("clinc150/data_small.json").read_text())
    by_intent: dict[str, list[str]] = {}
    for text, intent in data["train"]:
        by_intent.setdefault(intent, []).append(text)
    rows = [(text, intent) for intent, texts in by_intent.items() for text in texts[:12]]
    vectors = Static().embed([text for text, _ in rows])
    found = density_cap(vectors, np.arange(len(rows)), Static.threshold, 50)
    kept: dict[str, int] = {}
    for (_, intent), stays in zip(rows, found.kept.tolist(), strict=True):
        kept[intent] = kept.get(intent, 0) + stays
    assert min(kept.values()) >= 6
