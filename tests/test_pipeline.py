"""The Python API: plain functions in, rows and audit out, and nothing on STOP."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from synthgate import synthetic_pipeline
from synthgate.errors import InputError, UsageError

PROMPTS = [f"What is {a} + {b}?" for a in range(10, 16) for b in range(30, 36)]
REAL = [{"input": f"What is {a} + 1?", "output": f"It is {a + 1}."} for a in range(200)]


def total(row: dict[str, Any]) -> int:
    """The right answer to a prompt."""
    words = row["input"].rstrip("?").split()
    return int(words[2]) + int(words[4])


def generator(prompt: str) -> str:
    """A generator that is wrong whenever the second number ends in 5."""
    answer = total({"input": prompt})
    return f"It is {answer + prompt.endswith('5?')}."


def exact(row: dict[str, Any]) -> bool:
    """A real check."""
    return f"It is {total(row)}." == row["output"]


def weak(row: dict[str, Any]) -> bool:
    """A check that wrong answers pass."""
    return row["output"].startswith("It is ")


def test_the_whole_pipeline_passes_and_mixes_at_the_exact_fraction() -> None:
    """With a real check the audit passes, and half of what comes out is real."""
    rows, audit = synthetic_pipeline(PROMPTS, generator, exact, REAL, reviewer=exact)
    assert audit.verdict == "PASS"
    real = [row for row in rows if not row["_synthgate"]["synthetic"]]
    assert len(rows) == 2 * len(real) == 60
    made = [row for row in rows if row["_synthgate"]["synthetic"]]
    assert all(exact(row) for row in made)
    assert {row["_synthgate"]["verified_by"] for row in made} == {f"{__name__}.exact"}
    assert {row["_synthgate"]["generation"] for row in made} == {1}


def test_stop_releases_nothing() -> None:
    """A set whose sample holds too many wrong rows gives no row at all, and says why."""
    rows, audit = synthetic_pipeline(PROMPTS, generator, weak, REAL, reviewer=exact)
    assert (rows, audit.verdict) == ([], "STOP")
    assert "is not shown" in audit.words


def test_without_a_person_nothing_is_released() -> None:
    """No reviewer, no verdict: the audit is incomplete and holds the rows to label."""
    rows, audit = synthetic_pipeline(PROMPTS, generator, exact, REAL)
    assert (rows, audit.verdict) == ([], "INCOMPLETE")
    assert all(exact(row) for row in audit.sample)
    assert len(audit.sample) == 30


def test_a_reviewer_who_cannot_tell_is_no_pass() -> None:
    """None from the reviewer counts as unsure, and an unsure row is not a right one."""
    _, audit = synthetic_pipeline(PROMPTS, generator, exact, REAL, reviewer=lambda row: None)
    assert audit.verdict == "STOP"


def test_the_generator_cannot_be_its_own_verifier() -> None:
    """One function, or two methods of one object, are refused."""

    class Model:
        def answer(self, prompt: str) -> str:
            return prompt

        def check(self, row: dict[str, Any]) -> bool:
            return True

    model = Model()
    with pytest.raises(UsageError, match="cannot verify"):
        synthetic_pipeline(PROMPTS, model.answer, model.check, REAL)
    with pytest.raises(UsageError, match="cannot verify"):
        synthetic_pipeline(PROMPTS, generator, generator, REAL)  # type: ignore[arg-type]


def test_a_check_that_passes_a_blank_answer_is_refused() -> None:
    """A verifier that always says True checks nothing."""
    with pytest.raises(UsageError, match="checks nothing"):
        synthetic_pipeline(PROMPTS, generator, lambda row: True, REAL)


def test_samples_are_three_and_the_crowd_is_capped() -> None:
    """Each prompt is asked three times, and a cluster keeps at most max_per_cluster rows."""
    count = itertools.count()

    def chatty(prompt: str) -> str:
        return f"{generator(prompt)} Variant {next(count)}."

    rows, audit = synthetic_pipeline(
        PROMPTS, chatty, lambda row: f"It is {total(row)}." in row["output"], REAL, 7,
        reviewer=lambda row: True,
    )  # fmt: skip
    assert next(count) == 3 * len(PROMPTS)
    assert audit.verdict == "INCOMPLETE" or sum(r["_synthgate"]["synthetic"] for r in rows) <= 7


def test_real_data_that_was_made_is_refused() -> None:
    """Real rows need to be real: none, or a copy of what was generated, is refused."""
    with pytest.raises(UsageError, match="needs real rows"):
        synthetic_pipeline(PROMPTS, generator, exact, [], reviewer=exact)
    rows, _ = synthetic_pipeline(PROMPTS, generator, exact, REAL, reviewer=exact)
    made = [row for row in rows if row["_synthgate"]["synthetic"]]
    with pytest.raises(InputError, match="provenance says synthetic"):
        synthetic_pipeline(PROMPTS, generator, exact, made, reviewer=exact)


def test_what_is_no_text_is_no_candidate() -> None:
    """A generator that returns nothing usable yields no rows and a plain audit."""
    rows, audit = synthetic_pipeline(PROMPTS, lambda prompt: "  ", exact, REAL, reviewer=exact)
    assert (rows, audit.verdict) == ([], "INCOMPLETE")
