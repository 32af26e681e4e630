"""`docs/verify.md` cannot drift: every example in it runs and prints what stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "verify.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_every_check_has_an_example() -> None:
    """No example stands on the page without the output that it is held to."""
    assert len(EXAMPLES) == PAGE.count("```sh") == 6


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
