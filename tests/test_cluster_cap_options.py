"""cluster-cap's options: order, named clusters, protected slices, and what is said of the loss."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.clusters import named
from synthgate.clusters.cover import covered
from synthgate.clusters.protect import protected, rare
from synthgate.clusters.words import counted, telling
from synthgate.config import ClusterCapPolicy
from synthgate.embedders import sentences
from synthgate.embedders.static import Static
from synthgate.embedders.tfidf import Tfidf
from synthgate.formats import SHAPES
from synthgate.provenance import Stamp, read
from synthgate.stages.cluster_cap import plan
from tests.conftest import ROOT, in_shell, read_rows, write_rows

EXAMPLE = re.compile(r"```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
TOPICS = ("refund my order", "the moon and its tides", "bake a chocolate cake")


@dataclass(frozen=True)
class Outcome:
    """What one run left behind."""

    code: int
    kept: list[dict[str, Any]]
    dropped: list[dict[str, Any]]
    findings: dict[str, Any]
    slices: dict[str, Any]
    err: str


@pytest.fixture
def cap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command over rows, in this process."""

    def run(rows: list[dict[str, Any]], *more: str | Path) -> Outcome:
        source = write_rows(tmp_path / "in.jsonl", rows)
        paths = [tmp_path / name for name in ("out.jsonl", "rejects.jsonl", "summary.json")]
        for path in paths:
            path.unlink(missing_ok=True)
        out, rejects, summary = map(str, paths)
        outputs = ["-o", out, "--rejects", rejects, "--summary", summary, "--force"]
        code = invoke(["cluster-cap", str(source), *outputs, *map(str, more)])
        err = capsys.readouterr().err
        if code:
            return Outcome(code, [], [], {}, {}, err)
        record = json.loads(paths[2].read_text())
        kept, dropped = read_rows(paths[0]), read_rows(paths[1])
        assert len(kept) + len(dropped) == len(rows)
        return Outcome(code, kept, dropped, record["findings"], record["slices"], err)

    return run


Cap = Callable[..., Outcome]


def crowd(count: int) -> list[dict[str, Any]]:
    """Rows of three topics, the first of them crowded, each with a score and a kind."""
    rows = [(f"please {TOPICS[0]} number {n}", "refund") for n in range(count)]
    rows += [(f"{topic} {n}", topic[:8]) for topic in TOPICS[1:] for n in range(5)]
    return [
        {"text": text, "score": n * 7 % 31, "kind": kind} for n, (text, kind) in enumerate(rows)
    ]


# --- order ------------------------------------------------------------------------------


def test_the_best_rows_of_a_crowd_are_kept(cap: Cap) -> None:
    """--order FIELD: what is kept of a crowd has the largest numbers in that field."""
    found = cap(crowd(40), "--order", "score", "--max-per-cluster", "6")
    refunds = sorted((n * 7 % 31 for n in range(40)), reverse=True)
    scores = sorted((r["score"] for r in found.kept if r["kind"] == "refund"), reverse=True)
    assert scores == refunds[:6]


def test_what_has_no_number_comes_last(cap: Cap) -> None:
    """A missing field, a text and a truth value are no number: those rows are dropped first."""
    rows = crowd(9)[:9]
    rows[3]["score"], rows[4]["score"] = "99", True
    del rows[5]["score"]
    found = cap(rows, "--order", "score", "--max-per-cluster", "6")
    assert sorted(found.dropped, key=lambda r: r["text"]) == found.dropped
    assert [row["text"][-1] for row in found.dropped] == ["3", "4", "5"]


def test_measured_confidence_comes_first_by_default(cap: Cap, tmp_path: Path) -> None:
    """Rows that checks gave a confidence go before those without; --order hash heeds none."""
    stamped = cap(crowd(20)[:20]).kept
    for number, row in enumerate(stamped):
        row["_synthgate"]["confidence"] = 0.9 if number % 4 == 0 else 0.5
    best = cap(stamped, "--max-per-cluster", "5").kept
    assert {row["_synthgate"]["confidence"] for row in best} == {0.9}
    drawn = cap(stamped, "--max-per-cluster", "5", "--order", "hash").kept
    assert 0.5 in {row["_synthgate"]["confidence"] for row in drawn}


def test_an_order_that_no_row_has_is_refused(cap: Cap) -> None:
    """A misspelt field ends with 2 and never silently means hash."""
    found = cap(crowd(3), "--order", "scroe")
    assert found.code == 2
    assert "--order scroe: no row has a number there" in found.err


# --- named clusters ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["kmeans", "agglomerative"])
def test_each_named_cluster_is_capped(cap: Cap, method: str) -> None:
    """Of k clusters each keeps at most N rows, the best first, under the id of its first."""
    options = ("--clusters", "3", "--max-per-cluster", "4", "--order", "score")
    found = cap(crowd(30), "--method", method, *options)
    clusters = Counter(row["_synthgate"]["cluster"] for row in found.kept)
    assert sorted(clusters.values()) == [4, 4, 4]
    ids = {row["_synthgate"]["id"] for row in found.kept}
    assert set(clusters) <= ids
    assert all(row["_reject"]["survivor"] in ids for row in found.dropped)
    refunds = [row["score"] for row in found.kept if row["kind"] == "refund"]
    assert sorted(refunds) == sorted(n * 7 % 31 for n in range(30))[-4:]
    assert found.findings["clusters"] == 3


@pytest.mark.parametrize(
    "options",
    [("kmeans", "--clusters", "4"), ("agglomerative",), ("density", "--embedder", "tfidf")],
    ids=lambda options: options[0],
)
def test_the_order_of_the_rows_changes_nothing(cap: Cap, options: tuple[str, ...]) -> None:
    """Shuffled rows give the same set of lines, for every method."""
    rows = crowd(40)
    shuffled = random.Random(3).sample(rows, len(rows))
    one, two = (
        cap(each, "--max-per-cluster", "3", "--method", *options) for each in (rows, shuffled)
    )
    assert one.dropped
    assert {json.dumps(row) for row in one.kept} == {json.dumps(row) for row in two.kept}
    assert one.findings == two.findings


@given(st.lists(st.integers(-1, 3), max_size=30), st.integers(1, 4), st.randoms())
def test_a_label_keeps_its_first_rows(labels: list[int], most: int, draw: Any) -> None:
    """Any labels: of each the first rows in the order are kept; -1 is a cluster of its own."""
    order = draw.sample(range(len(labels)), len(labels))
    found = named.capped(np.array(labels, dtype=int), np.array(order, dtype=int), most)
    for row, label in enumerate(labels):
        mates = [other for other in order if labels[other] == label] if label >= 0 else [row]
        assert found.kept[row] == (row in mates[:most])
        assert found.leaders[row] == mates[0]


def test_texts_without_words_are_never_clustered() -> None:
    """A zero vector belongs to no cluster, in whatever method."""
    vectors = Static().embed(["", "refund", "refund", ""])
    order = np.arange(4)
    for found in (
        named.kmeans_cap(vectors, order, 2, 1, 0),
        named.agglomerative_cap(vectors, order, 0, 0.5, 1),
        named.agglomerative_cap(vectors[[0, 1, 3]], order[:3], 2, 0.5, 1),
    ):
        assert found.kept[0] and found.kept[-1] and found.kept[1]
        assert found.leaders[0] == 0


def test_kmeans_wants_a_number_and_agglomerative_few_rows(
    cap: Cap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be done ends with 2 and what to do instead."""
    assert "--clusters K" in cap(crowd(3), "--method", "kmeans").err
    monkeypatch.setattr(named, "MOST_PAIRED", 10)
    assert "10 at most (got 13)" in cap(crowd(3), "--method", "agglomerative").err


# --- protected slices -------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-1, 3)), max_size=40),
    st.integers(0, 5),
    st.randoms(),
)
def test_a_floor_holds_and_only_adds(rows: list[tuple[bool, int]], floor: int, draw: Any) -> None:
    """Each slice has its floor or all of its rows; nothing that was kept goes; no more is added."""
    kept = np.array([keep for keep, _ in rows], dtype=bool)
    codes = np.array([code for _, code in rows], dtype=int)
    order = np.array(draw.sample(range(len(rows)), len(rows)), dtype=int)
    found = protected(kept, codes, order, floor)
    assert (found >= kept).all()
    assert (found == kept)[codes < 0].all()
    for code in range(4):
        mine = codes == code
        assert found[mine].sum() == max(kept[mine].sum(), min(floor, mine.sum()))
        waiting = [row for row in order.tolist() if mine[row] and not kept[row]]
        added = [row for row in waiting if found[row]]
        assert added == waiting[: len(added)]


@given(st.lists(st.integers(-1, 4), max_size=40), st.integers(1, 5))
def test_rare_is_at_most_that_many(codes: list[int], most: int) -> None:
    """A row is in a rare slice when its value stands in at most so many rows."""
    found = rare(np.array(codes, dtype=int), most)
    assert found.tolist() == [code >= 0 and codes.count(code) <= most for code in codes]


def mixed() -> list[dict[str, Any]]:
    """A crowd in which one rare kind says nearly the same as the others."""
    rows = crowd(60)
    for row in rows[::12]:
        row["kind"] = "rare"
    return rows


def test_rare_slices_are_protected(cap: Cap) -> None:
    """--protect FIELD keeps what a cap would take of a rare slice; the others stay as they were."""
    options = ("--max-per-cluster", "6")
    plain, safe = cap(mixed(), *options), cap(mixed(), *options, "--protect", "kind")
    kinds = Counter(row["kind"] for row in safe.kept)
    assert Counter(row["kind"] for row in plain.kept)["rare"] < 6
    assert kinds["rare"] == 6
    before, after = ({row["text"] for row in found.kept} for found in (plain, safe))
    assert before <= after
    assert safe.findings["protected"] == len(after) - len(before) > 0
    assert f"protected: {len(after) - len(before)} rows kept" in safe.err
    assert safe.findings["rare_slices"]["kind"] == {"rows": 15, "lost": 0, "share_lost": 0.0}


def test_the_floor_can_be_chosen(cap: Cap) -> None:
    """--protect-floor N: a slice keeps N rows at least, or all that it has."""
    options = ("--max-per-cluster", "1", "--protect", "kind", "--protect-floor", "4")
    kinds = Counter(row["kind"] for row in cap(mixed(), *options).kept)
    assert kinds == {"refund": 4, "rare": 4, TOPICS[1][:8]: 4, TOPICS[2][:8]: 4}


@pytest.mark.parametrize("option", ["--protect", "--by"])
def test_a_field_that_no_row_has_is_refused(cap: Cap, option: str) -> None:
    """A misspelt field ends with 2: it would protect and count nothing."""
    found = cap(crowd(3), option, "knid")
    assert found.code == 2
    assert f"{option} knid: no row has this field" in found.err


# --- what is said -----------------------------------------------------------------------


@pytest.mark.parametrize("most", [4, 5, 6])
def test_the_loss_is_counted(cap: Cap, most: int) -> None:
    """Rows lost by cluster, of the tail and of rare slices are what counting the outputs gives."""
    found = cap(mixed(), "--max-per-cluster", str(most), "--by", "kind")
    sizes = Counter(row["_synthgate"]["cluster"] for row in found.kept + found.dropped)
    kept = Counter(row["_synthgate"]["cluster"] for row in found.kept)
    lost = {
        each["cluster"]: (each["rows_in"], each["rows_out"]) for each in found.findings["lost_most"]
    }
    assert lost == {c: (sizes[c], kept[c]) for c in sizes if sizes[c] > kept[c]}
    small = [row for row in found.dropped if sizes[row["_synthgate"]["cluster"]] <= most]
    assert found.findings["tail"]["lost"] == len(small)
    assert found.findings["tail"]["rows"] == sum(n for n in sizes.values() if n <= most)
    kinds = Counter(row["kind"] for row in mixed())
    rows = sum(count for count in kinds.values() if count <= most)
    rare_lost = sum(kinds[row["kind"]] <= most for row in found.dropped)
    counted = found.findings["rare_slices"]["kind"]
    assert (counted["rows"], counted["lost"]) == (rows, rare_lost)
    assert (rare_lost > 0) == (most != 5)
    assert found.slices["kind=refund"]["rows_in"] == kinds["refund"]
    assert f"lost {rare_lost} of {rows} rows in slices of kind of {most} or fewer" in found.err


def test_clusters_are_named_by_their_telling_words(cap: Cap) -> None:
    """A crowd is named by words that it has and the rest has not, on stderr and in the manifest."""
    found = cap(crowd(40), "--max-per-cluster", "6")
    (cluster,) = found.findings["lost_most"]
    assert {"refund", "please", "number"} <= set(cluster["words"])
    assert f"full: {', '.join(cluster['words'])}: 6 of 40 kept" in found.err
    assert found.findings["embedder"].startswith("wordllama-")


def test_nothing_is_said_where_nothing_is_lost(cap: Cap) -> None:
    """Rows that all fit give no lines about loss."""
    assert "full:" not in (err := cap(crowd(5)).err)
    assert "tail:" not in err


def test_hostile_words_cannot_steer_a_terminal(cap: Cap) -> None:
    """Words of rows reach stderr as letters only."""
    rows = [{"text": f"\x1b]0;owned\x07 refund\u202e order {n}"} for n in range(9)]
    err = cap(rows, "--max-per-cluster", "2").err
    assert "full:" in err
    assert not set(err) & set("\x1b\x07\u202e")


@pytest.mark.parametrize(
    ("texts", "word"),
    [(["Karte sperren"] * 3, "karte"), (["カードを紛失"] * 3, "紛失"), (["Карта"] * 3, "карта")],
)
def test_telling_words_in_other_scripts(texts: list[str], word: str) -> None:
    """Words are found in scripts with and without spaces; numbers and single letters are none."""
    rest, inside = counted(["hello there 12", "a b c", *texts]), counted(texts)
    assert inside[word] == 3
    assert set(telling(inside, 3, rest, 5)) <= set(inside)
    assert not {"12", "a"} & set(rest)


# --- against real rows ------------------------------------------------------------------


def test_real_clusters_without_a_row_are_named(cap: Cap, tmp_path: Path) -> None:
    """--against REAL: the topics that no kept row is near, largest first, with words and counts."""
    real = [{"question": f"{TOPICS[0]} please {n}", "answer": "-"} for n in range(4)]
    real += [{"question": f"how tall is the mountain {n}", "answer": "-"} for n in range(7)]
    real += [{"question": f"which train leaves for Paris at {n}", "answer": "-"} for n in range(3)]
    path = write_rows(tmp_path / "real.jsonl", [{"text": row["question"]} for row in real])
    found = cap(crowd(20), "--against", path, "--max-per-cluster", "5")
    against = found.findings["against"]
    assert (against["rows"], against["rows_covered"]) == (14, 4)
    assert against["clusters_uncovered"] == 2
    mountain, train = against["largest_uncovered"]
    assert (mountain["rows"], train["rows"]) == (7, 3)
    assert "mountain" in mountain["words"]
    assert {"train", "paris"} & set(train["words"])
    assert "missing: " in found.err
    assert "7 real rows, none here" in found.err


@given(st.integers(0, 1000), st.integers(0, 30), st.integers(0, 30))
def test_covered_is_near_any_other(seed: int, some: int, others: int) -> None:
    """A vector is covered when one of the others, in whatever block, is near."""
    draw = np.random.default_rng(seed)
    one, two = (draw.normal(size=(n, 3)).astype(np.float32) for n in (some, others))
    found = covered(one, [two[:7], two[7:7], two[7:]], 0.5)
    assert found.tolist() == [bool((two @ row >= 0.5).any()) for row in one]


class Angles:
    """An embedder of texts that are angles in degrees."""

    identity, threshold = "angles", float(np.cos(np.radians(35)))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors in a plane."""
        angles = np.radians([float(text) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


@pytest.mark.parametrize(("protect", "near"), [("", [True, False]), ("kind", [True, True])])
def test_only_kept_rows_cover(protect: str, near: list[bool]) -> None:
    """A real row that only a dropped row is near is not covered; a protected row covers."""
    rows = [
        read(line, "in", number, Stamp().provenance)
        for number, line in enumerate((b'{"text":"0","n":2}', b'{"text":"30","n":1,"kind":"x"}'))
    ]
    policy = ClusterCapPolicy(max_per_cluster=1, order="n", against=("x",), protect=protect)
    capping = plan(rows, SHAPES[-1], Angles(), policy, 0)
    assert capping.kept.tolist() == [True, bool(protect)]
    real = Angles().embed(["10", "60"])
    assert covered(real, capping.kept_vectors(), capping.threshold).tolist() == near


def test_real_rows_of_another_shape_are_compared(cap: Cap, tmp_path: Path) -> None:
    """Real rows without a prompt are compared by the text that they have."""
    real = write_rows(tmp_path / "real.jsonl", [{"text": TOPICS[0]}, {"text": "a train to Paris"}])
    rows = [{"prompt": TOPICS[0], "completion": f"Well, {n}."} for n in range(3)]
    found = cap(rows, "--on", "prompt", "--against", real).findings["against"]
    assert (found["rows"], found["rows_covered"]) == (2, 1)


def test_real_rows_are_not_counted_and_must_be_there(cap: Cap, tmp_path: Path) -> None:
    """The reference is no input: it changes no row; an empty or missing one ends with 4."""
    path = write_rows(tmp_path / "real.jsonl", [{"text": "refund"}])
    assert cap(crowd(9), "--against", path).kept == cap(crowd(9)).kept
    path.write_bytes(b"")
    assert cap(crowd(9), "--against", path).code == 4
    assert cap(crowd(9), "--against", tmp_path / "none.jsonl").code == 4


@pytest.mark.parametrize("method", ["density", "kmeans"])
def test_protected_rows_cover_too(cap: Cap, tmp_path: Path, method: str) -> None:
    """What is compared with real rows is what is kept, however the cap came about."""
    real = write_rows(tmp_path / "real.jsonl", [{"text": f"{t} 1"} for t in TOPICS])
    options = ("--method", method, "--clusters", "3", "--protect", "kind")
    found = cap(crowd(30), "--against", real, *options)
    assert found.findings["against"]["rows_covered"] == 3


def test_empty_input(cap: Cap) -> None:
    """No rows: nothing to cap, whatever the options."""
    for options in (
        ("--protect", "x"),
        ("--method", "kmeans", "--clusters", "2"),
        ("--order", "x"),
    ):
        assert cap([], *options).code == 0
    assert cap([], "--embedder", "tfidf").kept == []


def test_the_page_shows_what_the_command_does(tmp_path: Path) -> None:
    """The example of docs/cluster-cap.md runs and prints what stands there."""
    text = (ROOT / "docs" / "cluster-cap.md").read_text()
    examples = EXAMPLE.findall(text)
    assert len(examples) == text.count("```sh") == 1
    for script, printed in examples:
        done = in_shell(tmp_path, script)
        assert (done.code, done.out.decode()) == (0, printed), done.err


def test_the_page_has_the_thresholds_that_ship() -> None:
    """Each embedder's threshold on the page is the one in the code."""
    text = (ROOT / "docs" / "cluster-cap.md").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("| threshold |"))
    shipped = (Static.threshold, Tfidf.threshold, *sentences.THRESHOLDS.values())
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    for cell, threshold in zip(cells, shipped, strict=True):
        assert cell.startswith(f"{threshold:.2f}".lstrip("0"))


def test_a_number_of_clusters_that_nothing_heeds(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--clusters` beside the density cap is a mistake, not a wish that is passed over."""
    rows = write_rows(tmp_path / "rows.jsonl", [{"text": "a"}])
    assert invoke(["cluster-cap", str(rows), "--clusters", "5"]) == 2
    assert "--method kmeans" in capfd.readouterr().err
