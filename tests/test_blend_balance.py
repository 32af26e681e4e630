"""blend --balance: the same mix, from rows that leave the values of a field as even as can be."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.mixing.balance import levelled
from synthgate.mixing.counts import Shortage
from synthgate.mixing.table import Table
from synthgate.stages.blend import Mixed, Wish, blend
from tests import auditing
from tests.conftest import read_rows, write_rows
from tests.test_blend_stage import named

NAMES = ("a", "b", "c")
REAL = {"red": 6, "blue": 6, "green": 2}
Counts = tuple[int, ...]

few = st.tuples(*[st.integers(0, 4)] * 3)
many = st.tuples(*[st.integers(0, 12)] * 3)
fractions = st.sampled_from([Fraction(n, 12) for n in (0, 2, 4, 5, 6, 8, 11, 12)])
shortages = st.builds(Shortage, st.sampled_from(("cap", "repeat")), st.integers(1, 3))


def side(name: str, counts: Counts, **more: Any) -> Table:
    """A side with so many rows of each class, of one slice and one source unless told otherwise."""
    numbers = [at for at, count in enumerate(counts) for _ in range(count)]
    return named(name, len(numbers), classes=numbers, class_names=NAMES, **more)


def of_classes(mix: Mixed, at: int) -> Counts:
    """How many output rows of a side are of each class."""
    found = np.bincount(mix.sides[at].classes, mix.uses[at], len(NAMES))
    return tuple(int(count) for count in found)


def sizes(mix: Mixed) -> Counts:
    return tuple(map(sum, zip(of_classes(mix, 0), of_classes(mix, 1), strict=True)))


def choices(low: Counts, high: Counts, total: int) -> Iterator[Counts]:
    """Every way of taking so many rows."""
    for each in product(*(range(a, b + 1) for a, b in zip(low, high, strict=True))):
        if sum(each) == total:
            yield each


# --- the rule ---------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(many, many, many, st.floats(0, 1))
def test_no_other_choice_is_more_even(beside: Counts, low: Counts, more: Counts, at: float) -> None:
    """Levelling: of all choices of that many rows the one whose smallest class is largest, then the
    next one, found by trying every choice."""
    high = tuple(map(sum, zip(low, more, strict=True)))
    total = sum(low) + round(at * sum(more))
    found = levelled(*(np.array(each) for each in (beside, low, high)), total).tolist()
    assert sum(found) == total
    assert all(a <= b <= c for a, b, c in zip(low, found, high, strict=True))
    reached = sorted(map(sum, zip(beside, found, strict=True)))
    assert reached == max(
        sorted(map(sum, zip(beside, each, strict=True))) for each in choices(low, high, total)
    )


@settings(max_examples=150, deadline=None)
@given(few, few, fractions, shortages)
def test_a_mix_is_as_even_as_its_counts_allow(
    real: Counts, synthetic: Counts, fraction: Fraction, shortage: Shortage
) -> None:
    """The counts of the mix are those of a mix that is not balanced, and no choice of that many
    rows is more even: every real row comes once before one comes again, synthetic ones once."""
    tables = side("r", real), side("s", synthetic)
    plain = blend(*tables, Wish(fraction, shortage))
    mix = blend(*tables, Wish(fraction, shortage, balance=True))
    assert mix.counts == plain.counts
    assert mix.quotas == plain.quotas
    ours, theirs = mix.counts
    again, most = ours >= sum(real), 1 if fraction == 1 else shortage.most
    low, high = (real, tuple(most * n for n in real)) if again else ((0, 0, 0), real)
    assert sorted(sizes(mix)) == max(
        sorted(map(sum, zip(one, other, strict=True)))
        for one in choices(low, high, ours)
        for other in choices((0, 0, 0), synthetic, theirs)
    )


@settings(max_examples=150, deadline=None)
@given(many, many, fractions, shortages, st.integers(0, 2))
def test_nothing_is_lost_and_every_prefix_keeps_the_fraction(
    real: Counts, synthetic: Counts, fraction: Fraction, shortage: Shortage, epoch: int
) -> None:
    """Every row is picked or dropped; the uses within a class differ by one at most and come in
    their order; every prefix is within half a row of the fraction."""
    wish = Wish(fraction, shortage, balance=True, epoch=epoch)
    mix = blend(side("r", real), side("s", synthetic), wish)
    seen: Counter[tuple[bool, int]] = Counter()
    ours, rounded = 0, mix.counts[0] - fraction * sum(mix.counts)
    for count, pick in enumerate(mix.picks(), 1):
        assert pick.copy == seen[pick.real, pick.number]
        seen[pick.real, pick.number] += 1
        ours += pick.real
        assert abs(ours - fraction * count) <= max(Fraction(1, 2), rounded)
    gone = {(pick.real, pick.number) for pick, reason in mix.drops() if reason}
    assert not gone & {*seen}
    assert len(gone) + len(seen) == sum(real) + sum(synthetic)
    for part in range(3):
        uses = mix.uses[0][mix.sides[0].classes == part]
        assert not len(uses) or np.ptp(uses) <= 1


def test_what_people_would_expect() -> None:
    """Counts that a person can check: what is cut, what is repeated, what is left over."""
    synthetic = side("s", (20, 6, 1))

    def found(real: Counts, fraction: str, how: str) -> tuple[Counts, Counts]:
        wish = Wish(Fraction(fraction), Shortage(how), balance=True)
        mix = blend(side("r", real), synthetic, wish)
        return of_classes(mix, 0), of_classes(mix, 1)

    assert found((5, 5, 5), "0.5", "cap") == ((5, 5, 5), (8, 6, 1))
    assert found((5, 5, 5), "0.5", "repeat") == ((5, 9, 13), (20, 6, 1))
    assert found((5, 5, 2), "0.5", "repeat") == ((5, 14, 8), (20, 6, 1))  # 2 rows, 4 uses each
    assert found((9, 9, 9), "0.25", "cap") == ((0, 2, 7), (20, 6, 1))


# --- with the other rules ---------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=60))
def test_each_slice_keeps_its_own_mix(rows: list[tuple[int, int, bool]]) -> None:
    """--by beside it: each slice has the counts it has without, and is as even as it is alone."""
    tables = []
    for real in (True, False):
        ours = [(part, slice_) for part, slice_, is_real in rows if is_real == real]
        columns: dict[str, Any] = {
            "classes": [part for part, _ in ours], "slices": [slice_ for _, slice_ in ours]
        }  # fmt: skip
        names = {"class_names": NAMES, "slice_names": NAMES}
        tables.append(named(f"{real}", len(ours), **columns, **names))
    shortage = Shortage("repeat", 2)
    mix = blend(tables[0], tables[1], Wish(Fraction(1, 2), shortage, balance=True))
    assert mix.quotas == blend(tables[0], tables[1], Wish(Fraction(1, 2), shortage)).quotas
    for quota in mix.quotas:
        inside = [table.slices == NAMES.index(quota.name) for table in tables]
        alone = blend(
            *(t.take(np.flatnonzero(rows)) for t, rows in zip(tables, inside, strict=True)),
            Wish(Fraction(1, 2), shortage, balance=True),
        )
        for at in (0, 1):
            assert mix.uses[at][inside[at]].tolist() == alone.uses[at].tolist()


weights = st.dictionaries(st.sampled_from("xy"), st.integers(1, 4).map(Fraction), min_size=1)


@settings(max_examples=100, deadline=None)
@given(st.tuples(many, many), st.tuples(many, many), weights, fractions, shortages)
def test_sources_keep_their_shares(
    real: tuple[Counts, Counts],
    synthetic: tuple[Counts, Counts],
    weights: dict[str, Fraction],
    fraction: Fraction,
    shortage: Shortage,
) -> None:
    """--weight beside it: as many rows of each source as without; uses keep their limit."""
    tables = []
    for name, (one, other) in (("r", real), ("s", synthetic)):
        sources = [0] * sum(one) + [1] * sum(other)
        classes = [at for part in (one, other) for at, n in enumerate(part) for _ in range(n)]
        more: dict[str, Any] = {"sources": sources, "classes": classes}
        names = {"source_names": ("x", "y"), "class_names": NAMES}
        tables.append(named(name, len(sources), **more, **names))
    found = [
        blend(tables[0], tables[1], Wish(fraction, shortage, weights, balance=balance))
        for balance in (False, True)
    ]
    for at in (0, 1):
        ours = [np.bincount(tables[at].sources, mix.uses[at], 2).tolist() for mix in found]
        assert ours[0] == ours[1]
        assert found[1].uses[at].max(initial=0) <= (shortage.most, 1)[at]
    kept = sum(int((uses > 0).sum()) for uses in found[1].uses)
    assert len(list(found[1].drops())) == len(tables[0]) + len(tables[1]) - kept


def test_weights_cut_the_fullest_class() -> None:
    """--weight: what does not fit of a source is taken from its fullest class."""
    classes = [0] * 30 + [1] * 6 + [0] * 12
    sources = [0] * 36 + [1] * 12
    more: dict[str, Any] = {"classes": classes, "sources": sources}
    synthetic = named("s", 48, **more, class_names=NAMES, source_names=("x", "y"))
    wish = Wish(Fraction(1, 2), weights={"x": Fraction(1)}, balance=True)
    mix = blend(side("r", (20, 20, 0)), synthetic, wish)
    inside = synthetic.sources == 0
    assert np.bincount(synthetic.classes[inside], mix.uses[1][inside]).tolist() == [6, 6]


def test_repeats_are_spread() -> None:
    """The four uses of a row stand a quarter apart, so that every part of the order is alike."""
    mix = blend(
        side("r", (400, 40, 0)), side("s", (0, 560, 0)),
        Wish(Fraction(1, 2), Shortage("repeat"), balance=True),
    )  # fmt: skip
    assert of_classes(mix, 0) == (520, 40, 0)
    numbers = [pick.number for pick in mix.picks() if pick.real]
    again = [number for number, count in Counter(numbers).items() if count == 2]
    assert len(again) == 120
    for number in again:
        first, second = (at for at, each in enumerate(numbers) if each == number)
        assert abs(second - first - 280) < 90


# --- the command ------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """20 verified synthetic rows of `red` and 4 of `blue`; 6 real ones of each, 2 of `green`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNTHGATE_RUN_DIR", raising=False)
    write_rows(tmp_path / "syn.jsonl", lines("s", {"red": 20, "blue": 4}, auditing.SYNTHETIC))
    write_rows(tmp_path / "real.jsonl", lines("r", REAL, auditing.REAL))
    return tmp_path


def lines(name: str, counts: dict[str, int], values: tuple[Any, ...]) -> list[bytes]:
    return [
        auditing.stamped({"input": f"{name} {kind} {n}", "output": f"{n}", "kind": kind}, values)
        for kind, count in counts.items()
        for n in range(count)
    ]


def command(*words: str, inputs: tuple[str, ...] = ("syn.jsonl",), code: int = 0) -> None:
    outputs = ["-o", "out.jsonl", "--rejects", "rej.jsonl", "--force"]
    argv = ["blend", *inputs, "--real", "real.jsonl", *outputs, "--unaudited", "a test", *words]
    assert invoke(argv) == code


def kinds(path: str = "out.jsonl") -> dict[str, int]:
    return dict(Counter(row["kind"] for row in read_rows(Path(path))))


def test_rows_in_are_rows_out_and_rejects(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The plan says how even it is; the account balances for every value; repeats are marked."""
    command("--balance", "kind", "--on-shortage", "repeat")
    assert kinds() == {"red": 26, "blue": 14, "green": 8}
    found = json.loads(Path("out.jsonl.manifest.json").read_text())
    account = found["findings"]["real"]["classes"]
    assert account == {
        "blue": {"in": 6, "out": 10, "repeats": 4, "dropped": {}},
        "green": {"in": 2, "out": 8, "repeats": 6, "dropped": {}},
        "red": {"in": 6, "out": 6, "repeats": 0, "dropped": {}},
    }
    assert found["slices"]["kind=blue"] == {
        "synthetic_in": 4, "synthetic_out": 4, "real_in": 6, "real_out": 10,
    }  # fmt: skip
    assert found["rows_in"] + found["findings"]["repeats"] == found["rows_out"]
    marks = Counter(row["_synthgate"]["override"] for row in read_rows(Path("out.jsonl")))
    assert marks["repeated: use 4"] == 2
    said = capfd.readouterr().err
    assert "plan: kind: 3 values, of 8 to 26 rows each; fewest: green 8, blue 14\n" in said


def test_the_default_cuts_the_fullest_value(here: Path) -> None:
    """cap: the rows that go are those of the value that has most, as `over_fraction`; the setting
    may stand in synthgate.toml, where `run` finds it."""
    command("--balance", "kind")
    assert kinds() == {"red": 16, "blue": 10, "green": 2}
    Path("synthgate.toml").write_text('[blend]\nbalance = "kind"\n')
    first = Path("out.jsonl").read_bytes()
    command()
    assert Path("out.jsonl").read_bytes() == first
    gone = read_rows(Path("rej.jsonl"))
    assert {(row["kind"], row["_reject"]["reason"]) for row in gone} == {("red", "over_fraction")}
    assert len(gone) == 10


def test_order_and_files_do_not_matter(here: Path) -> None:
    """Shuffled rows in other files give the same bytes."""
    words = ("--balance", "kind", "--on-shortage", "repeat", "--real-fraction", "0.6")
    command(*words)
    wanted = Path("out.jsonl").read_bytes()
    ours, real = (Path(name).read_bytes().splitlines() for name in ("syn.jsonl", "real.jsonl"))
    for seed in range(3):
        for each in (ours, real):
            random.Random(seed).shuffle(each)
        write_rows(Path("syn.jsonl"), ours[:9])
        write_rows(Path("more.jsonl"), ours[9:])
        write_rows(Path("real.jsonl"), real)
        command(*words, inputs=("syn.jsonl", "more.jsonl"))
        assert Path("out.jsonl").read_bytes() == wanted


def test_a_value_that_loses_all_real_rows_is_named(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With real rows to spare a full value may lose all of them: the plan says so."""
    command("--balance", "kind")
    assert "no real row stands beside" not in capfd.readouterr().err
    command("--balance", "kind", "--real-fraction", "0.1")
    said = capfd.readouterr().err
    assert "no real row stands beside the synthetic ones of kind: red\n" in said


def test_held_out_rows_are_balanced_too(here: Path) -> None:
    """--val-fraction: both sets are, no row is in both, and rows in are rows out and rejects."""
    words = ("--val-fraction", "0.5", "--val-output", "val.jsonl", "--near-threshold", "0")
    command("--balance", "kind", *words)
    sets = [
        {row["_synthgate"]["id"] for row in read_rows(Path(f"{n}.jsonl"))} for n in ("out", "val")
    ]
    assert not sets[0] & sets[1]
    assert len(sets[0]) + len(sets[1]) + len(read_rows(Path("rej.jsonl"))) == 38
    found = json.loads(Path("out.jsonl.manifest.json").read_text())["findings"]
    assert found["synthetic"]["classes"]["red"]["in"] == 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--balance", "kind", "--unit", "chars"), "does not go with --unit chars"),
        (("--balance", "kind", "--by", "kind"), "--by gives each value its own share already"),
        (("--balance", "knid"), "--balance knid: no real row has this field"),
        (("--balance", "only"), "--balance only: no synthetic row has this field"),
    ],
)
def test_what_cannot_be_balanced_is_refused(
    here: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    """One line, exit 2, nothing written."""
    more = auditing.stamped({"input": "x", "output": "y", "only": 1}, auditing.REAL)
    write_rows(Path("real.jsonl"), [*Path("real.jsonl").read_bytes().splitlines(), more])
    command(*words, code=2)
    assert said in capfd.readouterr().err
    assert not Path("out.jsonl").exists()


def test_names_of_values_cannot_write_to_the_terminal(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A value that holds an escape sequence is shown, not sent."""
    hostile = {"red": 20, "\x1b[31mblue\n": 4}
    write_rows(Path("syn.jsonl"), lines("s", hostile, auditing.SYNTHETIC))
    command("--balance", "kind")
    said = capfd.readouterr().err
    assert "\x1b" not in said
    assert "blue" in said


def test_no_real_rows_leaves_nothing_to_balance(here: Path) -> None:
    """--no-real: all synthetic rows, as without."""
    argv = ["blend", "syn.jsonl", "--no-real", "none", "--unaudited", "a test", "--balance", "kind"]
    assert invoke([*argv, "-o", "out.jsonl"]) == 0
    assert kinds() == {"red": 20, "blue": 4}
