"""The check `agree:FILE`: an independent generator's answer to the same prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.errors import UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.rows import Row
from synthgate.verifiers import Bench, Verdict, assemble
from synthgate.verifiers.independence import PERSON, family, relation
from tests.conftest import Done, read_rows, synthgate, write_rows

SHAPE = named("input/output")
MAKERS = [
    "gpt-4o",
    "openai/GPT-3.5",
    "meta-llama/Llama-3.1-8B",
    "llama2",
    "Qwen2.5-Coder",
    "6b",
    "",
]


def row(prompt: str, response: str, generator: str, *, real: bool = False) -> Row:
    raw = json.dumps({"input": prompt, "output": response}).encode()
    return read(raw, "rows.jsonl", 3, Stamp(generator=generator, real=real).provenance)


def judge(ours: Row, *others: Row, reason: str = "") -> Verdict:
    """Return the verdict on one row against a file that holds the others."""
    bench = Bench(VerifyPolicy(allow_dependent=reason), lambda _: (others, SHAPE), lambda _: "")
    (check,) = assemble(["agree:other.jsonl"], bench)
    return check.check(ours, SHAPE)


# --- who may vouch ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai/gpt-4o", "gpt"), ("gpt3-175b", "gpt"), ("meta-llama/Llama-3.1-8B", "llama"),
        ("Qwen2.5-Coder-0.5B", "qwen"), ("SmolLM2-135M", "smollm"), ("mistral", "mistral"),
        ("models/qwen/", "qwen"), ("6b_finetuning", ""), ("", ""), ("a/7b", ""),
    ],
)  # fmt: skip
def test_family(name: str, expected: str) -> None:
    """The family is the first word of the model's own name, whatever folder and version."""
    assert family(name) == expected


@given(st.sampled_from([*MAKERS, PERSON]), st.sampled_from([*MAKERS, PERSON]))
def test_relation_is_symmetric_and_never_lenient(one: str, other: str) -> None:
    """Independence holds both ways, never with oneself, and never where one is unknown."""
    assert relation(one, other) == relation(other, one)
    assert relation(one, one) != "independent"
    assert not one or relation(one, "") == "unknown"


@given(
    st.sampled_from(MAKERS),
    st.lists(st.tuples(st.sampled_from(MAKERS), st.sampled_from(["5", "7"])), max_size=4),
    st.sampled_from(["", "only a test"]),
)
def test_only_independent_answers_count(ours: str, others: list[tuple[str, str]], why: str) -> None:
    """An oracle over all makers: independent answers first, dependent ones only with a reason."""
    rows = [row("p", f"A: {answer}", maker) for maker, answer in others]
    kinds = {kind: [a for m, a in others if relation(ours, m) == kind] for kind in
             ("independent", "family", "unknown")}  # fmt: skip
    used = kinds["independent"] or [*kinds["family"], *kinds["unknown"]]
    if others and (not used or (not kinds["independent"] and not why)):
        with pytest.raises(UsageError, match=r"^agree:other\.jsonl: rows\.jsonl:3: "):
            judge(row("p", "A: 5", ours), *rows, reason=why)
        return
    verdict = judge(row("p", "A: 5", ours), *rows, reason=why)
    expected = {
        (True, False): "pass", (False, True): "fail",
        (True, True): "abstain", (False, False): "abstain",
    }[("5" in used, "7" in used)]  # fmt: skip
    assert verdict.outcome == expected
    dependent = bool(used) and not kinds["independent"]
    assert verdict.override == (f"allow-dependent: {why}" if dependent else "")


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ("gpt-4", "gpt-4", "only 'gpt-4' itself answered this prompt"),
        ("gpt-4", "x/GPT-3", "'x/GPT-3' would vouch for 'gpt-4'.* family 'gpt'; --allow-dependent"),
        ("", "gpt-4", "the generator of this row is unknown; --allow-dependent"),
        ("gpt-4", "", "the generator of the other answer is unknown"),
        ("6b", "gpt-4", "the generator of this row '6b' tells no family"),
        ("gpt-4", "6b", "the generator of the other answer '6b' tells no family"),
    ],
)
def test_a_refusal_says_who(ours: str, theirs: str, said: str) -> None:
    """The one line of the refusal names the row, both generators and the way out."""
    with pytest.raises(UsageError, match=said):
        judge(row("p", "A: 5", ours), row("p", "A: 5", theirs))


def test_the_same_generator_never_vouches() -> None:
    """No reason makes a generator its own witness."""
    with pytest.raises(UsageError, match="itself"):
        judge(row("p", "A: 5", "gpt"), row("p", "A: 5", "gpt"), reason="because")
    verdict = judge(row("p", "A: 5", "gpt"), row("p", "A: 5", "gpt"), row("p", "A: 7", "llama"))
    assert (verdict.outcome, verdict.reason) == ("fail", "differs")


def test_people_are_independent() -> None:
    """A real row's answer vouches for a generator's."""
    assert judge(row("p", "A: 5", "gpt"), row("p", "A: 5", "", real=True)).outcome == "pass"


# --- what agrees ------------------------------------------------------------------------


def test_verdicts() -> None:
    """All others: pass; none: fail; some: abstain; nobody: abstain; no answer: fail."""
    five, seven = row("P  q", "#### 5", "llama"), row("p Q", "so 7", "qwen")
    ours = row("p q", "A: $5.00", "gpt")
    assert judge(ours, five).outcome == "pass"
    assert judge(ours, seven).outcome == "fail"
    mixed = judge(ours, five, seven)
    assert (mixed.outcome, mixed.reason) == ("abstain", "others_disagree")
    assert (mixed.evidence["others"], mixed.evidence["agreeing"]) == (2, 1)
    assert judge(ours).reason == "no_other_answer"
    assert judge(ours, row("another prompt", "5", "llama")).reason == "no_other_answer"
    assert judge(ours, row("p q", "I do not know", "llama")).reason == "no_other_answer"
    silent = judge(row("p q", "I do not know", "gpt"), row("p q", "I do not know", "llama"))
    assert (silent.outcome, silent.reason) == ("fail", "no_answer")


# --- the command ------------------------------------------------------------------------


def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return rows of one shape, and stamped answers of another generator in another shape."""
    rows = [{"input": f"p{n}", "output": f"A: {n}"} for n in range(6)]
    chats: list[Any] = [
        {"messages": [{"role": "user", "content": f"P{n}"}, {"role": "assistant", "content": "3"}]}
        for n in range(5, 0, -1)
    ]
    source = write_rows(tmp_path / "in.jsonl", rows)
    plain = write_rows(tmp_path / "plain.jsonl", chats)
    other = tmp_path / "other.jsonl"
    done = synthgate("dedupe", plain, "-o", other, "--generator", "org/Llama-3", "-q")
    assert done.code == 0, done.err
    return source, other


def verify(source: Path, *argv: Any) -> Done:
    return synthgate("verify", source, "--generator", "gpt-4", *argv)


def test_the_command_compares_across_shapes(tmp_path: Path) -> None:
    """The file of answers has a shape of its own; its rows are read whole and not counted."""
    source, other = files(tmp_path)
    out, rejects = tmp_path / "out.jsonl", tmp_path / "rejects.jsonl"
    argv = ["-o", out, "--rejects", rejects, "--check", f"agree:{other}", "--limit", "4"]
    done = verify(source, *argv)
    assert done.code == 0, done.err
    assert [kept["input"] for kept in read_rows(out)] == ["p3"]
    reasons = [reject["_reject"]["reason"] for reject in read_rows(rejects)]
    assert reasons == ["abstain", "fail:agree", "fail:agree"]
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    assert (manifest["rows_in"], manifest["rows_out"]) == (4, 1)
    shown = [(each["path"], each["rows"]) for each in manifest["inputs"]]
    assert shown == [(str(source), 4), (str(other), 5)]


def test_the_override_stands_in_the_rows_that_used_it(tmp_path: Path) -> None:
    """`--allow-dependent` is recorded where it was needed, once, beside what stood there."""
    source, other = files(tmp_path)
    argv = ["--check", f"agree:{other}", "--check", f"agree:{other}"]
    refused = synthgate("verify", source, "--generator", "llama2", *argv)
    assert (refused.code, refused.out) == (2, b"")
    assert refused.err.count("synthgate: ") == 1
    why = ["--allow-dependent", "a  demo; no more"]
    first = synthgate("verify", source, "--generator", "llama2", *argv, *why)
    assert first.code == 0, first.err
    assert [each["_synthgate"]["override"] for each in first.rows] == [
        "allow-dependent: a demo; no more"
    ]
    again = synthgate("verify", "-", *argv, *why, stdin=first.out)
    assert again.out == first.out
    not_needed = verify(source, "--check", f"agree:{other}", *why)
    assert [each["_synthgate"]["override"] for each in not_needed.rows] == [""]


def test_the_other_file_is_a_reference(tmp_path: Path) -> None:
    """A bad line in it ends the run; it is no output; stdin and unstamped rows do not do."""
    source, other = files(tmp_path)
    spec = ["--check", f"agree:{other}"]
    before = other.read_bytes()
    assert verify(source, *spec, "-o", other, "--force").code == 2
    assert other.read_bytes() == before
    other.write_bytes(before + b"{not json\n")
    done = verify(source, *spec, "--on-error", "reject")
    assert (done.code, done.out) == (4, b"")
    assert f"{other}:6:" in done.err
    assert verify(source, "--check", f"agree:{tmp_path / 'missing'}").code == 4
    assert verify(source, "--check", "agree").code == 2
    unstamped = verify(source, "--check", f"agree:{tmp_path / 'plain.jsonl'}")
    assert (unstamped.code, "other answer is unknown" in unstamped.err) == (2, True)
    piped = synthgate("verify", "--check", "agree:-", stdin=source.read_bytes())
    assert (piped.code, "stdin" in piped.err) == (2, True)
