"""The pages on `verify` cannot drift: every example runs and prints what stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from synthgate import registry
from synthgate.cli import verify
from tests.conftest import ROOT

PAGES = [ROOT / "docs" / "verify.md", *sorted((ROOT / "docs" / "checks").glob("*.md"))]
_EXAMPLE = re.compile(r"```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
EXAMPLES = [
    pytest.param(*found, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, found in enumerate(_EXAMPLE.findall(page.read_text()), 1)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_check_has_an_example(page: Path) -> None:
    """No example stands on a page without the output that it is held to, and each page has one."""
    text = page.read_text()
    assert len(_EXAMPLE.findall(text)) == text.count("```sh") > 0


def test_every_check_has_a_page() -> None:
    """Each built-in check is described under docs/checks."""
    assert {page.stem for page in PAGES[1:]} == set(registry.BUILTIN["verifiers"])


def test_every_check_has_an_example_in_the_help() -> None:
    """`verify --help` shows how each built-in check is written."""
    shown = re.findall(r"^--check '?(?:\w+=)?(\w+)", verify.__doc__ or "", re.MULTILINE)
    assert set(shown) == {*registry.BUILTIN["verifiers"], "auto"}


@pytest.mark.parametrize(("script", "printed"), EXAMPLES)
def test_the_examples_run(tmp_path: Path, script: str, printed: str) -> None:
    """Pasted into a shell, an example ends well and prints exactly what is shown."""
    command = tmp_path / "bin" / "synthgate"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m synthgate "$@"\n')
    command.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SYNTHGATE_")}
    path = f"{command.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        cwd=tmp_path,
        env={**clean, "PATH": path},
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
