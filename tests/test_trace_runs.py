"""trace over run folders: which sets and certificates hold what goes, and what was asked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests import auditing
from tests.auditing import REAL, SYNTHETIC, stamped
from tests.chat_server import ChatServer
from tests.conftest import read_rows, synthgate, write_rows
from tests.tracing import exclusion, id_of, member, payload, run


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder after audit and blend: of 40 rows 0-3 are of a bad source, 4-7 their heirs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SYNTHGATE_RUN_DIR", "run")
    lines = [
        member(n, [n - 4] if 4 <= n < 8 else [], source="bad" if n < 4 else "good")
        for n in range(40)
    ]
    write_rows(Path("verified.jsonl"), lines)
    write_rows(Path("real.jsonl"), [auditing.line(n, REAL) for n in range(100, 160)])
    assert run("audit", "draw", "verified.jsonl", "-o", "sample.jsonl", "--plan", "plan.json") == 0
    ids = auditing.ids_of(Path("sample.jsonl"))
    labels = [{"id": each, "verdict": "pass", "reviewer": "r"} for each in ids]
    write_rows(Path("labels.jsonl"), labels)
    gate = ("--plan", "plan.json", "--labels", "labels.jsonl", "-o", "audited.jsonl")
    assert run("audit", "gate", "verified.jsonl", *gate) == 0
    assert run("blend", "audited.jsonl", "--real", "real.jsonl", "-o", "train.jsonl") == 0
    monkeypatch.delenv("SYNTHGATE_RUN_DIR")
    return tmp_path


def sets(*words: str) -> dict[str, dict[str, Any]]:
    """The sets that trace names, by what they are."""
    asked = ("trace", "verified.jsonl", "--match", "question", "--exclude", "source:bad")
    assert run(*asked, "--json", "f.json", "--force", "-q", *words) == 0
    found = json.loads(Path("f.json").read_text())["sets"]
    return {each["what"]: each for each in found}


def test_what_was_trained_on_it_is_named(released: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Certificate and training set with the rows that go, heirs too, counted from their rows."""
    found = sets("--run-dir", "run")
    assert {what: (each["path"], each["excluded"]) for what, each in found.items()} == {
        "certificate": ("run/certificate.json", 8), "training set": ("train.jsonl", 8),
    }  # fmt: skip
    assert {each["shown_by"] for each in found.values()} == {"rows"}
    said = capfd.readouterr().out
    assert "contains 8 of these rows: training set train.jsonl (80 rows)" in said
    assert "models that were trained on these need retraining" in said
    assert sets("--earlier-run", "run") == found
    assert not sets()


def test_a_clean_set_is_not_named(released: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A set without such rows has 0, and nothing needs retraining."""
    exclusion(Path("gone.jsonl"), ("source", "bad"))
    assert run("blend", "audited.jsonl", "--real", "real.jsonl", "-o", "train.jsonl", "--force",
               "--certificate", "run/certificate.json", "--exclude", "gone.jsonl",
               "--summary", "later/1-blend.json") == 2  # fmt: skip
    os.mkdir("later")
    assert run("blend", "audited.jsonl", "--real", "real.jsonl", "-o", "later/train.jsonl",
               "--certificate", "run/certificate.json", "--exclude", "gone.jsonl",
               "--summary", "later/1-blend.json") == 0  # fmt: skip
    capfd.readouterr()
    assert sets("--run-dir", "later")["training set"]["excluded"] == 0
    assert "retraining" not in capfd.readouterr().out


def test_rows_that_are_gone_are_told_by_the_manifest(
    released: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without its rows a set is judged by its manifest; where that is silent, it is said."""
    Path("train.jsonl").unlink()
    Path("audited.jsonl").unlink()
    found = sets("--run-dir", "run")
    assert (found["training set"]["excluded"], found["training set"]["shown_by"]) == (4, "manifest")
    assert found["certificate"]["excluded"] is None
    assert "not shown: certificate run/certificate.json (40 rows)" in capfd.readouterr().out


def test_rows_that_were_changed_are_said_to_be(released: Path) -> None:
    """Rows that are not what the manifest says it wrote show what they show, and that."""
    lines = Path("train.jsonl").read_bytes().splitlines()
    write_rows(Path("train.jsonl"), lines[:-3])
    assert sets("--run-dir", "run")["training set"]["shown_by"] == "changed rows"


@pytest.mark.parametrize("text", ["{", "[]", '{"stage":1}', '{"stage":"blend","inputs":3}'])
def test_files_that_are_no_manifests(released: Path, text: str) -> None:
    """What is not JSON is an error with its name; other JSON in the folder is left alone."""
    Path("run/9-x.json").write_text(text)
    words = ("trace", "verified.jsonl", "--match", "question", "--run-dir", "run")
    done = synthgate(*words)
    assert done.code == (4 if text == "{" else 0)
    assert ("run/9-x.json: is no manifest" in done.err) == (text == "{")


def test_the_prompt_of_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lineage of an answer leads to its seed row, and to what the journal says was asked."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("run")
    write_rows(Path("prompts.jsonl"), [{"prompt": f"tell me {n}"} for n in range(3)])
    with ChatServer() as server:
        asked = ("generate", "prompts.jsonl", "--base-url", server.url, "--model", "m")
        outputs = ("-o", "run/made.jsonl", "--summary", "run/1-generate.json")
        assert run(*asked, "--system", "be kind", "--journal", "run/j.jsonl", *outputs) == 0
    row = read_rows(Path("run/made.jsonl"))[4]
    words = ("run/made.jsonl", "--lineage", row["_synthgate"]["id"], "--run-dir", "run")
    assert run("trace", *words, "--json", "f.json") == 0
    first, seed = json.loads(Path("f.json").read_text())["lineage"]
    told = [[turn["content"] for turn in each["messages"]] for each in first["asked"]]
    assert told == [["be kind", row["prompt"]]]
    assert (seed["relation"], seed["places"]) == ("ancestor", ["prompts.jsonl:2"])
    assert seed["text"] == row["prompt"] and seed["asked"] == []


def test_rejects_of_bad_lines_are_left_out(tmp_path: Path) -> None:
    """The record of a line that was no row is none; it is looked at, and nothing is lost."""
    raw = [stamped(payload(1), SYNTHETIC), b"{", b'{"a":1,"a":2}']
    write_rows(tmp_path / "in.jsonl", raw)
    words = ("dedupe", "in.jsonl", "-o", "o.jsonl", "--rejects", "r.jsonl", "--on-error", "reject")
    assert synthgate(*words, cwd=tmp_path).code == 0
    words = ("trace", "o.jsonl", "r.jsonl", "--match", "question", "--rows")
    done = synthgate(*words, cwd=tmp_path)
    assert (done.code, [row["_synthgate"]["id"] for row in done.rows]) == (0, [id_of(1)]), done.err


def test_a_report_is_not_disturbed(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace into the run folder is no stage that rows pass: the funnel is what it was."""

    def funnel() -> Any:
        assert run("report", "train.jsonl", "--run-dir", "run", "--json", "r.json", "--force") == 0
        return json.loads(Path("r.json").read_text())["funnel"]

    before = funnel()
    monkeypatch.setenv("SYNTHGATE_RUN_DIR", "run")
    assert run("trace", "train.jsonl", "--match", "question", "-q") == 0
    assert any("trace" in name for name in os.listdir("run"))
    monkeypatch.delenv("SYNTHGATE_RUN_DIR")
    assert funnel() == before
