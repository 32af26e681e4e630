"""The label log only grows, each line holds the one before, a killed writer costs one label."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.errors import InputError, Locked, Stale
from synthgate.labels import Chain, open_labels

PLAN = "a" * 64
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
labels = st.lists(
    st.fixed_dictionaries(
        {"id": texts, "verdict": st.sampled_from(["pass", "fail"]), "reviewer": texts},
        optional={"note": texts, "ms": st.integers()},
    ),
    min_size=1,
    max_size=8,
)


def follow(lines: list[bytes], plan: str = PLAN) -> Chain:
    chain = Chain(plan)
    for number, line in enumerate(lines, 1):
        chain.follow(line, json.loads(line), f"log:{number}")
    return chain


def sealed(said: list[dict[str, Any]]) -> list[bytes]:
    chain = Chain(PLAN)
    return [chain.seal(each) for each in said]


@given(labels)
def test_a_chain_is_what_sha256_says(said: list[dict[str, Any]]) -> None:
    """`prev` is the SHA-256 of the line before, the plan's digest in the first; `seq` counts."""
    lines = sealed(said)
    before = [PLAN, *(hashlib.sha256(line).hexdigest() for line in lines)]
    assert [json.loads(line)["prev"] for line in lines] == before[:-1]
    assert [json.loads(line)["seq"] for line in lines] == [*range(1, len(lines) + 1)]
    assert follow(lines).head == before[-1]


@given(labels, st.data())
def test_no_line_is_changed_dropped_moved_or_added_inside(
    said: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever is done to a line that another one follows breaks the chain."""
    lines = sealed([*said, {"id": "x", "verdict": "pass", "reviewer": "z"}])
    at = data.draw(st.integers(0, len(lines) - 2))
    value = json.loads(lines[at])
    value["verdict"] = "fail" if value["verdict"] == "pass" else "pass"
    changed = json.dumps(value).encode()
    for forged in (
        [*lines[:at], changed, *lines[at + 1 :]],
        [*lines[:at], *lines[at + 1 :]],
        [*lines[:at], lines[at], *lines[at:]],
        [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
    ):
        with pytest.raises(Stale, match="chain of the label log is broken"):
            follow(forged)
    with pytest.raises(Stale):
        follow(lines, "b" * 64)


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Opened again, a log knows what was said and adds to its chain."""
    path = tmp_path / "log.jsonl"
    for number in range(3):
        with open_labels(str(path), PLAN) as log:
            assert [each["id"] for each in log.labels] == [f"r{each}" for each in range(number)]
            log.append(f"r{number}", "pass", "ann", ms=5)
    assert follow(path.read_bytes().splitlines()).seq == 3
    assert json.loads(path.read_bytes().splitlines()[2])["plan"] == PLAN


@given(st.integers(1, 400))
def test_a_torn_line_costs_one_label(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Cut anywhere, as by a kill, a log opens with every whole line and goes on."""
    path = tmp_path_factory.mktemp("torn") / "log.jsonl"
    with open_labels(str(path), PLAN) as log:
        for number in range(3):
            log.append(f"r{number}", "pass", "ann")
    whole = path.read_bytes()
    torn = whole[: max(0, len(whole) - cut)]
    path.write_bytes(torn)
    with open_labels(str(path), PLAN) as log:
        assert len(log.labels) == torn.count(b"\n")
        log.append("new", "fail", "ann")
    assert follow(path.read_bytes().splitlines()).seq == torn.count(b"\n") + 1


def test_a_log_has_one_writer_and_one_plan(tmp_path: Path) -> None:
    """A second writer is refused, and so are another plan's log and one that is no log."""
    path = tmp_path / "log.jsonl"
    with open_labels(str(path), PLAN) as log:
        log.append("r", "pass", "ann")
        with pytest.raises(Locked), open_labels(str(path), PLAN):
            pass
    with pytest.raises(Stale), open_labels(str(path), "b" * 64):
        pass
    path.write_bytes(b"no JSON\n")
    with pytest.raises(InputError, match=r"log\.jsonl:1"), open_labels(str(path), PLAN):
        pass
