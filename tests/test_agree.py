"""The check `agree:FILE`: an independent generator's answer to the same prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
from synthgate.verifiers import Bench, Verdict, Verifier, assemble
from synthgate.verifiers.independence import PERSON, family, relation
from synthgate.verifiers.lineage import identity
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
    return agree(others, allow_dependent=reason).check(ours, SHAPE)


def agree(others: Sequence[Row], **settings: Any) -> Verifier:
    """Return the check against some rows."""
    bench = Bench(VerifyPolicy(**settings), lambda _: (others, SHAPE), lambda _: "")
    (check,) = assemble(["agree:other.jsonl"], bench)
    return check


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


def oracle(used: list[tuple[str, str]], ours: str, share: float) -> str:
    """Return the outcome by the rule on the page: one voice for each model, ties say nothing."""
    voices = {}
    for who in {identity(maker) for maker, _ in used}:
        said = [answer for maker, answer in used if identity(maker) == who]
        best = max(said.count(answer) for answer in said)
        voices[who] = {answer for answer in said if said.count(answer) == best}
    agreeing = [who for who, said in voices.items() if said == {ours}]
    if len(agreeing) / len(voices) >= share:
        return "pass"
    return "abstain" if any(ours in said for said in voices.values()) else "fail"


@given(
    st.sampled_from(MAKERS),
    st.lists(st.tuples(st.sampled_from(MAKERS), st.sampled_from(["5", "7", "9"])), max_size=7),
    st.sampled_from(["", "only a test"]),
    st.sampled_from([1.0, 0.6]),
)
def test_only_independent_answers_count(
    ours: str, others: list[tuple[str, str]], why: str, share: float
) -> None:
    """An oracle over all makers: independent answers first, dependent ones only with a reason."""
    rows = [row("p", f"A: {answer}", maker) for maker, answer in others]
    kinds = {kind: [each for each in others if relation(ours, each[0]) == kind] for kind in
             ("independent", "family", "unknown")}  # fmt: skip
    used = kinds["independent"] or [*kinds["family"], *kinds["unknown"]]
    check, mine = agree(rows, allow_dependent=why, agree_share=share), row("p", "A: 5", ours)
    if others and (not used or (not kinds["independent"] and not why)):
        for refuse in (check.check, lambda each, shape: check.prepare([each], shape)):
            with pytest.raises(UsageError, match=r"^agree:other\.jsonl: rows\.jsonl:3: "):
                refuse(mine, SHAPE)
        return
    check.prepare([mine], SHAPE)
    verdict = check.check(mine, SHAPE)
    assert verdict.outcome == (oracle(used, "5", share) if used else "abstain")
    dependent = bool(used) and not kinds["independent"]
    assert verdict.override == (f"allow-dependent: {why}" if dependent else "")


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ("gpt-4", "gpt-4", "only 'gpt-4' itself answered this prompt"),
        ("gpt-4", "x/GPT-4-GGUF", "only 'gpt-4' itself answered this prompt"),
        (
            "gpt-4",
            "x/GPT-3",
            "'x/GPT-3' would vouch for 'gpt-4', and both go back to 'gpt'; --allow",
        ),
        ("zephyr-7b", "phi-3", "both go back to 'gpt'; --allow-dependent REASON"),
        (
            "",
            "gpt-4",
            "the generator of this row is unknown; .*--generator NAME; --allow-dependent",
        ),
        ("gpt-4", "", "the generator of the other answer is unknown"),
        ("6b", "gpt-4", "the generator of this row, '6b', is in no table.*match = \"6 b\""),
        ("gpt-4", "6b", "the generator of the other answer, '6b', is in no table"),
    ],
)
def test_a_refusal_says_who(ours: str, theirs: str, said: str) -> None:
    """The one line of the refusal names the row, both generators and the way out."""
    with pytest.raises(UsageError, match=said):
        judge(row("p", "A: 5", ours), row("p", "A: 5", theirs))


def test_a_lineage_that_is_declared_counts(tmp_path: Path) -> None:
    """`--lineage` makes an unknown generator a known one, for the command as well."""
    source, other = files(tmp_path)
    table = tmp_path / "lineage.toml"
    table.write_text('[[model]]\nmatch = "acme"\nfamily = "acme"\n')
    argv = ["verify", source, "--generator", "acme-7b", "--check", f"agree:{other}"]
    assert synthgate(*argv).code == 2
    done = synthgate(*argv, "--lineage", table)
    assert (done.code, len(done.rows)) == (0, 1), done.err
    table.write_text('[[model]]\nmatch = "acme"\nfamily = "acme"\nbase = "llama"\n')
    refused = synthgate(*argv, "--lineage", table)
    assert (refused.code, "both go back to 'llama'" in refused.err) == (2, True)


def test_the_same_generator_never_vouches() -> None:
    """No reason makes a generator its own witness."""
    with pytest.raises(UsageError, match="itself"):
        judge(row("p", "A: 5", "gpt"), row("p", "A: 5", "gpt"), reason="because")
    verdict = judge(row("p", "A: 5", "gpt"), row("p", "A: 5", "gpt"), row("p", "A: 7", "llama"))
    assert (verdict.outcome, verdict.reason) == ("fail", "differs")


def test_a_row_without_an_answer_needs_no_witness() -> None:
    """Where a row fails anyway, its generator's own answers are no reason to refuse the input."""
    check, silent = agree([row("p", "A: 5", "gpt")]), row("p", "I do not know", "gpt")
    check.prepare([silent], SHAPE)
    assert check.check(silent, SHAPE).outcome == "fail"


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
    assert mixed.evidence == {
        "answer": "$5.00", "others": 2, "agreeing": 1, "share": 0.5, "majority": "",
        "models": ["llama", "qwen"],
    }  # fmt: skip
    assert judge(ours).reason == "no_other_answer"
    assert judge(ours, row("another prompt", "5", "llama")).reason == "no_other_answer"
    assert judge(ours, row("p q", "I do not know", "llama")).reason == "no_other_answer"
    silent = judge(row("p q", "I do not know", "gpt"), row("p q", "I do not know", "llama"))
    assert (silent.outcome, silent.reason) == ("fail", "no_answer")


def test_a_model_has_one_voice() -> None:
    """Three samples of one model are one witness, who says what it says most often."""
    thrice = [
        row("p", "A: 5", "llama"),
        row("p", "A: 5", "x/Llama-GGUF"),
        row("p", "A: 7", "llama"),
    ]
    ours = row("p", "A: 5", "gpt")
    assert judge(ours, *thrice).outcome == "pass"
    assert judge(ours, *thrice).evidence["others"] == 1
    outvoted = judge(ours, *thrice, row("p", "A: 7", "qwen"), row("p", "A: 7", "mistral"))
    assert (outvoted.outcome, outvoted.evidence["majority"]) == ("abstain", "7")
    assert outvoted.evidence["share"] == 0.3333
    undecided = judge(ours, *thrice[1:])
    assert (undecided.outcome, undecided.reason) == ("abstain", "others_disagree")
    assert judge(row("p", "A: 9", "gpt"), *thrice[1:]).outcome == "fail"


def test_a_share_is_enough_when_it_is_asked_for() -> None:
    """`agree_share` lets a majority pass a row; the default wants them all."""
    others = [row("p", "A: 5", who) for who in ("llama", "qwen")] + [row("p", "A: 7", "mistral")]
    assert agree(others).check(row("p", "A: 5", "gpt"), SHAPE).outcome == "abstain"
    majority = agree(others, agree_share=0.6)
    assert majority.check(row("p", "A: 5", "gpt"), SHAPE).outcome == "pass"
    assert majority.check(row("p", "A: 7", "gpt"), SHAPE).outcome == "abstain"
    assert majority.check(row("p", "A: 8", "gpt"), SHAPE).outcome == "fail"


def test_the_config_is_what_decides() -> None:
    """Other answers, another share or another consent make another check; a path does not."""
    five, seven = row("p", "A: 5", "llama"), row("p", "A: 7", "llama")
    configs = [
        agree([five]), agree([seven]), agree([five], agree_share=0.6),
        agree([five], allow_dependent="x"),
    ]  # fmt: skip
    assert len({json.dumps(check.config) for check in configs}) == 4
    assert agree([five]).config == agree([five]).config


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
    argv = ["--check", f"agree:{other}", "--check", f"again=agree:{other}"]
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
