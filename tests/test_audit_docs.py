"""Pages of documents cannot drift: their examples run and print what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("audit", "blend", "scan")}
EXAMPLES = [
    found
    for page in PAGES.values()
    for found in re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
]


def test_no_example_stands_without_its_output() -> None:
    """Every shell block is followed by what it prints."""
    assert len(EXAMPLES) == sum(page.count("```sh") for page in PAGES.values()) == 5


@pytest.mark.parametrize(("script", "printed"), EXAMPLES)
def test_the_examples_run(tmp_path: Path, script: str, printed: str) -> None:
    """Pasted into a shell, an example ends well and prints exactly what is shown."""
    command = tmp_path / "bin" / "synthgate"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m synthgate "$@"\n')
    command.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SYNTHGATE_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        cwd=tmp_path,
        env={**clean, "PATH": f"{command.parent}:{os.environ['PATH']}"},
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
