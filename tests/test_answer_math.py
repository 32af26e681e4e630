"""The check `answer` with `--math`: right on mathematics, and never talked into a pass."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.errors import Unreachable, UsageError
from synthgate.verifiers import Verifier, mathematics
from synthgate.verifiers.math_text import latex
from tests.conftest import synthgate, write_rows
from tests.test_answer import ask, check_of, said


@pytest.fixture(scope="module")
def check() -> Iterator[Verifier]:
    """One warm check for all tests."""
    if find_spec("math_verify") is None:
        if os.environ.get("CI"):
            pytest.fail("math-verify is missing under CI")
        pytest.skip("SKIPPED: math-verify is not installed")
    before, mathematics.SECONDS = mathematics.SECONDS, 30.0  # a busy machine is no failure
    built = check_of(math=True, workers=2)
    yield built
    built.close()
    mathematics.SECONDS = before


# --- right ------------------------------------------------------------------------------


def tree(rng: random.Random, depth: int) -> tuple[str, Any]:
    """A polynomial in x as LaTeX and as a function: the oracle is evaluation, not algebra."""
    if depth == 0:
        number = rng.randint(1, 9)
        return ("x", lambda x: x) if rng.random() < 0.5 else (str(number), lambda _: number)
    (left, f), (right, g) = tree(rng, depth - 1), tree(rng, depth - 1)
    if rng.random() < 0.5:
        return f"({left} + {right})", lambda x: f(x) + g(x)
    return f"({left} \\cdot {right})", lambda x: f(x) * g(x)


@given(st.integers(0, 2**32), st.integers(0, 2**32), st.booleans())
@settings(max_examples=25)
def test_polynomials_are_equal_where_their_values_are(
    check: Verifier, one: int, two: int, same: bool
) -> None:
    """Two polynomials pass exactly if their values agree at more points than their degree."""
    left, f = tree(random.Random(one), 2)
    right, g = tree(random.Random(one if same else two), 2)
    if same:
        right = f"0 + 1 \\cdot {right}"
    equal = all(f(x) == g(x) for x in range(-9, 10))
    assert said(ask(check, f"\\boxed{{{left}}}", right)) == ("pass" if equal else "fail differs")


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("\\boxed{x^2+2x+1}", "(x+1)^2"), ("\\boxed{\\frac{\\sqrt{3}}{3}}", "1/\\sqrt{3}"),
        ("so it is $1+x$", "x+1"), ("1+x", "x+1"), ("A: 2*10", "20"), ("A: 2\\sqrt2", "\\sqrt8"),
        ("A: sqrt(8)", "\\sqrt8"), ("A: 2pi", "2\\pi"), ("A: 2\u03c0", "2\\pi"),
        ("A: 0.1+0.2", "0.3"),
        ("A: 7/2", "3.5x/x"), ("A: \\{\\sqrt8, 1\\}", "\\{1, 2\\sqrt{2}\\}"), ("A: 2^{10}", "1024"),
        ("A: 1e3 x", "1000x"), ("A: \\sin^2 x + \\cos^2 x + x", "x+1"), ("A: [1, 2)", "[1,2)"),
        ("\\boxed{\\begin{bmatrix}1&2\\\\3&4\\end{bmatrix}}",
         "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}"),
        ("A: x = 2\\sqrt{2}", "\\sqrt{8}"), ("A: 3\\sqrt{2}\\text{ cm}", "\\sqrt{18}"),
        ("A: 1.41421356237309504880", "\\sqrt{2}"), ("A: London", "London"), ("A: 12:30", "12:30"),
    ],
)  # fmt: skip
def test_equal_mathematics_passes(check: Verifier, response: str, gold: str) -> None:
    """An answer that is written in another way is right; what is no mathematics stays as it is."""
    assert said(ask(check, response, gold)) == "pass"


@pytest.mark.parametrize(
    ("response", "gold"),
    [
        ("A: 0.333333", "1/3"), ("A: 0.333333", "\\frac{1}{3}"), ("A: 1.414214", "\\sqrt{2}"),
        ("A: 1e6", "1"), ("A: 1e6 x", "6e x"), ("A: 12:30", "12"), ("A: 12:30", "2/5"),
        ("A: 2024-05-01", "2018"), ("A: 10-12", "-2"), ("A: 1 2 x", "3x"), ("A: on", "no"),
        ("A: listen 2", "silent 2"), ("A: London", "Paris"), ("A: 5 or 6", "5"), ("A: not 5", "5"),
        ("A: 5 $ and 6", "5"), ("A: x+1. Or x+2.", "x+1"), ("A: [1,2)", "(1,2)"),
        ("A: 10^{-20}\\sqrt{2}", "2 \\cdot 10^{-20}"), ("A: x+10^{-3}", "x+0"),
        ("A: 6.28", "2\\pi"), ("A: y = 5x", "z = 5x"), ("A: (2, 1)", "(1, 2)"),
        ("A: \\frac{1}{0}", "5"),
        ("A: x^{", "x^2"), ("A: \\text{five} x", "x+5"), ("41. No, 42.", "41"),
        ("A: 5}", "\\sqrt{25}"),
    ],
)  # fmt: skip
def test_other_mathematics_fails(check: Verifier, response: str, gold: str) -> None:
    """What math-verify takes for equal by rounding, by dropping or by spelling is not."""
    assert ask(check, response, gold).outcome == "fail"


@pytest.mark.parametrize(
    ("response", "gold", "reason"),
    [
        ("A: 1<x<2", "(1,2)", "math_unsure"), ("A: (1,2)", "1<x<2", "math_unsure"),
        ("A: {2, 1}", "(1, 2)", "math_unsure"), ("A: x^2", "x^{", "gold_unread"),
        ("A: 41. No, 42.", "41", "several_answers"), ("A: 10^{-40}\\sqrt2", "0", "math_unsure"),
        ("A: x+10^{-20}", "x+0", "math_unsure"),
    ],
)  # fmt: skip
def test_what_only_one_order_calls_equal_is_not_decided(
    check: Verifier, response: str, gold: str, reason: str
) -> None:
    """Comparison must not depend on which of the two is the gold; an unreadable gold abstains."""
    assert said(ask(check, response, gold)) == f"abstain {reason}"


def test_the_tolerance_holds_for_expressions(check: Verifier) -> None:
    """With a tolerance a rounded value is the value, without one it is not."""
    tolerant = check_of(math=True, tolerance=1e-4, workers=1)
    try:
        assert said(ask(tolerant, "A: 6.2832", "2\\pi")) == "pass"
        assert said(ask(tolerant, "A: 6.29", "2\\pi")) == "fail differs"
    finally:
        tolerant.close()
    assert said(ask(check, "A: 6.2832", "2\\pi")) == "fail differs"


# --- hostile ----------------------------------------------------------------------------

BOMBS = ("9^{9^{9^9}}", "(" * 200 + "5x" + ")" * 200 + "+1", "10^{10^{10}}+x", "10000!!!!!!+x")


@pytest.fixture
def hurried(check: Verifier, monkeypatch: pytest.MonkeyPatch) -> Iterator[Verifier]:
    """A check that gives every comparison one second."""
    monkeypatch.setattr(mathematics, "SECONDS", 1.0)
    built = check_of(math=True, workers=1)
    yield built
    built.close()


@pytest.mark.parametrize("bomb", BOMBS)
def test_endless_work_is_killed(hurried: Verifier, bomb: str) -> None:
    """An answer that takes for ever costs its limit, decides nothing, and the next one is fine."""
    begun = time.monotonic()
    verdict = ask(hurried, f"\\boxed{{{bomb}}}", "x+1")
    assert said(verdict) in ("abstain math_timeout", "abstain math_limit", "fail unread")
    assert time.monotonic() - begun < 20
    assert said(ask(hurried, "\\boxed{1+x}", "x+1")) == "pass"


def test_an_endless_gold_is_told_from_an_endless_answer(hurried: Verifier) -> None:
    """A timeout names the side that took the time, and is never a verdict on the answer."""
    assert said(ask(hurried, "A: 9^{9^{9^9}}", "x+1")) == "abstain math_timeout"
    assert ask(hurried, "A: x+1", "(" * 220 + "x" + ")" * 220 + "+1").outcome == "abstain"


def test_a_process_that_dies_is_replaced(check: Verifier) -> None:
    """A killed process costs nothing: the question is asked again of a new one."""
    built = check_of(math=True, workers=1)
    try:
        assert said(ask(built, "A: 1+x", "x+1")) == "pass"
        (child,) = processes()
        os.kill(child, 9)
        assert said(ask(built, "A: 1+x", "x+1")) == "pass"
    finally:
        built.close()
    assert processes() == []


def processes() -> list[int]:
    """The worker processes of this process, those of the warm check apart."""
    listed = subprocess.run(
        ["ps", "-ww", "--ppid", str(os.getpid()), "-o", "pid=,args="],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    mine = {line.split()[0]: line for line in listed if "math_worker.py" in line}
    return [int(pid) for pid in mine if int(pid) not in WARM]


WARM: set[int] = set()


@pytest.fixture(autouse=True)
def warm(check: Verifier) -> None:
    """Remember the processes that were there before a test."""
    WARM.clear()
    WARM.update(processes())


def test_a_rig_that_cannot_start_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a process to ask the run ends: that is neither a fail nor an abstention."""
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit(3)")
    monkeypatch.setattr(mathematics, "_WORKER", str(broken))
    built = check_of(math=True, workers=1)
    with pytest.raises(Unreachable, match="math-verify cannot be started"):
        ask(built, "A: 1+x", "x+1")
    with pytest.raises(Unreachable):
        ask(built, "A: 1+x", "x+1")
    built.close()


def test_without_the_extra_the_install_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing extra is a usage error that says how to get it."""
    monkeypatch.setattr(mathematics, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'synthgate\[math\]'"):
        check_of(math=True)


def test_nothing_is_evaluated(check: Verifier, tmp_path: Path) -> None:
    """Text that would be code to a careless parser stays text."""
    mark = tmp_path / "mark"
    code = f"__import__('os').system('touch {mark}')"
    for text in (code, f"\\text{{{code}}}", f"1+{code}", f"({code})(x)"):
        assert ask(check, f"A: {text}", "x+1").outcome != "pass"
    assert not mark.exists()


@given(st.text(alphabet="x12+-*/^_{}()[]\\$ .,:!=<>|%abcfrsqt", max_size=40))
@settings(max_examples=60)
def test_any_text_gets_a_verdict(hurried_once: Verifier, text: str) -> None:
    """Whatever stands behind the mark, the check neither raises nor passes another answer."""
    assert ask(hurried_once, f"A: {text}", "\\sqrt{7919}+x").outcome != "pass"


@pytest.fixture(scope="module")
def hurried_once(check: Verifier) -> Iterator[Verifier]:
    before, mathematics.SECONDS = mathematics.SECONDS, 1.0
    built = check_of(math=True, workers=1)
    yield built
    built.close()
    mathematics.SECONDS = before


# --- many at once -----------------------------------------------------------------------


def test_threads_share_the_processes(check: Verifier) -> None:
    """Called from threads, every row gets its own verdict, from no more processes than workers."""
    assert check.at_once == 2
    started = threading.active_count()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda n: said(ask(check, f"A: {n}+x", f"x+{n % 7}")), range(40)))
    assert found == ["pass" if n < 7 else "fail differs" for n in range(40)]
    assert threading.active_count() <= started
    assert len(processes()) <= 2


def test_the_command_compares_mathematics(check: Verifier, tmp_path: Path) -> None:
    """`--math` reaches the check."""
    rows = [{"input": "?", "output": f"A: {n}x+x", "answer": f"{n + 1}x"} for n in range(2, 6)]
    rows += [{"input": "?", "output": "A: x", "answer": "2x"}]
    source = write_rows(tmp_path / "in.jsonl", rows)
    done = synthgate("verify", source, "-q", "--check", "answer", "--math")
    assert (done.code, len(done.rows)) == (0, 4), done.err


def test_prose_is_not_mathematics() -> None:
    """What a parser would read a product of letters into is not handed to it."""
    for text in (
        "Paris",
        "no",
        "it is x",
        "12:30",
        "3 4",
        "2024-05-01",
        "10-12",
        "",
        "?",
        "x" * 501,
    ):
        assert latex(text) == ""
    for text in ("x+1", "$x+1$", "\\frac{1}{2}", "2\\sin x", "xy^2", "**3\\sqrt{2}**", "2pi"):
        assert latex(text)
