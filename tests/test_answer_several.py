"""The check `answer`: tolerance, sets, several golds, several answers in one response."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import synthgate, write_rows
from tests.test_answer import ask, check_of, judge, said

# --- tolerance --------------------------------------------------------------------------


@given(st.integers(1, 10**9), st.integers(1, 999), st.booleans())
def test_the_tolerance_is_relative_to_the_gold(gold: int, parts: int, below: bool) -> None:
    """A number within the tolerance is right, and one a thousandth of a percent beyond is not."""
    check = check_of(tolerance=parts / 1000)
    sign = -1 if below else 1
    edge = gold + sign * gold * Fraction(parts, 1000)
    beyond = gold + sign * gold * Fraction(parts * 100 + 1, 100_000)
    assert said(ask(check, f"A: {edge.numerator}/{edge.denominator}", gold)) == "pass"
    assert said(ask(check, f"A: {beyond.numerator}/{beyond.denominator}", gold)) == "fail differs"


def test_nothing_is_near_zero() -> None:
    """A relative tolerance of a gold of zero is none."""
    check = check_of(tolerance=0.5)
    assert said(ask(check, "A: 0.0", 0)) == "pass"
    assert said(ask(check, "A: 0.0001", 0)) == "fail differs"


def test_the_tolerance_is_no_part_of_other_answers() -> None:
    """Choices, times and texts are compared exactly whatever the tolerance."""
    check = check_of(tolerance=1.0)
    for answer, gold in [("B", "A"), ("12:31", "12:30"), ("Bern", "Berne")]:
        assert said(ask(check, f"A: {answer}", gold)) == "fail differs"


def test_the_command_takes_a_tolerance(tmp_path: Path) -> None:
    """`--tolerance` reaches the check, and belongs to what decides its verdicts."""
    rows = write_rows(
        tmp_path / "in.jsonl", [{"input": "pi?", "output": "A: 3.14", "answer": "3.1416"}]
    )
    argv = ["verify", rows, "--check", "answer", "-q"]
    assert len(synthgate(*argv, "--tolerance", "0.01").rows) == 1
    assert synthgate(*argv).rows == []
    assert check_of(tolerance=0.01).config != check_of().config


# --- sets -------------------------------------------------------------------------------

NUMBERS = st.lists(st.integers(-999, 999), min_size=1, max_size=6, unique=True)
WRITTEN = ("{%s}", "\\{%s\\}", "\\boxed{\\{%s\\}}", "A: {%s}", "$S = \\{%s\\}$", "#### {%s}.")


@given(NUMBERS, st.randoms(use_true_random=False), st.sampled_from(WRITTEN), st.data())
def test_a_set_has_no_order(gold: list[int], lot: Any, form: str, data: st.DataObject) -> None:
    """The same members in any order are the set; one more, one less or another one are not."""
    members = [str(each) for each in gold]
    shown = "{" + ", ".join(members) + "}"
    lot.shuffle(members)
    repeated = [*members, data.draw(st.sampled_from(members))]
    assert said(judge(form % ", ".join(members), shown)) == "pass"
    assert said(judge(form % ",".join(repeated), shown)) == "pass"
    assert judge(form % ", ".join([*members, "1234"]), shown).outcome == "fail"
    assert judge(form % ", ".join(["1234", *members[1:]]), shown).outcome == "fail"
    if len(members) > 1:
        assert judge(form % ", ".join(members[1:]), shown).outcome == "fail"


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("A: 1 and 2", "{2, 1}"), ("A: x = 1 or x = 2", "{1, 2}"), ("A: 2; 1", "{1, 2}"),
        ("\\boxed{1, 2}", "\\{2, 1\\}"), ("A: x \\in \\{1, 2\\}", "{1, 2}"), ("2, 1", "{1, 2}"),
        ("The roots are {2, 1}.", "{1, 2}"), ("A: {1/2, 3}", "{0.5, 3.0}"), ("A: C, A", "{A, C}"),
        ("\\{\\frac{1}{2}, 3\\}", "{0.5, 3}"), ("A: Red and blue", "{blue, red}"),
        ("A: {}", "{}"), ("A: $\\emptyset$", "\\{\\}"), ("A: {(1, 2), (3, 4)}", "{(3, 4), (1, 2)}"),
        ("A: {1,234}", "{1, 234}"), ("A: 5", "{5}"), ("A: {1 \\text{ and } 2}", "{1, 2}"),
    ],
)  # fmt: skip
def test_sets_are_read_as_people_write_them(response: str, gold: str) -> None:
    """Braces, LaTeX, `and`, `or` and members of any kind."""
    assert said(judge(response, gold)) == "pass"


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("A: (2, 1)", "(1, 2)"), ("A: {1}", "{1, 2}"), ("A: 1", "{1, 2}"), ("A: {}", "{1}"),
        ("A: x =", "{}"), ("A: 1234", "{1,234}"), ("A: {1,234}", "{1234}"), ("A: {1, 2", "{1, 2}"),
        ("A: {{1, 2}}", "{1, 2}"),
        ("A: {2}, {1}", "{1}, {2}"), ("A: {1, 2, ...}", "{1, 2}"),
        ("A: {1,,2}", "{1, 2}"), ("A: {x | x > 0}", "{x | x < 0}"), ("no set", "{}"),
        ("A: {1, not 2}", "{1, 2}"),
    ],
)  # fmt: skip
def test_what_is_another_set_fails(response: str, gold: str) -> None:
    """A pair has an order, a set that goes on is not the one that does not, a subset is not it."""
    assert judge(response, gold).outcome == "fail"


# --- several golds ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "unsaid", "any_of", "all_of"),
    [
        ("A: Big Apple", "abstain one_of_several_golds", "pass", "fail differs"),
        ("A: NYC, Big Apple", "pass", "fail differs", "pass"),
        ("A: Boston", "fail differs", "fail differs", "fail differs"),
        ("A: 7\nA: 8", *3 * ("abstain several_answers",)),
        ("", "fail no_answer", "fail no_answer", "fail no_answer"),
    ],
)  # fmt: skip
def test_a_list_of_golds_means_what_the_user_says(
    response: str, unsaid: str, any_of: str, all_of: str
) -> None:
    """One of several golds is right, wrong, or not decided: a list does not say which it is."""
    golds = ["Big Apple", "NYC"]
    found = [
        said(ask(check_of(gold_list=how), response, golds)) for how in ("abstain", "any", "all")
    ]
    assert found == [unsaid, any_of, all_of]


def test_a_list_of_one_is_that_one() -> None:
    """One gold in a list, or one said twice, is one gold."""
    for golds in (["5"], [5], [5, "5"]):
        assert said(judge("A: 5", golds)) == "pass"
        assert said(judge("A: 6", golds)) == "fail differs"


# --- several answers --------------------------------------------------------------------

MARKS = ("#### %s", "A: %s", "The answer is %s.", "\\boxed{%s}", "**Final Answer:** %s")


@given(
    st.lists(st.integers(0, 50), min_size=2, max_size=5), st.data(),
    st.sampled_from(["\n", "\n\nWait, let me check.\n", " so\n"]),
)  # fmt: skip
def test_different_answers_are_none(values: list[int], data: st.DataObject, between: str) -> None:
    """Several final answers decide nothing, unless they are all the same one."""
    stated = [data.draw(st.sampled_from(MARKS)) % value for value in values]
    verdict = judge(between.join(stated), values[-1])
    same = len(set(values)) == 1
    assert said(verdict) == ("pass" if same else "abstain several_answers")


@pytest.mark.parametrize(
    "response",
    [
        "\\boxed{1} or \\boxed{2}", "#### 1\n#### 2", "#### Paris\n#### London", "A: 1. No, 2.",
        "A: (B)\nAnswer: (C)", "A: 1\nWait, actually that is wrong: it is 2.", "It's 2. Not 1.",
        "\\boxed{x+1}, \\boxed{x+2}", "The answer is B. Sorry, C.", "#### 1 #### 2",
    ],
)  # fmt: skip
@pytest.mark.parametrize("gold", ["1", "2", "B", "C", "Paris", "London", "x+1", "x+2"])
def test_a_response_that_hedges_never_passes(response: str, gold: str) -> None:
    """Whichever of its answers is the right one, saying several of them is no answer."""
    assert said(judge(response, gold)) == "abstain several_answers"


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("The final answer is \\boxed{5}.", 5), ("The answer is therefore\n\\boxed{5}", 5),
        ("#### Answer: 5", 5), ("The answer is easy to see.\n#### 5", 5),
        ("**Final Answer:** The answer is 5", 5), ("The answer is 1/2.\nA: 0.5", 0.5),
        ("#### Step 1\nAdd.\n#### Step 2\nMultiply.\n\\boxed{5}", 5),
        ("Answer: (B)\n\n#### B", "B"),
        ("Is it 41? No, 42.", 42), ("A: 5\nNo further steps are needed.", 5),
        ("#### 5\nSorry for the delay.", 5),
    ],
)  # fmt: skip
def test_marks_around_one_answer_are_one_answer(response: str, gold: Any) -> None:
    """Marks that lead to each other, and answers that state nothing, make no second answer."""
    assert said(judge(response, gold)) == "pass"


def test_each_of_the_answers_is_shown() -> None:
    """The evidence of a hedging response holds every one of its answers."""
    for one, other in itertools.permutations("123", 2):
        evidence = judge(f"\\boxed{{{one}}} \\boxed{{{other}}}", 1).evidence
        assert evidence == {"answer": f"{one} / {other}", "gold": "1"}
