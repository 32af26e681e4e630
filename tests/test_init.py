"""init: what it writes is a working gate, tried by running it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthgate.cli.app import invoke
from tests import auditing
from tests.auditing import Case
from tests.conftest import write_rows

ALL = ("--github", "--make", "--pre-commit")
WRITTEN = (".github/workflows/synthgate.yml", "synthgate.mk", ".pre-commit-config.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A project with verified rows, and the command on its path."""
    monkeypatch.chdir(tmp_path)
    assert invoke(["init", *ALL]) == 0
    command = tmp_path / "bin" / "synthgate"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m synthgate "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    return Case(tmp_path, auditing.rows(tmp_path, "verified.jsonl", range(150)))


def shell(script: str, project: Case, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does with `shell: bash`."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command,
        cwd=project.folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_workflow_gates(project: Case) -> None:
    """Its own steps draw with the secret, pass a good set, stop a bad one, see a stale one."""
    workflow: dict[str, Any] = yaml.safe_load(project.at(WRITTEN[0]).read_text())
    assert {*workflow[True]} == {"pull_request", "push", "workflow_dispatch"}  # YAML's `on`
    assert workflow["defaults"]["run"]["shell"] == "bash"
    steps = {
        step["name"]: step["run"]
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if "run" in step
    }
    assert steps.keys() == {"Install", "Draw", "Gate"}
    names = {key: workflow["env"][key] for key in ("ROWS", "PLAN", "LABELS")}
    env = {**names, "AUDIT_NONCE": "a secret", "GITHUB_STEP_SUMMARY": str(project.at("summary"))}
    done = shell(steps["Draw"], project, **env)
    assert done.returncode == 0, done.stderr
    assert project.plan["nonce_from"] == "env"
    project.log()
    assert shell(steps["Gate"], project, **{**env, "AUDIT_NONCE": "another"}).returncode == 6
    passed = shell(steps["Gate"], project, **env)
    assert passed.returncode == 0, passed.stderr
    assert passed.stderr.startswith("::notice title=PASS")
    assert len(project.at("audited.jsonl").read_text().splitlines()) == 150
    project.log(lambda at: "fail")
    stopped = shell(steps["Gate"], project, **env)
    assert stopped.returncode == 3
    assert stopped.stderr.startswith("::error title=STOP")
    assert not project.at("certificate.json").exists()
    summary = project.at("summary").read_text()
    assert [summary.count(f"## audit gate: {each}") for each in ("STALE", "PASS", "STOP")] == [
        1
    ] * 3


def test_the_makefile_gates(project: Case) -> None:
    """make draws, waits for labels, then makes the training set; a bad set leaves none."""
    rows = [{"input": f"What is {n} + 1?", "output": f"{n} + 1 = {n + 1}"} for n in range(40)]
    write_rows(project.at("candidates.jsonl"), rows)
    write_rows(project.at("real.jsonl"), [{"input": f"q{n}", "output": "a"} for n in range(60)])
    project.rows.unlink()
    make = "make -f synthgate.mk CHECKS='--check arithmetic' STAMP='--generation 1' "
    drawn = shell(make + "sample.jsonl", project)
    assert drawn.returncode == 0, drawn.stderr
    auditing.labels(project.folder, project.at("sample.jsonl"), lambda at: "fail")
    stopped = shell(make + "train.jsonl", project)
    assert stopped.returncode == 2
    assert "STOP" in stopped.stderr
    assert not project.at("train.jsonl").exists()
    auditing.labels(project.folder, project.at("sample.jsonl"), lambda at: "pass")
    done = shell(make + "train.jsonl", project)
    assert done.returncode == 0, done.stderr
    assert project.at("train.jsonl").exists()


def test_the_hook_gates(project: Case) -> None:
    """Its entry passes proved rows, refuses others, and writes nothing."""
    config: dict[str, Any] = yaml.safe_load(project.at(WRITTEN[2]).read_text())
    (hook,) = config["repos"][0]["hooks"]
    assert hook["pass_filenames"] is False
    assert project.draw() == 0
    project.log()
    before = {each.name for each in project.folder.iterdir()}
    assert shell(hook["entry"], project).returncode == 0
    assert shlex.split(hook["entry"])[-1] == "--dry-run"
    write_rows(project.rows, project.rows.read_bytes().splitlines()[1:])
    assert shell(hook["entry"], project).returncode == 6
    assert {each.name for each in project.folder.iterdir()} == before


def test_what_exists_is_kept(project: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """A file that exists ends with 2, and none of the others is written."""
    for name in WRITTEN[:2]:
        project.at(name).unlink()
    project.at(WRITTEN[2]).write_text("mine")
    assert invoke(["init", *ALL]) == 2
    assert f"{WRITTEN[2]}: exists" in capfd.readouterr().err
    assert not project.at(WRITTEN[1]).exists()
    assert project.at(WRITTEN[2]).read_text() == "mine"
    assert invoke(["init", *ALL, "--force"]) == 0
    assert project.at(WRITTEN[2]).read_text() != "mine"
    assert invoke(["init"]) == 2
