"""dedupe --against: text of evaluation sets is found wherever it was copied to."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthgate.config import DedupePolicy
from synthgate.formats import named
from synthgate.near.against import References
from synthgate.stages.dedupe import dedupe
from tests.conftest import synthgate
from tests.test_dedupe import rows_of, text_rows

Shared = Callable[[str], Path]
FILLER = (
    "Here is one more task that somebody thought of, with an answer, for you to look at: {} Ok."
)


def hits(texts: list[str], references: list[dict[str, Any]]) -> float:
    """The share of texts that are called contaminated by the references."""
    policy = DedupePolicy(near_threshold=0.0, fuzzy_threshold=0.0, against=("eval",))
    decisions = dedupe(rows_of(text_rows(texts)), named("text"), policy, rows_of(references))
    return sum(each.reason == "contaminated" for each in decisions) / len(texts)


@pytest.fixture(params=["humaneval", "gsm8k"])
def evaluation(request: pytest.FixtureRequest, shared: Shared) -> tuple[list[Any], str]:
    """The rows of a real evaluation set and the field of its prompts."""
    if request.param == "humaneval":
        data = gzip.decompress(shared("humaneval/HumanEval.jsonl.gz").read_bytes())
        return [json.loads(line) for line in data.splitlines()], "prompt"
    text = shared("gsm8k/test.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()], "question"


def one_word_changed(text: str, rng: random.Random) -> str:
    parts = text.split(" ")
    parts[rng.randrange(len(parts))] = "banana"
    return " ".join(parts)


def half(text: str, rng: random.Random) -> str:
    parts = text.split(" ")
    size = len(parts) // 2
    at = rng.randrange(len(parts) - size + 1)
    return " ".join(parts[at : at + size])


MUCH = " ".join(f"word{number} of mine" for number in range(50))
LONG = f"{MUCH} {FILLER} {MUCH}"


@pytest.mark.parametrize("frame", ["{}", FILLER, LONG], ids=["alone", "embedded", "in much text"])
def test_planted_rows_are_found(evaluation: tuple[list[Any], str], frame: str) -> None:
    """Recall on planted rows: verbatim 1.0, one word changed and half an excerpt at least .95."""
    rows, field = evaluation
    rng = random.Random(7)
    texts = [row[field] for row in rows]
    assert hits([frame.replace("{}", text) for text in texts], rows) == 1.0
    for plant in (one_word_changed, half):
        planted = [frame.replace("{}", plant(text, rng)) for text in texts]
        assert hits(planted, rows) >= 0.95, plant.__name__


def test_unrelated_rows_are_left_alone(shared: Shared, evaluation: tuple[list[Any], str]) -> None:
    """At most 2.5 % of real rows that have nothing to do with the set are hit: queries, prompts,
    problems with worked solutions of another set, and other problems of the same one."""
    rows, field = evaluation
    with open(shared("banking77/test.csv"), encoding="utf-8") as file:
        assert hits([row["text"] for row in csv.DictReader(file)], rows) <= 0.025
    other = shared("gsm8k/test.jsonl").read_text(encoding="utf-8").splitlines()
    problems = [json.loads(line) for line in other]
    texts = [f"{row['question']}\n{row['answer']}" for row in problems]
    if field == "prompt":
        assert hits(texts, rows) <= 0.025
    else:
        assert hits(texts[1::2], rows[::2]) <= 0.025
        assert hits(texts[::2], rows[1::2]) <= 0.025


def test_the_reject_shows_the_evidence(tmp_path: Path) -> None:
    """A reject names the reference row, how much is shared, and an excerpt of it."""
    question = "A train leaves the station at noon and travels north for three hours without a stop"
    (tmp_path / "eval.jsonl").write_text(
        json.dumps({"task": 7, "nested": {"q": [question]}}) + "\n"
    )
    rows = [
        {"input": f"Please solve: {question}.", "output": "It is far."},
        {"input": "a", "output": "b"},
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    argv = ["in.jsonl", "--against", "eval.jsonl", "--rejects", "r.jsonl", "--summary", "s.json"]
    done = synthgate("dedupe", *argv, "-o", "o.jsonl", cwd=tmp_path)
    assert done.code == 0 and "1 rejected (contaminated 1)" in done.err
    reject = json.loads((tmp_path / "r.jsonl").read_text())["_reject"]
    assert reject["detail"] == (
        "13-gram, sure: 16 of 18 words are of eval.jsonl:1: a train leaves the station at noon and "
        "travels north for three hours without a stop"
    )
    import hashlib

    raw = (tmp_path / "eval.jsonl").read_bytes().rstrip(b"\n")
    assert reject["survivor"] == hashlib.sha256(raw).hexdigest()
    roles = [
        each.get("role", "") for each in json.loads((tmp_path / "s.json").read_text())["inputs"]
    ]
    assert roles == ["", "against"]


def test_boilerplate_of_the_references_is_no_evidence() -> None:
    """What stands in more than ten reference rows proves nothing about one of them."""
    header = "please answer the question below in one short sentence and give your reasons first"
    twenty = [{"q": f"{header} number{n} word{n}"} for n in range(20)]
    assert hits([f"{header} something else"], twenty) == 0.0
    assert hits([f"{header} something else"], twenty[:5]) == 1.0


@pytest.mark.parametrize(
    ("shared", "found"),
    [
        ("sorted 5 3 8 2 9 4 7 1 6 0 5 5 8 3 1 7 7", True),  # 18 signs with the one before
        ("5 3 8 2 9 4 7 1 6 0 5 5 8 3 1 7 7", False),  # no word among them
        ("sorted 5 3 8 2 9 4 7 1", False),  # too few
        ("sorted 1 2 1 2 1 2 1 2 1 2 1 2 1 2 1 2 1", False),  # the same over and over
    ],
)
def test_a_long_run_of_numbers_is_evidence(shared: str, found: bool) -> None:
    """Formulas are alike by nature, but not 18 different ones in a row with a word among them."""
    reference = f"{shared} [ and then the function returns what it was asked for by the caller ]"
    text = f"here is something else that I wrote about my day {shared} [ which was long"
    assert hits([text], [{"q": reference}]) == float(found)


def test_empty_and_short_references() -> None:
    """A reference without texts, or with shorter ones than five words, finds nothing."""
    assert len(References(())) == 0
    assert hits(["yes it is", "no"], [{"a": "yes it is", "b": 1}, {"c": None}]) == 0.0
    assert (
        hits(["it is the red one", "it is the red one here"], [{"a": "It is the RED one."}]) == 0.5
    )


def test_several_references(tmp_path: Path) -> None:
    """--against is repeatable, reads any shape, and refuses what is no JSON."""
    words = [f"w{number}" for number in range(40)]
    for name, part in (("a.jsonl", words[:20]), ("b.jsonl", words[20:])):
        (tmp_path / name).write_text(json.dumps({"x": " ".join(part)}) + "\n")
    rows = text_rows([" ".join(words[:20]), " ".join(words[20:]), " ".join(words[10:30]), "other"])
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = synthgate(
        "dedupe", "in.jsonl", "--against", "a.jsonl", "--against", "b.jsonl", cwd=tmp_path
    )
    assert [row["text"] for row in done.rows] == ["other"]
    (tmp_path / "b.jsonl").write_text("{\n")
    done = synthgate("dedupe", "in.jsonl", "--against", "b.jsonl", cwd=tmp_path)
    assert (done.code, done.out) == (4, b"") and "b.jsonl:1" in done.err
