"""Parts of files, and what is counted of them: put together they are what one reading gives."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synthgate.clusters import Groups
from synthgate.clusters.seen import Seen, fates_of, joined
from synthgate.embedders.tfidf import Tfidf
from synthgate.errors import BadLine, InputError
from synthgate.jsonl import Source
from synthgate.jsonl.splits import Cut, cut, refuse_unsplittable, rows_of
from synthgate.provenance import Stamp
from synthgate.rows import Decision, Row
from synthgate.verifiers import Verdict
from synthgate.verifiers.function import FunctionVerifier
from synthgate.verifiers.slices import Slices
from synthgate.verifiers.tally import Tally
from tests.conftest import write_rows
from tests.filters import row_of

LINE = st.one_of(
    st.sampled_from([b"", b" ", b"{}", b"{", b"\xef\xbb\xbf{}", b'{"a":1}\r', b"\xff", b"x" * 50]),
    st.integers(0, 10**9).map(lambda n: b'{"n":%d}' % n),
)
Seen_ = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of a property share."""
    return tmp_path_factory.mktemp("splits")


def in_one_go(path: Path, max_line: int) -> Seen_:
    """Every row and bad line of a file, in order, as `Source` reads it."""
    seen: Seen_ = []
    stamp = Stamp().provenance
    source = Source([str(path)], stamp, lambda *bad: seen.append(shown(bad)), max_line=max_line)
    seen.extend(told for row in source for told in [as_told(row)])
    return sorted(seen, key=lambda each: each[1])


def in_parts(path: Path, found: Cut, max_line: int) -> Seen_:
    """The same, part by part, the last part first."""
    seen: Seen_ = []
    for split in reversed(found.splits):
        rows = rows_of(split, Stamp().provenance, lambda *bad: seen.append(shown(bad)), max_line)
        seen.extend(as_told(row) for row in rows)
    return sorted(seen, key=lambda each: each[1])


def as_told(row: Row) -> tuple[Any, ...]:
    return row.file, row.line, row.raw, row.provenance


def shown(bad: tuple[str, int, bytes, BadLine]) -> tuple[Any, ...]:
    file, line, raw, error = bad
    return file, line, raw, error.reason, error.detail, error.column


@given(st.lists(LINE, max_size=30), st.integers(1, 60), st.booleans())
@example([b"\xef\xbb\xbf{}", b"x" * 50, b"{}"], 1, True)
@settings(max_examples=60)
def test_parts_are_the_file(shelf: Path, lines: list[bytes], wanted: int, ended: bool) -> None:
    """Rows, bad lines, their numbers and places are the same however the file is cut."""
    path = shelf / "in.jsonl"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ended else b""))
    found = cut(str(path), str(path), wanted)
    assert in_parts(path, found, 40) == in_one_go(path, 40)
    bounds = [(split.start, split.end) for split in found.splits]
    assert [start for start, _ in bounds[1:]] == [end for _, end in bounds[:-1]]
    assert all(end - start >= wanted for start, end in bounds[:-1])
    assert sum(end - start for start, end in bounds) == path.stat().st_size


def test_a_packed_file_is_one_part(tmp_path: Path) -> None:
    """What cannot be entered in the middle is read whole."""
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n' * 100))
    found = cut(str(path), str(path), 10)
    assert len(found.splits) == 1
    assert in_parts(path, found, 40) == in_one_go(path, 40)


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    """Offsets of a file that was written to since would cut its lines anywhere."""
    path = write_rows(tmp_path / "in.jsonl", [{"a": 1}] * 9)
    (first, *_) = cut(str(path), "in.jsonl", 20).splits
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="changed while"):
        list(rows_of(first, Stamp().provenance, lambda *_: None, 100))


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Stdin and pipes can be read by one process only."""
    os.mkfifo(tmp_path / "pipe")
    for path in ("-", str(tmp_path / "pipe")):
        with pytest.raises(InputError, match="several machines"):
            refuse_unsplittable([path])


# --- counts -----------------------------------------------------------------------------


def rows_with(values: list[tuple[str, str, str]]) -> Iterator[tuple[Decision, list[Verdict]]]:
    """Rows with a source, a slice and a verdict."""
    for number, (source, slice_, outcome) in enumerate(values):
        line = json.dumps({"n": number, "by": slice_, "right": number % 3 == 0}).encode()
        row = row_of(line)
        assert row is not None
        verdict: Any = Verdict(outcome, "why", {"n": number})  # type: ignore[arg-type]
        reason = "" if outcome == "pass" else f"{outcome}:f"
        yield Decision(row.marked(source=source), reason), [verdict]


NAMES = st.sampled_from("abc")
OUTCOME = st.sampled_from(["pass", "fail", "abstain", "error"])


@given(st.lists(st.tuples(NAMES, NAMES, OUTCOME), max_size=20), st.integers(0, 20), st.booleans())
def test_counts_of_parts_add_up(values: list[Any], at: int, truth: bool) -> None:
    """What is told of all rows is the same when two processes counted a part each."""
    checks = [FunctionVerifier(lambda _: True, "f")]
    whole, first, second, sum_ = (Tally(checks, "right" if truth else "", ["by"]) for _ in range(4))
    said = list(rows_with(values))
    for number, each in enumerate(said):
        whole.add(*each)
        (first if number < at else second).add(*each)
    for part in (first, second):
        sum_.absorb(part.counts())
    assert sum_.as_json() == whole.as_json()
    assert sum_.slices.as_json() == whole.slices.as_json()
    assert sum_.slices.unseen == whole.slices.unseen
    assert list(sum_.broken()) == list(whole.broken())
    assert list(sum_.lines()) == list(whole.lines())


def test_many_slices_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values beyond the most that are counted one by one are counted together, in parts too."""
    monkeypatch.setattr("synthgate.verifiers.slices.MOST", 3)
    parts = [Slices(["by"]), Slices(["by"])]
    for number, (decision, _) in enumerate(rows_with([("s", str(n), "pass") for n in range(10)])):
        parts[number % 2].add(decision.row, True)
    whole = Slices(["by"])
    for part in parts:
        whole.absorb(part.counts())
    told = whole.as_json()
    assert sum(each["rows_in"] for name, each in told.items() if name.startswith("by")) == 10
    assert len([name for name in told if name.startswith("by=")]) == 3


# --- arrays of cluster-cap --------------------------------------------------------------


@given(st.lists(st.sampled_from(["x", "y", "z", ""]), max_size=12), st.integers(0, 12))
def test_seen_in_parts_is_seen(slices: list[str], at: int) -> None:
    """Ids, lots, vectors and slices of two parts are those of all rows, whatever the codes."""
    at = min(at, len(slices))
    whole, first, second = seen(slices, 0), seen(slices[:at], 0), seen(slices[at:], at)
    made = joined(iter([first, second]), len(slices))
    assert made.ids == whole.ids
    for name in ("lots", "merits"):
        assert (getattr(made, name) == getattr(whole, name)).all()
    assert not len(slices) or (made.vectors == whole.vectors).all()
    back = {code: value for value, code in made.values["f"].items()} | {-1: ""}
    assert [back[code] for code in made.codes["f"].tolist()] == slices
    assert made.order("x").tolist() == whole.order("x").tolist()


def seen(part: list[str], start: int) -> Seen:
    """What was seen of some rows, of which the first is number `start`."""
    known: dict[str, int] = {}
    codes = [known.setdefault(value, len(known)) if value else -1 for value in part]
    numbers = np.arange(start, start + len(part))
    return Seen(
        b"".join(bytes([number]) * 32 for number in numbers.tolist()),
        (numbers * 7919 % 13).astype(np.uint64),
        (numbers % 3).astype(np.float64),
        {"f": known},
        {"f": np.array(codes, dtype=np.int64)},
        np.repeat(numbers[:, None], 4, axis=1).astype(np.float32),
    )


@given(st.lists(st.integers(0, 9), min_size=10, max_size=10), st.integers(0, 10), st.booleans())
def test_fates_of_a_part(leaders: list[int], at: int, dense: bool) -> None:
    """The leader and the refusal of a row are the same in a part as in the whole."""
    ids = b"".join(bytes([number]) * 32 for number in range(10))
    groups = Groups(np.array(leaders), np.arange(10), np.arange(10) < 6)
    whole = fates_of(ids, groups, groups.kept, 0.5 if dense else None)
    for start, stop in ((0, at), (at, 10)):
        part = whole.part(start, stop)
        for row in range(start, stop):
            assert part.leader(row - start) == whole.leader(row) == f"{leaders[row]:02x}" * 32
            assert part.refusal(row - start) == whole.refusal(row)
            assert bool(whole.refusal(row)) == (row >= 6)


def test_what_is_learnt_of_parts_adds_up() -> None:
    """An embedder that learns knows the same from the counts of two halves as from all texts."""
    texts = [f"the {word} of the {word[::-1]}" for word in ("cat", "house", "number", "tree")]
    learner = Tfidf()
    parts = learner.count(texts[:1]) + learner.count(texts[1:])
    assert learner.learnt(parts).identity == learner.fit(texts).identity
