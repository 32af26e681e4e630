"""The check `answer`: final answers found, and compared exactly."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.verifiers import Bench, Verdict, Verifier, assemble
from synthgate.verifiers.answer import equals, gold_of
from synthgate.verifiers.final import final
from tests.conftest import read_rows, synthgate, write_rows

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
SHAPE = named("input/output")


def check_of(spec: str = "answer", **settings: Any) -> Verifier:
    """Return a fresh check with these settings."""
    bench = Bench(VerifyPolicy(**settings), lambda _: ((), SHAPE), lambda _: "")
    (built,) = assemble([spec], bench)
    return built


def ask(check: Verifier, response: str, gold: Any = None, **fields: Any) -> Verdict:
    """Return the verdict of a check on one row."""
    row = {"input": "?", "output": response, **fields}
    if gold is not None:
        row["answer"] = gold
    return check.check(read(json.dumps(row).encode(), "f", 1, Stamp().provenance), SHAPE)


def judge(response: str, gold: Any = None, check: str = "answer", **fields: Any) -> Verdict:
    """Return the verdict of a fresh check on one row."""
    return ask(check_of(check), response, gold, **fields)


def said(verdict: Verdict) -> str:
    """Return a verdict in a word or two."""
    return f"{verdict.outcome} {verdict.reason}".strip()


# --- the truth of published flags -------------------------------------------------------


def candidates(shared: Callable[[str], Path]) -> list[dict[str, Any]]:
    problems = shared("gsm8k/example_model_solutions.jsonl").read_text().splitlines()
    humans = shared("gsm8k/test.jsonl").read_text().splitlines()
    return [
        {
            "input": row["question"],
            "output": row[model]["solution"],
            "answer": json.loads(human)["answer"],
            "ground_truth": row["ground_truth"],
            "is_correct": row[model]["is_correct"],
        }
        for row, human in zip(map(json.loads, problems), humans, strict=True)
        for model in MODELS
    ]


@pytest.mark.parametrize("check", ["answer", "answer:ground_truth"])
def test_agrees_with_every_published_flag(
    shared: Callable[[str], Path], tmp_path: Path, check: str
) -> None:
    """The real command keeps exactly the answers that their authors marked as correct."""
    rows = candidates(shared)
    source = write_rows(tmp_path / "in.jsonl", rows)
    kept, rejected = tmp_path / "kept.jsonl", tmp_path / "rejected.jsonl"
    done = synthgate("verify", source, "-o", kept, "--rejects", rejected, "--check", check)
    assert done.code == 0, done.err
    right, wrong = read_rows(kept), read_rows(rejected)
    assert (len(right), len(wrong)) == (2001, 3275)
    assert all(row["is_correct"] for row in right)
    assert not any(row["is_correct"] for row in wrong)


# --- numbers ----------------------------------------------------------------------------


def spellings(value: int) -> list[str]:
    sign, size = ("-" if value < 0 else ""), abs(value)
    return [
        f"{value}", f"{value:,}", f"{value}.0", f"{value:,}.00", f"{sign}${size:,}", f"{value}%",
        f"{value} apples", f"{value}.", f"**{value}**", f"${value}$", f"\\boxed{{{value}}}",
        f"{value * 3}/3", f"x = {value}", f"{value}e0", f"$\\${sign}{size}$", f"{value} km",
    ]  # fmt: skip


@given(st.integers(-(10**25), 10**25), st.integers(-(10**25), 10**25), st.data())
def test_numbers_are_compared_as_numbers(one: int, other: int, data: st.DataObject) -> None:
    """However a number is written it equals itself, and never another number."""
    said = data.draw(st.sampled_from(spellings(one)))
    mark = data.draw(st.sampled_from(["#### ", "A: ", "The answer is ", "**Final Answer:** "]))
    gold = data.draw(st.sampled_from([one, str(one), f"{one:,}", f"why\n#### {one}"]))
    assert judge(f"First 7 of 9.\n{mark}{said}\n", gold).outcome == "pass"
    assert (judge(f"{mark}{said}", other).outcome == "pass") is (one == other)
    assert judge(f"{mark}{said}", f"{one + 1}").outcome == "fail"


@given(st.fractions(0, 1000, max_denominator=1000))
def test_fractions_are_exact(value: Fraction) -> None:
    """A fraction equals itself in any terms, and not its neighbour a millionth away."""
    said = f"A: {value.numerator * 2}/{value.denominator * 2}"
    assert judge(said, f"{value.numerator}/{value.denominator}").outcome == "pass"
    near = value + Fraction(1, 10**6)
    assert judge(said, f"{near.numerator}/{near.denominator}").outcome == "fail"


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_gold_of_json_is_the_number_it_shows(value: float) -> None:
    """A gold that is a JSON number is compared as it is written, `0.1` as one tenth."""
    assert judge(f"A: {value!r}", value).outcome == "pass"


@pytest.mark.parametrize(
    "text",
    [
        "A: 1e999999999", "A: 1E-999999999", "A: 9e99999999999999999999", "#### " + "9" * 10**6,
        "A: 1/" + "7" * 10**5, "answer " * 10**5, "\\boxed{" * 10**5, "A:\n" * 10**5,
        "1," * 10**6, "final" + " " * 10**6, "- " * 10**6, "\n" * 10**6,
    ],
)  # fmt: skip
def test_hostile_answers_cost_nothing(text: str) -> None:
    """No text makes the check build huge numbers or run for long; what it cannot read is text."""
    start = time.process_time()
    assert judge(text, 18).outcome == "fail"
    assert judge("A: 18", text).outcome != "pass"
    assert time.process_time() - start < 20  # quadratic would be hours


@pytest.mark.parametrize("text", ["1e401", "1e-401", "9" * 401, "1/" + "9" * 401])
def test_what_is_too_large_is_not_read(text: str) -> None:
    """Beyond 400 digits there is no number, only text."""
    found = final(f"A: {text}")
    assert found is None or found.number is None


@given(st.text())
def test_any_text_gets_a_verdict(text: str) -> None:
    """Whatever a response holds, the check neither raises nor passes a gold that is not there."""
    assert judge(text, "no model says this: \u2603 18.0625").outcome == "fail"
    assert judge("A: 5", text).outcome in ("pass", "fail", "abstain")


# --- pinned -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("A: 3.0", 3), ("A: 1/2", 0.5), ("A: 5,600", "5600"), ("#### $18", "18"),
        ("The answer is 2 1/2 hours", "2.5"), ("A: -1.8 billion", -1800000000),
        ("so \\( 2 + 1 = 3 \\).", 3), ("\\boxed{\\frac{1}{2}}", "0.5"),
        ("\\boxed{12{,}345}", 12345), ("A: 50%", 50), ("A: 5", "5 dollars per day"),
        ("\\boxed{(1, 2)}", "(1,2)"), ("A: 8\nWait.\nA: 8.0", 8),
        ("A:\nB\n#### 8", 8), ("Final answer:\n\n42 km", 42),
        ("She has 9 - 4 = 5 eggs left", 5), ("Answer: (B) London", "B"), ("I pick (c).", "C"),
        ("The answer is B because it is", "b"), ("so it is option D", "(D)"), ("A", "A"),
        ("The answer is **Paris**.", "paris"), ("Paris", "Paris"), ("A: Café", "Cafe\u0301"),
        ("A: true", True), ("A: \u221218", -18), ("A: 1\u00bd", "1\u00bd"),
        ("**Answer**: $\\$1{,}000$", 1000), ("answer is - 5", -5), ("Paris 2024", "Paris 2024"),
        ("A: 12:30", "12:30"), ("\\boxed{(1, 2)}", "(1, 2)"),
    ],
)  # fmt: skip
def test_right_answers_pass(response: str, gold: Any) -> None:
    """An answer passes however it is marked and written."""
    assert judge(response, gold).outcome == "pass"


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("A: 7\nA: 7", 8), ("A: 12:30", 12), ("A: 10-12", 10), ("A: 10 or 12", 10), ("A: 2^10", 2),
        ("A: 2 * 10", 2), ("A: 5 million", 5), ("A: 18x", 18), ("A: 5, 6", 5),
        ("A: 2024-05-01", 2024),
        ("A: 3\u221a2", 3), ("A: 10\u00b2", 102), ("A: 0.333333", "1/3"), ("A: 1e6", 1),
        ("A: A or B", "A"), ("Answer: A dozen", "A"), ("A: Paris, or London", "Paris"),
        ("A: 18 19", "1819"), ("A: -18", 18), ("A: 1,2", 12), ("A: CO2", 2), ("A: 01/02/2024", 1),
        ("The answer is not 5", 5), ("A: more than 5", 5), ("A: at least 5 or so", 5),
        ("41. No, 42.", 41), ("A: 2", "2\\alpha"), ("A: 2\\alpha", 2), ("A: it isn't 5", 5),
    ],
)  # fmt: skip
def test_wrong_answers_fail(response: str, gold: Any) -> None:
    """A number that is a part of something else is no answer; a near miss is a miss."""
    assert judge(response, gold).outcome == "fail"


@pytest.mark.parametrize("response", ["", "   ", "I do not know", "The answer is", "#### "])
def test_no_answer_fails(response: str) -> None:
    """A response without a final answer fails and says so."""
    assert (judge(response, 18).outcome, judge(response, 18).reason) == ("fail", "no_answer")


@pytest.mark.parametrize(
    "gold", [None, "", "  ", [], {}, ["5", ""], [[5]], [None], "why not ####  "]
)
def test_no_gold_abstains(gold: Any) -> None:
    """Without a gold answer nothing can be told: that is neither a pass nor a fail."""
    verdict = judge("A: 5", gold)
    assert (verdict.outcome, verdict.reason) == ("abstain", "no_gold")


def test_gold_of_a_dotted_field() -> None:
    """The gold may lie in any field, dotted for nested ones."""
    assert judge("A: 5", check="answer:meta.gold", meta={"gold": 5}).outcome == "pass"


def test_the_response_cannot_be_its_own_gold() -> None:
    """A gold field that is the response would pass every answer, so it is refused."""
    with pytest.raises(UsageError, match="that is the answer which is checked"):
        judge("A: 5", check="answer:output")


def test_equal_keys_are_equal_answers() -> None:
    """Answers of two generators agree as numbers and choices, not as spellings."""
    keys = [final(text) for text in ("A: $18.00", "#### 18", "so 9 * 2 = 18 eggs")]
    assert len({found.key for found in keys if found}) == 1
    assert [found is not None and equals(found, gold_of("x #### 18")) for found in keys] == [
        True
    ] * 3
