"""cluster-cap: at most N kept rows within the distance, whatever the order of the rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.embedders.static import Static
from synthgate.stages import cluster_cap as stage
from synthgate.stages.cluster_cap import density_cap
from tests.conftest import read_rows, synthgate, write_rows

TOPICS = ("refund my order", "the moon and its tides", "bake a chocolate cake")


def naive(vectors: np.ndarray, order: list[int], threshold: float, cap: int) -> set[int]:
    """The rule read aloud: keep a row while fewer than `cap` kept rows are near it."""
    kept: list[int] = []
    for row in order:
        near = [other for other in kept if float(vectors[row] @ vectors[other]) >= threshold]
        if len(near) < cap:
            kept.append(row)
    return set(kept)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 6), st.integers(1, 7))
def test_density_cap_is_the_rule_whatever_the_block_size(
    seed: int, count: int, cap: int, block: int
) -> None:
    """The blocked computation keeps just the rows that the rule read aloud keeps."""
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = list(draw.permutation(count))
    before = stage._BATCH
    stage._BATCH = block
    try:
        near, leaders = density_cap(vectors, order, 0.3, cap)
    finally:
        stage._BATCH = before
    kept = {row for row in range(count) if near[row] < cap}
    assert kept == naive(vectors, order, 0.3, cap)
    assert all(leader in kept for leader in leaders)


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
    near, _ = density_cap(vectors, [0, 1, 2], 0.5, 1)
    assert list(near) == [0, 0, 1]


def test_a_text_has_one_vector_alone_or_in_a_batch() -> None:
    """Vectors do not depend on their batch, so results do not depend on order."""
    texts = [f"{topic} {n}" for topic in TOPICS for n in range(40)] + ["x" * 10_000]
    embedder = Static()
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert (together == alone).all()


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
    near, _ = density_cap(vectors, list(range(len(rows))), Static.threshold, 50)
    kept: dict[str, int] = {}
    for (_, intent), count in zip(rows, near, strict=True):
        kept[intent] = kept.get(intent, 0) + (count < 50)
    assert min(kept.values()) >= 6
