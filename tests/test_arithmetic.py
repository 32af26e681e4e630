"""The check `arithmetic`: written calculations are recalculated exactly, by an own evaluator."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.verifiers import Verdict
from synthgate.verifiers.arithmetic import Arithmetic
from synthgate.verifiers.expression import Unreadable, evaluate
from tests.conftest import read_rows, synthgate, write_rows

SHAPE = named("input/output")


def judge(response: str) -> Verdict:
    """Return the verdict on one response."""
    raw = json.dumps({"input": "?", "output": response}).encode()
    return Arithmetic().check(read(raw, "f", 1, Stamp().provenance), SHAPE)


# --- an oracle: trees that know their value ---------------------------------------------

Tree = tuple[str, Fraction]


def leaves() -> st.SearchStrategy[Tree]:
    whole = st.integers(0, 99_999).map(lambda n: (f"{n:,}", Fraction(n)))
    dollars = st.integers(0, 9_999).map(lambda n: (f"${n / 100:.2f}", Fraction(n, 100)))
    return st.one_of(whole, dollars)


def joined(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """Two trees in brackets and one operator: no precedence that an oracle could get wrong."""
    return st.tuples(inner, st.sampled_from("+-*/x\u00d7\u00f7"), inner).filter(
        lambda each: each[1] not in "/\u00f7" or each[2][1] != 0
    ).map(lambda each: (f"({each[0][0]} {each[1]} {each[2][0]})", operate(*each)))  # fmt: skip


def operate(left: Tree, sign: str, right: Tree) -> Fraction:
    if sign in "/\u00f7":
        return left[1] / right[1]
    return {"+": left[1] + right[1], "-": left[1] - right[1]}.get(sign, left[1] * right[1])


trees = st.recursive(leaves(), joined, max_leaves=6)


@given(trees)
def test_evaluates_like_the_tree_that_was_written(tree: Tree) -> None:
    """An expression has exactly the value of the tree it was written from."""
    assert evaluate(tree[0]) == tree[1]


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 999)), min_size=1, max_size=8))
def test_precedence_is_that_of_arithmetic(terms: list[tuple[str, int]]) -> None:
    """Products bind tighter than sums, and both go from left to right."""
    text = "7 " + " ".join(f"{sign} {number}" for sign, number in terms)
    assert evaluate(text) == eval(text)


@given(trees, st.integers(0, 4), st.integers(1, 9))
def test_results_may_be_rounded_but_not_wrong(tree: Tree, places: int, off: int) -> None:
    """A result rounded to the digits written passes; one that is off in its last digit fails."""
    assume("(" in tree[0])
    with localcontext(prec=200):
        exact = Decimal(tree[1].numerator) / Decimal(tree[1].denominator)
        unit = Decimal(1).scaleb(-places)
        rounded = exact.quantize(unit, ROUND_HALF_UP)
    assume(rounded != 0 and rounded + off * unit != 0 and rounded - off * unit != 0)
    assume(len(str(rounded)) < 14)
    for equation in (f"{tree[0]} = {rounded}", f"<<{tree[0]}={rounded}>>"):
        assert judge(equation).outcome == "pass"
    wrong = rounded + off * unit
    if abs(exact - wrong) > unit / 2:
        assert judge(f"so {tree[0]} = {wrong}.").outcome == "fail"


@pytest.mark.parametrize(
    "text",
    [
        "9^9^9^9 = 1", "2^65 = 1", "1" * 10**6 + " + 1 = 2",
        "(" * 10**4 + "1" + ")" * 10**4 + " = 1",
        "1=" * 10**5, ("1=" * 9_999 + "\n") * 10, "<<" * 10**5, "- " * 10**5 + "= 1",
        "(" * 195 + "1" + ")" * 195 + " + 0 = 1", "1/3+" * 90 + "1 = 2", "-" * 350 + "1 + 1 = 5",
    ],
)  # fmt: skip
def test_hostile_equations_cost_nothing(text: str) -> None:
    """No text makes the evaluator build huge numbers, recurse deep or run for long."""
    start = time.process_time()
    assert judge(text).outcome != "error"
    assert time.process_time() - start < 5


def test_more_equations_than_anybody_writes_abstain() -> None:
    """Beyond 2,000 equations the check gives up: that is no pass, and no fail either."""
    assert judge("1 + 1 = 2\n" * 2000).outcome == "pass"
    assert judge("1 + 1 = 2\n" * 2001).reason == "too_many_equations"
    assert judge("1 + 1 = 3\n" * 2001).outcome == "fail"


@given(st.text(alphabet="0123456789+-*/x^()=.,$% \n<>ab\u00d7\u221a"))
def test_any_text_gets_a_verdict(text: str) -> None:
    """Whatever a response holds, the check says pass, fail or abstain, and raises nothing."""
    assert judge(text).outcome in ("pass", "fail", "abstain")


# --- pinned -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "16 - 3 = 13", "$2 x 3 = $6", "She makes 9 * 2 = $<<9*2=18>>18 a day.", "10/3=3.33",
        "10/3 = 3", "5,600 + 400 = 6,000", "total = 3 + 4 = 7", "18 = 9 * 2", "1) 3 + 4 = 7",
        "- 3 + 4 = 7", "-3 + 4 = 1", "**3 + 4 = 7**", "\\( \\frac{1}{2} \\times 4 = 2 \\)",
        "20% * 50 = 10", "10/50 = 20%", "1/5*100 = 20%", "2^3 = 8", "2 ** 3 = 8", "3 + 4 = 7 - so",
        "3 * 4 = 12 = 6 * 2", "1.87 * 9 = 16.830000000000002", "(3 + 4 = 7)", "80 * 20 = 1600g",
        "10 \u2212 4 = 6", "$3 + 4 = 7$", "<<3+4=7.0>>",
    ],
)  # fmt: skip
def test_right_calculations_pass(text: str) -> None:
    """What is calculated correctly passes, however it is written."""
    assert judge(text).outcome == "pass"


@pytest.mark.parametrize(
    "text",
    [
        "16 - 3 = 12", "$2 x 3 = $5", "9 * 2 = <<9*2=17>>18", "9 * 2 = <<9*2=18>>17", "10/3=3.34",
        "5/0 = 0", "1/3 = 0", "5 + 5 = 10 + 5 = 15", "3 + 4 = -7", "7 = 3 + 5", "100 - 40 = 50%",
        "16 - 3 = 13 and 16 - 4 = 13", "1,000 * 3 = 300", "100000000000000 + 1 = 100000000000002",
    ],
)  # fmt: skip
def test_wrong_calculations_fail(text: str) -> None:
    """One wrong equation is enough, in an annotation or in the text, and it is shown."""
    verdict = judge(text)
    assert (verdict.outcome, verdict.reason) == ("fail", "wrong_equation")
    assert "=" in verdict.evidence["equation"]


@pytest.mark.parametrize(
    "text",
    [
        "", "There are 13 eggs.", "x = 5", "price - 3 = 13", "5 * x = 10", "2x = 6", "3 + 4 >= 8",
        "x == 3 + 5", "16 eggs - 3 eggs = 12 eggs", "Day 2 = 9 - 6", "3 + 4 =", "= 3 + 4",
        "3 + 4 = 5x", "\u221a16 + 2 = 5", "<<=>>", "<<x=2>>", "3 + 4 = five", "4 = 7",
    ],
)  # fmt: skip
def test_what_is_no_equation_abstains(text: str) -> None:
    """A side that is not certain to be all numbers is not guessed at."""
    verdict = judge(text)
    assert (verdict.outcome, verdict.reason) == ("abstain", "no_equation")


@pytest.mark.parametrize("text", ["", "1 +", "(1", "1)", "1 2", "a", "2^0.5", "1;2", "__import__"])
def test_what_is_no_expression_is_unreadable(text: str) -> None:
    """The evaluator reads arithmetic and nothing else."""
    with pytest.raises(Unreadable):
        evaluate(text)


def test_is_a_weak_check(shared: Callable[[str], Path], tmp_path: Path) -> None:
    """On real answers it accepts most of what is wrong: correct steps are not the right steps."""
    problems = shared("gsm8k/example_model_solutions.jsonl").read_text().splitlines()
    rows: list[dict[str, Any]] = [
        {"input": row["question"], "output": each["solution"], "is_correct": each["is_correct"]}
        for row in map(json.loads, problems)
        for each in row.values()
        if isinstance(each, dict)
    ]
    source, kept = write_rows(tmp_path / "in.jsonl", rows), tmp_path / "kept.jsonl"
    done = synthgate("verify", source, "-o", kept, "--check", "arithmetic")
    assert done.code == 0, done.err
    accepted = read_rows(kept)
    right = sum(row["is_correct"] for row in accepted)
    assert 0.94 < len(accepted) / len(rows) < 0.98
    assert 0.38 < right / len(accepted) < 0.41
