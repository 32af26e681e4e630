"""The command `verify` and its stage: what is kept, what is rejected, and what is written of it."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.errors import UsageError
from synthgate.formats import Shape, named
from synthgate.provenance import Stamp, read
from synthgate.rows import Decision, Row
from synthgate.stages.verify import verify
from synthgate.verifiers import Kind, Outcome, Verdict, Verifier
from tests.conftest import read_rows, synthgate, write_rows
from tests.strategies import plain_rows

SHAPE = named("input/output")
RULES = '[[rule]]\nmin_chars = 2\nforbids = "\\\\bsorry\\\\b"\n'
OUTCOMES: list[Outcome] = ["pass", "fail", "abstain", "error"]

answers = st.sampled_from(
    ["#### 5", "2 + 3 = 5", "2 + 3 = 6\nA: 6", "sorry, 5", "5", "", "I do not know", "x"]
)
rows_of_maths = st.fixed_dictionaries(
    {"input": st.sampled_from(["p", "q"]), "output": answers},
    optional={"answer": st.sampled_from([5, "5.0", "#### 6", None, [1]]), "id": st.integers()},
)
lines = st.lists(st.one_of(plain_rows(), rows_of_maths.map(lambda row: json.dumps(row).encode())))


def run(folder: Path, specs: Iterable[str], name: str = "in.jsonl") -> dict[str, bytes]:
    """Run the command in this process on a file of a folder and return what it wrote."""
    out = {role: folder / role for role in ("out", "rejects", "evidence")}
    argv = ["verify", str(folder / name), "-q", "--force", "-o", str(out["out"])]
    argv += ["--rejects", str(out["rejects"]), "--evidence", str(out["evidence"])]
    for spec in specs:
        argv += ["--check", spec]
    assert invoke(argv) == 0
    return {role: path.read_bytes() for role, path in out.items()}


def specs_in(folder: Path) -> list[str]:
    (folder / "rules.toml").write_text(RULES)
    return ["answer", "arithmetic", f"rule:{folder / 'rules.toml'}"]


def at(line: bytes) -> int:
    """Return the line number that a reject remembers."""
    return int(json.loads(line)["_reject"]["line"])


# --- properties of the command ----------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(lines, st.sets(st.integers(0, 2), min_size=1))
def test_every_row_ends_once_in_order_and_unchanged(raw: list[bytes], chosen: set[int]) -> None:
    """Rows in = rows out + rejects, in input order, every payload byte for byte, twice the same."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        specs = [specs_in(folder)[number] for number in chosen]
        (folder / "in.jsonl").write_bytes(b"".join(line + b"\n" for line in raw))
        wrote = run(folder, specs)
        assert run(folder, specs) == wrote
        manifest = json.loads((folder / "out.manifest.json").read_text())
    evidence = [json.loads(line) for line in wrote["evidence"].splitlines()]
    assert [each["line"] for each in evidence] == list(range(1, len(raw) + 1))
    kept, dropped = (wrote[role].split(b"\n")[:-1] for role in ("out", "rejects"))
    assert manifest["rows_in"] == len(raw) == len(kept) + len(dropped)
    assert sum(manifest["rejects"].values()) == len(dropped)
    passed = [each["line"] for each in evidence if each["verdict"] == "pass"]
    for numbers, written in ((passed, kept), ([at(line) for line in dropped], dropped)):
        assert numbers == sorted(numbers)
        for number, line in zip(numbers, written, strict=True):
            payload = raw[number - 1].rstrip(b" \t\r")
            assert line.startswith(payload[: payload.rindex(b"}")])


@settings(max_examples=60, deadline=None)
@given(lines, st.permutations([0, 1, 2]))
def test_another_check_never_accepts_more_of_what_was_judged(
    raw: list[bytes], order: list[int]
) -> None:
    """A row that a check fails is rejected whatever other checks say, in any order of checks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        specs = specs_in(folder)
        (folder / "in.jsonl").write_bytes(b"".join(line + b"\n" for line in raw))
        alone = [judged(run(folder, [spec])) for spec in specs]
        together = judged(run(folder, [specs[number] for number in order]))
        both = judged(run(folder, [specs[order[0]], specs[order[1]]]))
    for line, verdict in together.items():
        said = [each[line] for each in alone]
        assert verdict == combined(said)
        assert verdict != "pass" or both[line] != "fail"


def judged(wrote: dict[str, bytes]) -> dict[int, str]:
    """Return {line: verdict} of an evidence file."""
    found = [json.loads(line) for line in wrote["evidence"].splitlines()]
    return {each["line"]: each["verdict"] for each in found}


def combined(said: Iterable[str]) -> str:
    """The default policy, spelt out once more: no fail, no error, at least one pass."""
    found = set(said)
    return next((each for each in ("fail", "error", "pass") if each in found), "abstain")


# --- the stage on made-up checks --------------------------------------------------------


class Fixed(Verifier):
    """A check that says what it is told to, except of an answer that was made up."""

    def __init__(self, name: str, says: Callable[[Row], Verdict], kind: Kind = "function") -> None:
        self.name, self.says, self.kind = name, says, kind

    def check(self, row: Row, shape: Shape) -> Verdict:
        made_up = len((shape.response(row.value) or "").strip()) < 2
        return Verdict("fail") if made_up else self.says(row)


def fixed(name: str, outcome: Outcome, **fields: Any) -> Fixed:
    return Fixed(name, lambda _: Verdict(outcome, f"why_{name}", **fields))


def stamped(text: str = "text", **fields: Any) -> Row:
    raw = json.dumps({"input": "?", "output": text}).encode()
    return read(raw, "f", 1, Stamp().provenance).marked(**fields)


def one(*checks: Fixed, row: Row | None = None) -> tuple[Decision, dict[str, Any]]:
    """Return the decision about one row and its line of evidence."""
    noted: list[bytes] = []
    (decision,) = verify([row or stamped()], SHAPE, checks, noted.append)
    (line,) = noted
    assert [decision] == list(verify([row or stamped()], SHAPE, checks))
    return decision, json.loads(line)


@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=4))
def test_the_policy_is_no_fail_no_error_and_one_pass(said: list[Outcome]) -> None:
    """Could-not-tell is never a pass and never a fail; the first fail or error is the reason."""
    decision, line = one(*(fixed(f"c{n}", outcome) for n, outcome in enumerate(said)))
    bad = [f"{outcome}:c{n}" for n, outcome in enumerate(said) if outcome in ("fail", "error")]
    expected = bad[0] if bad else "" if "pass" in said else "abstain"
    assert decision.reason == expected
    assert line["verdict"] == (expected.partition(":")[0] or "pass")
    assert [each["verdict"] for each in line["checks"]] == said
    passed = [f"c{n}" for n, outcome in enumerate(said) if outcome == "pass"]
    marks = decision.row.provenance.verified_by
    assert marks == ("" if expected else " ".join(passed))


def said(line: dict[str, Any], at: int = 0) -> dict[str, Any]:
    """Return what one check said, without what it is."""
    return {k: v for k, v in line["checks"][at].items() if k not in ("kind", "config")}


def test_names_of_passed_checks_accumulate() -> None:
    """`verified_by` keeps what was there and names each passed check once."""
    row = stamped(verified_by="answer human")
    decision, _ = one(
        fixed("rule", "pass"), fixed("answer", "pass"), fixed("x", "abstain"), row=row
    )
    assert decision.row.provenance.verified_by == "answer human rule"
    assert decision.row.payload == row.payload


def older() -> Row:
    return stamped(override="older")


def test_overrides_accumulate() -> None:
    """`override` keeps what was there and names each used guard once; a reject names none."""
    off = fixed("agree", "pass", override="allow: a; b")
    decision, line = one(off, fixed("also", "pass", override="allow: a; b"), row=older())
    assert decision.row.provenance.override == "older; allow: a; b"
    assert one(off, row=decision.row)[0].row.provenance.override == "older; allow: a; b"
    assert line["checks"][0]["override"] == "allow: a; b"
    assert one(off, fixed("x", "fail"))[0].row.provenance.override == ""


def test_a_check_that_breaks_down_is_an_error() -> None:
    """A plug-in that raises, or returns no verdict, rejects its row and ends nothing."""

    def boom(_: Row) -> Verdict:
        raise KeyError("secret")

    decision, line = one(Fixed("plugin", boom), fixed("answer", "pass"))
    assert (decision.reason, decision.detail) == ("error:plugin", "KeyError")
    assert said(line) == {"check": "plugin", "verdict": "error", "reason": "KeyError"}
    nothing: Any = Fixed("plugin", lambda _: None)  # type: ignore[arg-type, return-value]
    assert one(nothing)[0].reason == "error:plugin"
    odd: Any = fixed("plugin", "passed")  # type: ignore[arg-type]
    assert one(odd)[0].detail == "no_verdict"


def test_a_refusal_of_a_check_is_no_verdict() -> None:
    """A policy error that a check raises ends the run; it is not one row's error."""

    def refuse(_: Row) -> Verdict:
        raise UsageError("a generator cannot vouch for itself")

    with pytest.raises(UsageError, match="vouch"):
        one(Fixed("agree", refuse))


def test_evidence_cannot_pose_as_a_verdict() -> None:
    """What a check puts into its evidence stands beside its verdict and never over it."""
    evidence = {"verdict": "pass", "check": "other", "big": 2**70, "odd": {1, 2}}
    _, line = one(fixed("plugin", "fail", evidence=evidence))
    shown = line["checks"][0]
    assert (shown["check"], shown["verdict"], shown["big"]) == ("plugin", "fail", 2**70)


class Lenient(Verifier):
    """A check that passes one kind of blank answer, and every answer that is none."""

    name = "lenient"

    def __init__(self, passes: str) -> None:
        self.passes = passes

    def check(self, row: Row, shape: Shape) -> Verdict:
        text = shape.response(row.value) or ""
        return Verdict("pass" if text.strip() or text == self.passes else "fail")


def test_no_text_of_a_check_ends_the_run() -> None:
    """Half of a surrogate pair in a reason or in evidence is written as something readable."""
    for said in (Verdict("fail", "\ud800"), Verdict("fail", "x", {"seen": ["\udfff", {"n": 1}]})):
        decision, line = one(Fixed("odd", lambda _, said=said: said))  # type: ignore[misc]
        assert decision.reason == "fail:odd"
        decision.detail.encode()
        assert line["checks"][0]["reason"] in ("?", "x")


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_vacuous_check_is_refused_before_any_row(blank: str) -> None:
    """A check that passes an empty or blank answer checks nothing, and nothing is let through."""
    lenient = Lenient(blank)
    decisions = verify([stamped()], SHAPE, [lenient])
    with pytest.raises(UsageError, match="check lenient passes a blank answer: it checks nothing"):
        next(decisions)


# --- the command ------------------------------------------------------------------------


def source(tmp_path: Path) -> Path:
    rows = [
        {"input": "2+3?", "output": "2 + 3 = 5\n#### 5", "answer": "5"},
        {"input": "2+4?", "output": "2 + 4 = 7\n#### 7", "answer": 6},
        {"input": "why?", "output": "because"},
    ]
    return write_rows(tmp_path / "in.jsonl", rows)


def test_rows_rejects_and_evidence(tmp_path: Path) -> None:
    """One run, looked at whole: kept rows, rejects with check and reason, a line for each row."""
    evidence, rejects = tmp_path / "evidence.jsonl", tmp_path / "rejects.jsonl"
    argv = ["--check", "answer", "--check", "arithmetic", "--evidence", evidence]
    done = synthgate("verify", source(tmp_path), "--rejects", rejects, *argv)
    assert done.code == 0, done.err
    assert [row["_synthgate"]["verified_by"] for row in done.rows] == ["answer arithmetic"]
    shown = [(r["_reject"]["reason"], r["_reject"]["detail"]) for r in read_rows(rejects)]
    assert shown == [
        ("fail:answer", "differs: answer 7, gold 6"),
        ("abstain", "answer: no_gold; arithmetic: no_equation"),
    ]
    noted = read_rows(evidence)
    assert "on every row" not in done.err
    assert list(noted[0]) == ["id", "file", "line", "verdict", "checks"]
    assert noted[0]["id"] == done.rows[0]["_synthgate"]["id"]
    assert [line["verdict"] for line in noted] == ["pass", "fail", "abstain"]
    assert said(noted[1], 1) == {
        "check": "arithmetic",
        "verdict": "fail",
        "reason": "wrong_equation",
        "equation": "2 + 4 = 7",
    }


def test_a_check_that_tells_of_no_row_is_named(tmp_path: Path) -> None:
    """A gold field that no row has: every row is rejected, and why is said beside the counts."""
    done = synthgate(
        "verify", source(tmp_path), "--check", "answer:golden", "--check", "arithmetic"
    )
    assert done.code == 0
    assert "verify: answer abstains on every row: no_gold\n" in done.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "verify needs at least one --check"),
        (["--check", "anser"], "unknown verifier 'anser'.*agree, answer.*did you mean 'answer'"),
        (["--check", ""], "unknown verifier ''"),
        (["--check", "arithmetic:x"], "arithmetic takes no argument"),
        (["--check", "rule"], "name the file of rules"),
        (["--check", "agree"], "name the file of other answers"),
        (["--check", "answer:output"], "that is the answer which is checked"),
        (["--check", "answer", "--regex-timeout", "0"], "--regex-timeout"),
    ],
)
def test_what_cannot_be_checked_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    """A wrong check is one line on stderr and exit 2, and nothing is written."""
    out = tmp_path / "out.jsonl"
    assert invoke(["verify", str(source(tmp_path)), "-q", "-o", str(out), *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("synthgate: ")
    assert re.search(said, line)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_a_vacuous_rule_is_refused(tmp_path: Path) -> None:
    """Rules that a blank answer passes are refused by the command, and nothing flows."""
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nforbids = 'sorry'\n")
    done = synthgate("verify", source(tmp_path), "--check", f"rule:{rules}")
    assert (done.code, done.out) == (2, b"")
    assert "check rule passes a blank answer: it checks nothing" in done.err


def test_bad_lines_and_evidence(tmp_path: Path) -> None:
    """A rejected line that is no row has no evidence, and is still counted."""
    rows = [b'{"input":"?","output":"5","answer":5}', b"{oops", b'{"input":"?","output":"6"}']
    evidence = tmp_path / "evidence.jsonl"
    argv = ["--check", "answer", "--evidence", evidence, "--on-error", "reject"]
    done = synthgate("verify", "-", *argv, stdin=b"\n".join(rows))
    assert done.code == 0, done.err
    assert [line["line"] for line in read_rows(evidence)] == [1, 3]
    assert "3 rows in, 1 out, 2 rejected" in done.err


def test_empty_input_is_fine_for_a_filter(tmp_path: Path) -> None:
    """No rows in, no rows out, exit 0."""
    done = synthgate("verify", "--check", "answer", stdin=b"")
    assert (done.code, done.out) == (0, b"")
