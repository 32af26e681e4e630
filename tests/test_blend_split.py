"""Validation rows held out of a blend: whole near-duplicate groups, before anything is repeated."""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.mixing.groups import grouped, held_out
from synthgate.near.scan import sides
from synthgate.near.shingles import shingled
from tests import auditing
from tests.conftest import read_rows, write_rows

WORDS = [f"w{n}" for n in range(400)]


def family(rng: random.Random, name: str, size: int) -> list[dict[str, str]]:
    """Rows that say nearly the same: two words of fifty differ."""
    prompt, answer = (" ".join(rng.choices(WORDS, k=50)) for _ in range(2))
    rows = []
    for number in range(size):
        said = answer.split()
        said[number % 50] = f"{name}{number}"
        rows.append({"input": prompt, "output": " ".join(said), "family": name})
    return rows


def stamped(row: dict[str, Any], values: tuple[Any, ...]) -> bytes:
    payload = json.dumps(row).encode()
    ours = json.loads(auditing.line("x", values).split(b',"_synthgate":')[1][:-1])
    import hashlib

    ours["id"] = hashlib.sha256(payload).hexdigest()
    return (
        payload[:-1] + b',"_synthgate":' + json.dumps(ours, separators=(",", ":")).encode() + b"}"
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 families of 1 to 6 rows on each side; a row of no family repeats one of another."""
    monkeypatch.chdir(tmp_path)
    rng = random.Random(1)
    for name, values in (("syn", auditing.SYNTHETIC), ("real", auditing.REAL)):
        families = [family(rng, f"{name}{n}x", 1 + n % 6) for n in range(40)]
        lines = [stamped(row, values) for rows in families for row in rows]
        rng.shuffle(lines)
        write_rows(tmp_path / f"{name}.jsonl", lines)
    return tmp_path


def blend(*words: str) -> int:
    outputs = ["-o", "out.jsonl", "--val-output", "val.jsonl", "--rejects", "rej.jsonl"]
    options = ["--unaudited", "a test", "--val-fraction", "0.2", "--force", *words]
    return invoke(["blend", "syn.jsonl", "--real", "real.jsonl", *outputs, *options])


def jaccard(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of shingles that two sides have in common; two empty sides are equal."""
    return len(one & other) / len(one | other) if one | other else 1.0


@pytest.mark.parametrize("words", [(), ("--on-shortage", "repeat", "--real-fraction", "0.7")])
def test_no_family_is_on_both_sides(here: Path, words: tuple[str, ...]) -> None:
    """Train and validation share no row and no near copy, with repeats and without."""
    assert blend(*words) == 0
    train, held = read_rows(Path("out.jsonl")), read_rows(Path("val.jsonl"))
    assert not {row["family"] for row in train} & {row["family"] for row in held}
    texts = [
        shingled(sides([(row["input"], row["output"]) for row in rows], "both"), 2)
        for rows in (train, held)
    ]
    sets = [[frozenset(each.of(n).tolist()) for n in range(len(each.ends))] for each in texts]
    for a, b in product(range(len(train)), range(len(held))):
        near = [jaccard(sets[0][2 * a + side], sets[1][2 * b + side]) for side in (0, 1)]
        assert min(near) < 0.8
    ids = [row["_synthgate"]["id"] for row in held]
    assert len(ids) == len({*ids}), "a validation row comes once"
    found = json.loads(Path("out.jsonl.manifest.json").read_text())
    assert found["rows_out"] == len(train) + len(held)
    real = [not row["_synthgate"]["synthetic"] for row in held]
    assert len(held) > 20 and abs(sum(real) - found["findings"]["wanted_fraction"] * len(held)) < 1
    for side in ("real", "synthetic"):
        each = found["findings"][side]
        assert each["in"] + each["repeats"] == each["out"] + sum(each["dropped"].values())


def test_the_split_does_not_depend_on_order(here: Path) -> None:
    """Shuffled and sharded inputs give both files byte for byte."""
    assert blend() == 0
    first = [Path(name).read_bytes() for name in ("out.jsonl", "val.jsonl")]
    for name in ("syn", "real"):
        lines = Path(f"{name}.jsonl").read_bytes().splitlines()
        random.Random(3).shuffle(lines)
        write_rows(Path(f"{name}.jsonl"), lines[10:])
        write_rows(Path(f"{name}2.jsonl"), lines[:10])
    assert blend("syn2.jsonl", "--real", "real2.jsonl") == 0
    assert [Path(name).read_bytes() for name in ("out.jsonl", "val.jsonl")] == first


def test_the_same_epoch_order_leaves_the_split(here: Path) -> None:
    """Another epoch orders the training rows anew; the validation file stays as it is."""
    assert blend() == 0
    first = [Path(name).read_bytes() for name in ("out.jsonl", "val.jsonl")]
    assert blend("--epoch", "1") == 0
    again = [Path(name).read_bytes() for name in ("out.jsonl", "val.jsonl")]
    assert again[1] == first[1] and again[0] != first[0]
    assert sorted(again[0].splitlines()) == sorted(first[0].splitlines())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60),
    st.integers(0, 90),
    st.randoms(),
)
def test_groups_are_held_out_whole(
    rows: list[tuple[int, bool]], percent: int, rng: random.Random
) -> None:
    """No group is split, neither side gives more than its fraction, and order decides nothing."""
    lots = rng.sample(range(1 << 60), len(rows))

    def held(order: list[int]) -> set[int]:
        groups = np.array([rows[n][0] for n in order])
        of_sides = np.array([rows[n][1] for n in order], np.uint8)
        found, _ = held_out(groups, np.array([lots[n] for n in order], np.uint64), of_sides,
                            percent / 100)  # fmt: skip
        return {order[at] for at in np.flatnonzero(found).tolist()}

    chosen = held(list(range(len(rows))))
    inside, outside = (
        {rows[n][0] for n in chosen},
        {rows[n][0] for n in range(len(rows)) if n not in chosen},
    )
    assert not inside & outside
    for side in (False, True):
        count = sum(each == side for _, each in rows)
        assert sum(rows[n][1] == side for n in chosen) <= -(-percent * count // 100)
    assert held(rng.sample(range(len(rows)), len(rows))) == chosen


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=25))
def test_linked_rows_are_one_group(pairs: list[tuple[int, int]]) -> None:
    """Groups are what pairs link, over any number of steps."""
    first, second = (np.array([pair[at] for pair in pairs], np.uint32) for at in (0, 1))
    found = grouped(20, [(first, second)]).tolist()
    names = list(range(20))
    for _ in range(20):
        for a, b in pairs:
            names[a] = names[b] = min(names[a], names[b])
    assert [[a == b for b in found] for a in found] == [[a == b for b in names] for a in names]
