"""Which verdicts accept a row: `--require`, names of checks, strong kinds, vacuous checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.configfile import load
from synthgate.errors import ConfigError, UsageError
from synthgate.rows import Row
from synthgate.stages.verify import verify
from synthgate.verifiers import Kind, Outcome, Verdict
from synthgate.verifiers.combine import STRONG, Combination
from synthgate.verifiers.require import parse
from tests.conftest import read_rows, write_rows
from tests.verifying import BENCHES, SHAPE, Probe, probes, row_of

__all__ = ["probes"]
NAMES = ("a", "b", "c")
OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "abstain", "error")
Says = dict[str, Callable[[Row], Verdict]]


def decided(require: str, outcomes: Sequence[Outcome], kinds: Sequence[Kind] = ()) -> str:
    """The reason that a combination gives for these verdicts of checks a, b, c."""
    kinds = kinds or ["function"] * len(outcomes)
    checks = [Probe(name, "pass", kind) for name, kind in zip(NAMES, kinds, strict=False)]
    for check, kind in zip(checks, kinds, strict=True):
        check.canary = kind not in ("human", "leak")
    return Combination(require, checks).decide([Verdict(each) for each in outcomes])[0]


# --- the expression, against an oracle that tries every way the untold could have gone ----


def texts() -> st.SearchStrategy[str]:
    """Expressions in every spelling."""
    names = st.sampled_from(NAMES)
    return st.recursive(
        names,
        lambda inner: st.one_of(
            inner.map(lambda one: f"not {one}" if " " not in one else f"not ({one})"),
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
                lambda both: f"( {both[0]} ){both[1]}({both[2]})"
            ),
        ),
        max_leaves=5,
    )


@given(texts(), st.tuples(*[st.sampled_from(OUTCOMES)] * 3))
def test_an_expression_that_passes_is_true_however_the_untold_ends(
    text: str, outcomes: tuple[Outcome, ...]
) -> None:
    """A row passes only if Python's own `and`, `or`, `not` say so for every value of the untold."""
    ways = [
        (True, False) if said in ("abstain", "error") else (said == "pass",) for said in outcomes
    ]
    every = [eval(text, {}, dict(zip(NAMES, way, strict=True))) for way in product(*ways)]
    reason = decided(text, outcomes)
    if not reason:
        assert all(every) and "pass" in outcomes
    if all(said in ("pass", "fail") for said in outcomes) and "pass" in outcomes:
        assert (not reason) == all(every)
    if reason.startswith("fail"):
        assert not any(every)


@given(texts(), st.tuples(*[st.sampled_from(OUTCOMES)] * 3), st.sampled_from(sorted(STRONG)))
def test_a_strong_fail_always_rejects(text: str, outcomes: tuple[Outcome, ...], kind: Kind) -> None:
    """No expression lets a row through that an execution, a gold answer or a person failed."""
    kinds: list[Kind] = ["function", kind, "function"]
    for require in (text, "all", "any"):
        reason = decided(require, outcomes, kinds)
        if outcomes[1] in ("fail", "error"):
            assert reason.split(":")[0] in ("fail", "error")
        if outcomes[1] == "fail" and require != "all":
            assert reason == "fail:b"


@pytest.mark.parametrize(
    ("require", "outcomes", "reason"),
    [
        ("any", ("fail", "pass"), ""),
        ("any", ("fail", "abstain"), "abstain"),
        ("any", ("fail", "fail"), "fail:a"),
        ("any", ("error", "pass"), ""),
        ("any", ("error", "fail"), "error:a"),
        ("all", ("pass", "abstain"), ""),
        ("all", ("abstain", "abstain"), "abstain"),
        ("all", ("pass", "error"), "error:b"),
        ("a or b", ("error", "pass"), ""),
        ("a and b", ("error", "pass"), "error:a"),
        ("a and b", ("error", "fail"), "fail:b"),
        ("a and b", ("pass", "abstain"), "abstain"),
        ("a", ("pass", "fail"), ""),
        ("a and not b", ("pass", "fail"), ""),
        ("a and not b", ("pass", "pass"), "fail:require"),
        ("not a", ("fail", "abstain"), "abstain"),
    ],
)
def test_pinned_decisions(require: str, outcomes: tuple[Outcome, ...], reason: str) -> None:
    """What could not be told makes nothing true; an error counts where it decides."""
    assert decided(require, outcomes) == reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the name of a check is missing"),
        ("a and", "the name of a check is missing"),
        ("a b", "'b' stands where nothing more can follow"),
        ("(a", "a parenthesis is not closed"),
        ("a)", "nothing more can follow"),
        ("or a", "missing before 'or'"),
        ("a & b", "use names of checks, and, or, not, parentheses"),
        ("__import__('os')", "use names of checks"),
        ("d", "unknown check 'd': known are a, b, c"),
        ("answr", "unknown check 'answr'"),
        ("(" * 60 + "a" + ")" * 60, "nested too deep"),
        ("a " * 3000, "use names of checks"),
    ],
)
def test_a_wrong_expression_is_refused(text: str, said: str) -> None:
    """A mistake is told in one line, and nothing in it is ever run."""
    with pytest.raises(UsageError) as caught:
        parse(text, NAMES)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_nots_are_no_trouble() -> None:
    """A long chain is no deep recursion for the reader of the expression."""
    assert decided("not not not not a", ("pass",)) == ""


# --- kinds ------------------------------------------------------------------------------


def test_a_leak_check_alone_accepts_nothing() -> None:
    """A check that a blank answer passes by nature is no reason to keep a row."""
    with pytest.raises(UsageError, match="cannot accept a row alone"):
        decided("all", ("pass",), ["leak"])
    assert decided("all", ("pass", "abstain"), ["leak", "answer"]) == "abstain"
    assert decided("any", ("pass", "abstain"), ["leak", "answer"]) == "abstain"
    assert decided("a", ("pass", "abstain"), ["leak", "answer"]) == "abstain"
    assert decided("all", ("pass",), ["human"]) == ""


def test_the_strong_kinds() -> None:
    """Which kinds of evidence no expression overrules is a promise, spelt out once more."""
    assert sorted(STRONG) == ["answer", "execution", "human", "leak", "rule", "schema"]


def test_a_person_does_not_outvote_an_execution() -> None:
    """Where a person and the tests disagree the row is disputed, and stays out."""
    assert decided("b", ("fail", "pass"), ["execution", "human"]) == "fail:a"
    assert decided("a", ("pass", "fail"), ["execution", "human"]) == "fail:b"


def test_a_shared_execution_is_no_execution() -> None:
    """The weaker class of a single verdict counts, not that of its check."""
    checks = [Probe("a", "pass", "execution"), Probe("b")]
    weak = Verdict("fail", kind="shared-execution")
    assert Combination("b", checks).decide([weak, Verdict("pass")])[0] == ""
    assert Combination("b", checks).decide([Verdict("fail"), Verdict("pass")])[0] == "fail:a"


@pytest.mark.parametrize(("kind", "needs"), [("human", ""), ("rule", "human")])
def test_a_row_that_needs_a_person(kind: Kind, needs: str) -> None:
    """Only a person's pass lifts `needs: human`; another pass leaves it for the audit."""
    check = Probe("it", "pass", kind)
    check.canary = kind != "human"
    (decision,) = verify([row_of("fine").marked(needs="human")], SHAPE, [check])
    assert decision.reason == ""
    assert decision.row.provenance.needs == needs


# --- names ------------------------------------------------------------------------------


def run(folder: Path, *argv: str) -> int:
    """Run the command on two rows in a folder."""
    rows = [{"input": "1?", "output": "1 + 1 = 2", "answer": "2"}, {"input": "2?", "output": "no"}]
    source = write_rows(folder / "in.jsonl", rows)
    out = ["-o", str(folder / "out.jsonl"), "--evidence", str(folder / "e.jsonl")]
    return invoke(["verify", str(source), "-q", "--force", *out, *argv])


def test_a_name_stands_everywhere(tmp_path: Path, probes: Says) -> None:
    """NAME=SPEC is what `verified_by`, evidence and `--require` call the check."""
    checks = ["--check", "sum_1=arithmetic", "--check", "probe:second"]
    assert run(tmp_path, *checks, "--require", "sum_1 and second") == 0
    (row,) = read_rows(tmp_path / "out.jsonl")
    assert row["_synthgate"]["verified_by"] == "sum_1 second"
    line = read_rows(tmp_path / "e.jsonl")[0]
    assert [each["check"] for each in line["checks"]] == ["sum_1", "second"]
    assert [each["kind"] for each in line["checks"]] == ["arithmetic", "function"]
    assert all(len(bytes.fromhex(each["config"])) == 8 for each in line["checks"])


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        (["answer", "answer:gold"], "two checks are called answer: name one, as in --check other="),
        (["x=answer", "x=arithmetic"], "two checks are called x"),
        (["and=answer"], "'and' cannot be the name of a check"),
        (["auto=answer"], "'auto' cannot be the name of a check"),
        (["x=auto"], "auto takes no name"),
        (["x=nothing"], "unknown verifier 'nothing'"),
    ],
)
def test_names_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], checks: list[str], said: str
) -> None:
    """Two checks of one name, and names that mean something else, end with 2 and one line."""
    argv = [word for check in checks for word in ("--check", check)]
    assert run(tmp_path, *argv) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_an_argument_may_hold_an_equals_sign(tmp_path: Path) -> None:
    """Only what stands before the first colon can be a name."""
    (tmp_path / "a=b.toml").write_text("[[rule]]\nmin_chars = 3\n")
    assert run(tmp_path, "--check", f"rule:{tmp_path}/a=b.toml") == 0


def test_a_table_sets_what_only_its_check_uses(tmp_path: Path, probes: Says) -> None:
    """`[[verify.check]]` names a check and overrides any setting for it alone."""
    config = tmp_path / "synthgate.toml"
    config.write_text(
        '[verify]\nregex_timeout = 3\nrequire = "one and two"\n'
        '[[verify.check]]\ncheck = "probe:one"\nregex-timeout = 7\nallow_shared = true\n'
        '[[verify.check]]\nname = "two"\ncheck = "probe:other"\n'
    )
    assert run(tmp_path, "--config", str(config)) == 0
    assert [bench.policy.regex_timeout for bench in BENCHES] == [7.0, 3.0]
    assert [bench.policy.allow_shared for bench in BENCHES] == [True, False]
    assert read_rows(tmp_path / "out.jsonl")[0]["_synthgate"]["verified_by"] == "one two"
    manifest = json.loads((tmp_path / "out.jsonl.manifest.json").read_text())
    assert [each["name"] for each in manifest["findings"]["checks"]] == ["one", "two"]


TABLE = '[[verify.check]]\ncheck = "a"\n'
IN_TABLES = (
    (f"{TABLE}[[verify.check]]\n\nchek = 1", ":5:1: verify.check.2.chek: unknown key; did you"),
    (f"[[verify.check]]\n\n{TABLE}", ":1:1: verify.check.1.check: is missing"),
    (f"{TABLE}regex-timeout = 0", ":3:1: verify.check.1.regex_timeout: input should be greater"),
    (f'{TABLE}sandbox = "D"', ":3:1: verify.check.1.sandbox: "),
    (f'{TABLE}require = "any"', ":3:1: verify.check.1.require: unknown key"),
    ("[[verify.check]]\ncheck = 3", ":2:1: verify.check.1.check: input should be a valid str"),
    ('[verify]\ncheck = ["a", {check = "b", math = 1}]', ":2:1: verify.check.2.math: "),
    ('[verify.check]\ncheck = "a"', ':1:1: verify.check: input should be a list, as in ["..."]'),
)


@pytest.mark.parametrize(("text", "said"), IN_TABLES)
def test_a_mistake_in_a_table_is_named_with_its_line(text: str, said: str) -> None:
    """Which table of several, which key, what is wrong with it, and on which line it stands."""
    with pytest.raises(ConfigError) as caught:
        load("s.toml", text)
    assert any(found.startswith(f"s.toml{said}") for found in str(caught.value).split("\n"))


def test_texts_and_tables_may_be_mixed() -> None:
    """A list of checks may spell some of them out."""
    found = load("s.toml", '[verify]\ncheck = ["answer", {check = "rule:r.toml", name = "q"}]')
    assert found["verify"]["check"][0] == "answer"
    assert json.loads(found["verify"]["check"][1]) == {"check": "rule:r.toml", "name": "q"}


def test_a_text_on_the_command_line_is_no_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON is how a table travels inside; nobody can hand one in past the checks of the file."""
    assert run(tmp_path, "--check", '{"check": "answer", "tolerance": -1}') == 2
    assert "unknown verifier" in capsys.readouterr().err


def test_a_file_named_by_a_table_is_not_written_over(tmp_path: Path) -> None:
    """What a table's check reads is kept apart from the outputs, as with a flag."""
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nmin_chars = 3\n")
    config = tmp_path / "synthgate.toml"
    config.write_text(f'[[verify.check]]\ncheck = "rule:{rules}"\nname = "it"\n')
    assert run(tmp_path, "--config", str(config), "--rejects", str(rules)) == 2
    assert rules.read_text() == "[[rule]]\nmin_chars = 3\n"


# --- vacuous checks ---------------------------------------------------------------------


def told(says: Callable[[str, Row], Outcome], name: str = "odd") -> Probe:
    """A check that is asked about made-up answers, too."""
    check = Probe(name)
    check.check = lambda row, shape: Verdict(says(shape.response(row.value) or "", row))  # type: ignore[method-assign]
    return check


@pytest.mark.parametrize(
    ("says", "what"),
    [
        (lambda text, row: "pass", "a blank answer"),
        (lambda text, row: "pass" if not text.strip() else "fail", "a blank answer"),
        (lambda text, row: "pass" if text.strip() else "fail", "any constant answer"),
        (lambda text, row: "pass" if row.value["n"] != 2 else "fail", "a blank answer"),
        (lambda text, row: "pass" if row.value["n"] == 2 else "fail", "a blank answer"),
    ],
    ids=[
        "anything",
        "only blanks",
        "anything but blanks",
        "the prompt",
        "the prompt, not the first",
    ],
)
def test_a_check_that_verifies_nothing_is_refused(
    says: Callable[[str, Row], Outcome], what: str
) -> None:
    """What passes whatever the answer is, on the first rows, never comes to judge one."""
    rows = [row_of(f"fine {n}", n, n=n) for n in range(1, 4)]
    seen: list[bytes] = []
    with pytest.raises(UsageError, match=f"check odd passes {what}: it checks nothing"):
        list(verify(rows, SHAPE, [told(says)], seen.append))
    assert seen == []


@pytest.mark.parametrize(
    "says",
    [
        lambda text, row: "pass" if text == row.value["gold"] else "fail",
        lambda text, row: "pass" if row.value["n"] == 1 or len(text.strip()) > 2 else "fail",
        lambda text, row: "abstain",
    ],
    ids=["a gold answer that is the canary", "a row that asks for nothing", "abstains"],
)
def test_a_check_that_depends_on_the_answer_is_not_refused(
    says: Callable[[str, Row], Outcome],
) -> None:
    """A true answer may be one letter, and a single row may ask for nothing."""
    rows = [row_of(text, n, n=n, gold=text) for n, text in enumerate(["x", "fine", "done"], 1)]
    assert len(list(verify(rows, SHAPE, [told(says)]))) == 3


def test_a_single_row_whose_answer_is_one_letter() -> None:
    """That a constant is the true answer of the only row says nothing against the check."""
    check = told(lambda text, row: "pass" if text == "x" else "fail")
    assert [each.reason for each in verify([row_of("x")], SHAPE, [check])] == [""]


def test_made_up_rows_are_recorded_nowhere(tmp_path: Path, probes: Says) -> None:
    """Evidence, counts and manifest know the rows of the input and no others."""
    assert run(tmp_path, "--check", "probe") == 0
    assert [line["line"] for line in read_rows(tmp_path / "e.jsonl")] == [1, 2]
    manifest = json.loads((tmp_path / "out.jsonl.manifest.json").read_text())
    assert manifest["findings"]["checks"][0]["verdicts"]["pass"] == 2
    assert manifest["slices"]["source=in.jsonl"] == {"rows_in": 2, "rows_out": 2, "rate": 1.0}


@pytest.mark.parametrize(
    "check", ["command:true", "rule:any.toml", "rule:some.toml"]
)  # a program that says yes, a pattern that matches all, one that matches any letter
def test_real_vacuous_checks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    """`command:true` and patterns that match everything end with 2 and name the check."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "any.toml").write_text("[[rule]]\nmatches = '.*'\n")
    (tmp_path / "some.toml").write_text("[[rule]]\nmatches = '\\w'\n")
    assert run(tmp_path, "--check", check) == 2
    said = capsys.readouterr().err
    assert "checks nothing" in said or "can never fail" in said
