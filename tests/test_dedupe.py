"""dedupe: what repeats what, which of them stays, and that nothing but the settings decides."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.config import DedupePolicy
from synthgate.formats import named
from synthgate.near.pool import Processes
from synthgate.provenance import Stamp, read
from synthgate.rows import Row
from synthgate.stages.dedupe import dedupe
from synthgate.text import folded, folded_all, normalise
from tests.conftest import in_shell, synthgate

WORDS = ["red", "blue", "green", "grey", "black", "white", "brown", "pink", "gold", "teal"]
Near = dict[str, tuple[str, str]]


def rows_of(values: list[dict[str, Any]]) -> list[Row]:
    """Values as rows of a file."""
    stamp = Stamp().provenance
    lines = (json.dumps(value).encode() for value in values)
    return [read(line, "in.jsonl", number, stamp) for number, line in enumerate(lines, 1)]


def decided(values: list[dict[str, Any]], shape: str = "input/output", **given: Any) -> list[str]:
    """The reasons for which rows go, "" for those that stay."""
    policy = DedupePolicy(**given)
    return [each.reason for each in dedupe(rows_of(values), named(shape), policy)]


def text_rows(texts: list[str]) -> list[dict[str, Any]]:
    return [{"text": text} for text in texts]


# --- an oracle, in plain Python --------------------------------------------------------------


def grams(text: str) -> frozenset[tuple[str, ...]]:
    """The word 3-grams of ASCII text, or the text's words where there are fewer than three."""
    words = re.findall(r"\w+|[^\s\w.,;:?'\"()`]", " ".join(text.casefold().split()), re.ASCII)
    if len(words) < 3:
        return frozenset([tuple(words)] if words else [])
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def jaccard(one: str, other: str) -> float:
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b) if a | b else 1.0


def greedy(texts: list[str], threshold: float) -> list[str]:
    """What stays when each row is compared with every kept row before it."""
    kept: list[str] = []
    for text in texts:
        if all(jaccard(text, other) < threshold for other in kept):
            kept.append(text)
    return kept


@st.composite
def families(draw: Any) -> list[str]:
    """Texts, most of them made of others by the change of some words."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 60))) for _ in range(3)]
    for _ in range(draw(st.integers(0, 25))):
        words = rng.choice(texts).split()
        for _ in range(rng.randint(0, 4)):
            at = rng.randrange(len(words) + 1)
            words[at : at + rng.randint(0, 1)] = rng.choices(WORDS, k=rng.randint(0, 1))
        texts.append(" ".join(words) or "red")
    return texts


@given(families(), st.sampled_from([0.5, 0.7, 0.8, 0.9, 1.0]))
@settings(max_examples=150)
def test_what_is_dropped_is_near_what_it_names(texts: list[str], threshold: float) -> None:
    """A near row has at least the threshold's similarity with its survivor, which is kept."""
    policy = DedupePolicy(near_threshold=threshold, fuzzy_threshold=0.0)
    decisions = list(dedupe(rows_of(text_rows(texts)), named("text"), policy))
    kept = {each.row.id: each.row.value["text"] for each in decisions if not each.reason}
    for each in decisions:
        if each.reason:
            similarity = jaccard(each.row.value["text"], kept[each.survivor])
            assert similarity >= threshold - 1e-9
            assert each.reason == "exact" or f"Jaccard {similarity:.3f}" in each.detail


@given(st.lists(families(), min_size=1, max_size=3), st.sampled_from([0.5, 0.7, 0.8, 0.9]))
@settings(max_examples=150)
def test_what_stays_is_what_comparing_all_pairs_leaves(
    several: list[list[str]], threshold: float
) -> None:
    """Band keys miss 2 % of pairs at the threshold at most: the rest is the greedy answer."""
    texts = [text for family in several for text in family]
    policy = DedupePolicy(near_threshold=threshold, fuzzy_threshold=0.0)
    decisions = dedupe(rows_of(text_rows(texts)), named("text"), policy)
    kept = [each.row.value["text"] for each in decisions if not each.reason]
    wanted = greedy(texts, threshold)
    assert len(set(kept) ^ set(wanted)) <= max(2, 0.1 * len(texts))


def test_recall_over_many_pairs() -> None:
    """Of pairs at or above the threshold at least 97 % are found, whatever the threshold."""
    rng = random.Random(1)
    vocabulary = [f"w{number}" for number in range(5000)]
    for threshold in (0.5, 0.7, 0.8, 0.9):
        found = wanted = 0
        texts: list[str] = []
        for _ in range(400):
            words = rng.choices(vocabulary, k=120)
            other = list(words)
            for at in rng.sample(range(120), rng.randint(0, int(60 * (1 - threshold)))):
                other[at] = rng.choice(vocabulary)
            texts += [" ".join(words), " ".join(other)]
        reasons = decided(text_rows(texts), "text", near_threshold=threshold)
        for at in range(0, len(texts), 2):
            if texts[at] != texts[at + 1] and jaccard(texts[at], texts[at + 1]) >= threshold:
                wanted += 1
                found += reasons[at + 1] == "near"
        assert wanted > 50 and found >= 0.97 * wanted, (threshold, found, wanted)


def test_no_chain_drops_what_resembles_nothing_kept() -> None:
    """A is near B and B is near C, A is not near C: only B goes."""
    words = [f"w{number}" for number in range(100)]
    a, b, c = list(words), list(words), list(words)
    b[50] = "x"
    b[20] = "x"
    c[50] = c[20] = c[70] = c[85] = c[5] = "x"
    texts = [" ".join(each) for each in (a, b, c)]
    assert jaccard(texts[0], texts[1]) > 0.85 and jaccard(texts[1], texts[2]) > 0.8
    assert jaccard(texts[0], texts[2]) < 0.8
    assert decided(text_rows(texts), "text") == ["", "near", ""]
    assert decided(text_rows([texts[1], texts[0], texts[2]]), "text") == ["", "near", "near"]


def test_a_long_prompt_does_not_hide_that_answers_differ() -> None:
    """With --on both, prompts and responses must both be near, each with its own."""
    prompt = " ".join(f"w{number}" for number in range(200))
    rows = [{"input": prompt, "output": text} for text in ("yes", "no", "Yes", "yes it is so")]
    assert decided(rows) == ["", "", "exact", ""]
    assert decided(rows, on="prompt") == ["", "exact", "exact", "exact"]
    other = {"input": prompt.replace("w50", "x"), "output": "yes"}
    assert decided([rows[0], other]) == ["", "near"]
    assert decided([rows[0], other], on="response") == ["", "exact"]


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("How do I activate my card?", "How do I actvate my card?", "fuzzy"),
        ("How do I activate my card?", "how do i activate my card", "near"),
        ("please refund my order", "please do not refund my order", ""),
        ("please refund my order", "please dont refund my order", ""),
        ("What is 3 + 4 apples?", "What is 3 + 5 apples?", ""),
        ("What is 3 + 4 apples?", "What is 3 - 4 apples?", ""),
        ("It costs 1200 pounds", "It costs 1300 pounds", ""),
        ("that is possible for customers", "that is impossible for customers", ""),
        ("I can wait for the money", "I can't wait for the money", ""),
        ("the answer is legal there", "the answer is illegal there", ""),
        ("we would refund this order", "we wouldn't refund this order", ""),
        ("activate", "actvate", ""),
    ],
)
def test_short_texts(one: str, other: str, reason: str) -> None:
    """One misspelt word is the same text; a word more or less, a number or a sign is another."""
    assert decided(text_rows([one, other]), "text") == ["", reason]


def test_fuzzy_is_not_quadratic() -> None:
    """Thousands of short rows that share most words are decided in the time of their number."""
    rng = random.Random(2)
    names = [f"name{number:x}q{number:x}" for number in rng.sample(range(10**6), 3000)]
    texts = [f"please send the card to {name}" for name in names]
    assert set(decided(text_rows(texts), "text")) == {""}


KEEP = [
    {"input": "q", "output": "a b c d e f g h", "score": 1},
    {"input": "q", "output": "A  b c d e f g h", "score": 3},
    {"input": "q", "output": "A b c d e f g h", "score": 2},
]


def test_keep() -> None:
    """Of equal rows the first stays, or the best, or the longest; a row without a score is last."""
    assert decided(KEEP) == ["", "exact", "exact"]
    assert decided(KEEP, keep="best:score") == ["exact", "", "exact"]
    assert decided([{**KEEP[0], "score": "9"}, KEEP[2]], keep="best:score") == ["exact", ""]
    long = [f"w{number}" for number in range(60)]
    texts = text_rows([" ".join(long[:59]), " ".join(long)])
    assert decided(texts, "text", keep="longest") == ["near", ""]
    assert decided(texts, "text") == ["", "near"]


@pytest.mark.parametrize("keep", ["best", "best:", "last", "first:x", ""])
def test_keep_is_one_of_three(tmp_path: Path, keep: str) -> None:
    """Anything else is a usage error that names what there is."""
    (tmp_path / "in.jsonl").write_text('{"text":"a"}\n')
    done = synthgate("dedupe", tmp_path / "in.jsonl", "--keep", keep)
    assert done.code == 2 and "first, longest or best:FIELD" in done.err


def test_keep_best_of_a_number_that_no_row_has(tmp_path: Path) -> None:
    """A field that is spelt wrong would keep any row: 2, and nothing is written."""
    (tmp_path / "in.jsonl").write_text('{"text":"a","score":1}\n{"text":"b","score":"2"}\n')
    done = synthgate("dedupe", "in.jsonl", "--keep", "best:scroe", "-o", "o.jsonl", cwd=tmp_path)
    assert done.code == 2 and "--keep best:scroe: no row has a number there" in done.err
    assert not (tmp_path / "o.jsonl").exists()
    (tmp_path / "none.jsonl").touch()
    for name, field in (("in", "score"), ("none", "x")):
        done = synthgate("dedupe", f"{name}.jsonl", "--keep", f"best:{field}", cwd=tmp_path)
        assert done.code == 0, done.err


def test_no_room_for_a_copy_of_stdin(tmp_path: Path) -> None:
    """What can be read only once is copied; where that fails the user's rows are not to blame."""
    script = (
        'ulimit -f 64; seq 9999 | sed \'s/.*/{"text":"number &"}/\' | synthgate dedupe - -o o.jsonl'
    )
    done = in_shell(tmp_path, script)
    assert done.code == 2 and "no room for a copy of the input: " in done.err
    assert not (tmp_path / "o.jsonl").exists()


def test_caps() -> None:
    """--max-same-output and --max-same-prompt keep that many rows of one text."""
    rows = [{"input": f"question {n}", "output": "I do not know."} for n in range(5)]
    assert decided(rows) == [""] * 5
    assert decided(rows, max_same_output=2) == ["", "", *["same_output"] * 3]
    turned = [{"input": "Why?", "output": f"because of {n}", "score": n} for n in range(4)]
    assert decided(turned, max_same_prompt=1) == ["", *["same_prompt"] * 3]
    best = decided(turned, max_same_prompt=1, keep="best:score")
    assert best == [*["same_prompt"] * 3, ""]
    assert decided(text_rows(["a", "b", "c"]), "text", max_same_prompt=1) == [""] * 3


@given(st.text(max_size=60), st.sampled_from(["", "  ", "\n\n", "\t", "\x1f", "\u00a0", "\u3000"]))
@settings(max_examples=500)
def test_folded_is_normalise(text: str, space: str) -> None:
    """The fast way of normalising gives what casefold, NFC and split give."""
    import unicodedata

    text = text + space + text
    wanted = " ".join(unicodedata.normalize("NFC", text).casefold().split())
    assert normalise(text) == wanted and folded(text) == wanted.encode("utf-8", "surrogatepass")


@given(st.lists(st.text(max_size=20) | st.text(" aA\xe9\u0301\n\x1f", max_size=9), max_size=6))
@settings(max_examples=300)
def test_texts_folded_together(texts: list[str]) -> None:
    """Many texts at once are folded as each alone: none touches its neighbour."""
    assert folded_all(texts) == [folded(text) for text in texts]


# --- the command: workers, files, memory -------------------------------------------------------


def corpus(count: int) -> list[dict[str, Any]]:
    """Rows of which many repeat others, exactly, nearly, misspelt; some invalid."""
    rng = random.Random(5)
    rows: list[dict[str, Any]] = []
    for number in range(count):
        words = [*rng.choices(WORDS, k=rng.choice([4, 12, 40, 90])), f"n{rng.randrange(40)}"]
        if rows and rng.random() < 0.4:
            words = rng.choice(rows)["output"].split()
            for _ in range(rng.randint(0, 2)):
                words[rng.randrange(len(words))] = rng.choice([*WORDS, "actvate", "activate"])
        rows.append({"input": f"ask {rng.randrange(9)}", "output": " ".join(words), "n": number})
    for number in range(50):
        spelt = "actvate" if number % 2 else "activate"
        rows.append({"input": "x", "output": f"please {spelt} card {number // 2}", "n": number})
    return [*rows, {"input": "x", "output": ""}]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    lines = [json.dumps(row) + "\n" for row in corpus(9000)]
    lines.insert(100, "\n \n")
    lines.insert(200, "{broken\n")
    (folder / "in.jsonl").write_text("".join(lines))
    (folder / "in.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    return folder


def run(folder: Path, name: str, *more: str, stdin: bytes = b"") -> tuple[list[Any], list[Any]]:
    """The rows and rejects of a run, without the names of files and of sources."""
    out, rejects = folder / "out.jsonl", folder / "rejects.jsonl"
    argv = ["-o", out, "--rejects", rejects, "--force", "--on-error", "reject", "--source", "s"]
    done = synthgate("dedupe", name, *argv, *more, cwd=folder, stdin=stdin)
    assert done.code == 0, done.err
    found = [path.read_text().replace(f'"{name}"', '"in.jsonl"') for path in (out, rejects)]
    found = [text.replace(f" {name}:", " in.jsonl:") for text in found]
    return found[0].splitlines(), found[1].splitlines()


@pytest.mark.parametrize("options", [(), ("--keep", "longest"), ("--keep", "best:n")], ids=str)
def test_workers_change_nothing(many: Path, options: tuple[str, ...]) -> None:
    """One process and three write the same bytes, whatever is preferred."""
    alone = run(many, "in.jsonl", "--workers", "1", *options)
    reasons = {json.loads(line)["_reject"]["reason"] for line in alone[1]}
    assert reasons == {"exact", "near", "fuzzy", "invalid:empty", "invalid_json"}
    assert run(many, "in.jsonl", "--workers", "3", *options) == alone


def test_stdin_and_gzip_are_files(many: Path) -> None:
    """What cannot be sought in is read again from the start, or from a copy: the same answer."""
    wanted = run(many, "in.jsonl")
    assert run(many, "in.jsonl.gz") == wanted
    assert run(many, "-", stdin=(many / "in.jsonl").read_bytes()) == wanted


def test_several_files_are_one(tmp_path: Path) -> None:
    """Repeats are found across files, and `cat a a` drops all of the second."""
    rows = [{"text": " ".join(random.Random(n).choices(WORDS, k=50))} for n in range(50)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(text)
    done = synthgate("dedupe", "a.jsonl", "b.jsonl", "--rejects", "r.jsonl", cwd=tmp_path)
    assert len(done.rows) == 50
    rejects = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [r["_reject"]["detail"] for r in rejects] == [
        f"repeats a.jsonl:{n + 1}" for n in range(50)
    ]


def test_a_row_of_ten_megabytes(tmp_path: Path) -> None:
    """A row of any size is decided: near its twin, with words of any length in it."""
    rng = random.Random(3)
    words = rng.choices([f"w{number}" for number in range(9000)], k=1_400_000)
    rows = [" ".join(words), "y" * 3_000_000, "y" * 3_000_001, " ".join(words).upper()]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": r}) + "\n" for r in rows))
    done = synthgate("dedupe", "in.jsonl", "--rejects", "r.jsonl", "-o", "o.jsonl", cwd=tmp_path)
    assert done.code == 0 and "4 rows in, 3 out, 1 rejected (exact 1)" in done.err


def test_a_worker_that_dies_is_an_error(many: Path) -> None:
    """A process that is gone ends the command with 7 and leaves nothing, instead of a hang."""
    from synthgate.errors import Unreachable
    from synthgate.jsonl.pages import RowsPage
    from synthgate.near.settings import Settings

    page = RowsPage(rows_of([{"text": "a"}]))
    with Processes(Settings(shape=named("text")), 2) as pool, pytest.raises(Unreachable):
        for number, _ in enumerate(pool.map("scan", [page] * 40)):
            if number == 10:
                for worker in pool._workers:
                    worker.kill()
