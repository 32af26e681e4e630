"""The check `human:FILE`: verdicts of people, on exactly the bytes that they looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.config import VerifyPolicy
from synthgate.errors import InputError, UsageError
from synthgate.formats import named
from synthgate.provenance import Stamp, emit, read
from synthgate.rows import Row, content_id
from synthgate.verifiers import Bench, Verdict, Verifier, assemble
from tests.conftest import Done, read_rows, synthgate, write_rows

SHAPE = named("input/output")
RAW = b'{"input":"2+3?","output":"5"}'
ID = content_id(RAW)
VERDICTS = ("pass", "fail", "edit", "unsure", "skip")


def row_of(value: Any, number: int = 1) -> Row:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return read(raw, "f.jsonl", number, Stamp().provenance)


def label(verdict: str, reviewer: str = "ann", row_id: str = ID) -> dict[str, str]:
    return {"id": row_id, "verdict": verdict, "reviewer": reviewer}


def check_of(labels: list[Any]) -> Verifier:
    rows = [row_of(each, at) for at, each in enumerate(labels, 1)]
    bench = Bench(VerifyPolicy(), lambda _: ((), SHAPE), lambda _: "", records=lambda _: rows)
    (built,) = assemble(["human:labels.jsonl"], bench)
    return built


def judge(*labels: Any) -> Verdict:
    return check_of(list(labels)).check(row_of(RAW), SHAPE)


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(VERDICTS), max_size=6))
def test_people_decide_only_together(said: dict[str, str]) -> None:
    """A row passes exactly if somebody looked at it and everybody who did says pass."""
    verdict = judge(*(label(each, who) for who, each in said.items()))
    assert (verdict.outcome == "pass") is (set(said.values()) == {"pass"})
    wrong = bool(said) and set(said.values()) <= {"fail", "edit"}
    assert (verdict.outcome == "fail") is wrong
    assert verdict.outcome in ("pass", "fail", "abstain")


@pytest.mark.parametrize(
    ("labels", "outcome", "reason", "reviewers"),
    [
        ([label("pass")], "pass", "", "ann"),
        ([label("pass"), label("pass", "bob")], "pass", "", "ann, bob"),
        ([label("fail")], "fail", "said_fail", "ann"),
        ([label("edit")], "fail", "said_edit", "ann"),
        ([label("edit"), label("fail", "bob")], "fail", "said_fail", "ann, bob"),
        ([label("unsure")], "abstain", "said_unsure", "ann"),
        (
            [label("pass"), label("fail", "bob")],
            "abstain", "reviewers_disagree", "ann: pass, bob: fail",
        ),
        (
            [label("pass"), label("unsure", "bob")],
            "abstain", "reviewers_disagree", "ann: pass, bob: unsure",
        ),
        ([label("pass", str(n)) for n in range(7)], "pass", "", "0, 1, 2, 3, 4, and 2 more"),
    ],
)  # fmt: skip
def test_evidence_names_the_reviewers(
    labels: list[Any], outcome: str, reason: str, reviewers: str
) -> None:
    """Each verdict says who gave it, and who said what where they differ."""
    verdict = judge(*labels)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.evidence == {"reviewers": reviewers}


@pytest.mark.parametrize(
    "edited", [RAW + b" ", b'{"input":"2+3?","output":"6"}', b'{ "input":"2+3?","output":"5"}']
)
def test_an_edited_row_is_another_row(edited: bytes) -> None:
    """A label is about bytes: whatever was changed since, even one blank inside, has none."""
    verdict = check_of([label("pass")]).check(row_of(edited.strip()), SHAPE)
    same = edited.strip() == RAW
    assert (verdict.outcome, verdict.reason) == (("pass", "") if same else ("abstain", "no_label"))


def test_a_row_that_claims_a_reviewed_id_has_none() -> None:
    """An id in `_synthgate` is a claim: the label holds for the bytes that have that id."""
    row = row_of(RAW)
    forged = emit(row).replace(b'"output":"5"', b'"output":"6"')
    verdict = check_of([label("pass")]).check(row_of(forged), SHAPE)
    assert (verdict.outcome, verdict.reason) == ("abstain", "no_label")


@pytest.mark.parametrize(
    "line",
    [
        {"id": ID, "verdict": "pass"}, {"id": ID, "reviewer": "ann"},
        {"verdict": "pass", "reviewer": "ann"}, {"id": ID, "verdict": "PASS", "reviewer": "ann"},
        {"id": ID, "verdict": "pass", "reviewer": " "},
        {"id": 5, "verdict": "pass", "reviewer": "ann"},
    ],
)  # fmt: skip
def test_what_is_no_label_ends_the_run(line: dict[str, Any]) -> None:
    """A line of the file that is no label is an error with its place, never a verdict."""
    with pytest.raises(InputError, match=r"f\.jsonl:1: "):
        check_of([line])


def test_nobody_contradicts_themselves() -> None:
    """One reviewer with two verdicts on one row is an error; saying it twice is not."""
    with pytest.raises(InputError, match=r"f\.jsonl:2: ann says fail and said pass"):
        check_of([label("pass"), label("fail")])
    assert judge(label("pass"), label("pass")).outcome == "pass"


def test_the_file_must_be_named() -> None:
    """Without a file there is nothing to look up."""
    with pytest.raises(UsageError, match="name the file of labels"):
        assemble(["human"], Bench(VerifyPolicy(), lambda _: ((), SHAPE), lambda _: ""))


def test_the_labels_belong_to_the_check() -> None:
    """Other labels make another check, in whatever order the same ones stand."""
    one, two = label("pass"), label("pass", "bob")
    assert check_of([one, two]).config == check_of([two, one]).config
    assert check_of([one]).config != check_of([label("fail")]).config
    assert check_of([one]).config != check_of([one, two]).config


# --- the command ------------------------------------------------------------------------


def verify(folder: Path, labels: list[Any], *rows: Any, more: tuple[str, ...] = ()) -> Done:
    source = write_rows(folder / "in.jsonl", rows)
    said = write_rows(folder / "labels.jsonl", labels)
    argv = ["-o", folder / "out.jsonl", "--rejects", folder / "bad.jsonl", "--force"]
    return synthgate("verify", source, *argv, "--check", f"human:{said}", *more)


def test_the_command_keeps_what_people_passed(tmp_path: Path) -> None:
    """Rows with a passing label flow, others are rejected, labels of other rows are counted."""
    other = b'{"input":"2+4?","output":"7"}'
    strays = [label("pass", "ann", "0" * 64), label("fail", "bob", "1" * 64)]
    labels = [label("pass"), label("edit", "ann", content_id(other)), *strays]
    done = verify(tmp_path, labels, RAW, other, b'{"input":"x","output":"y"}')
    assert done.code == 0, done.err
    assert [row["_synthgate"]["verified_by"] for row in read_rows(tmp_path / "out.jsonl")] == [
        "human"
    ]
    reasons = [row["_reject"]["reason"] for row in read_rows(tmp_path / "bad.jsonl")]
    assert reasons == ["fail:human", "abstain"]
    assert "labels of 4 rows, 2 of them not among these rows" in done.err


def test_a_row_that_needs_a_person_is_released_by_one(tmp_path: Path) -> None:
    """`needs: human` is met by a passing label on this id, and by no other check."""
    looked_at, other = ({"input": n, "output": f"{n} + 1 = {n + 1}"} for n in (1, 2))
    rows = [emit(row_of(row).marked(needs="human")) for row in (looked_at, other)]
    labels = [label("pass", "ann", row_of(looked_at).id)]
    done = verify(tmp_path, labels, *rows, more=("--check", "arithmetic", "--require", "any"))
    assert done.code == 0, done.err
    kept = [row["_synthgate"] for row in read_rows(tmp_path / "out.jsonl")]
    assert [row["needs"] for row in kept] == ["", "human"]
    assert [row["verified_by"] for row in kept] == ["human arithmetic", "arithmetic"]


def test_a_broken_file_ends_with_4(tmp_path: Path) -> None:
    """A file that is no file of labels is input that cannot be used."""
    done = verify(tmp_path, [{"id": ID, "verdict": "good", "reviewer": "ann"}], RAW)
    assert (done.code, "is not pass, fail, edit, unsure or skip" in done.err) == (4, True)
