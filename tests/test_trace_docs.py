"""`docs/trace.md` cannot drift: its incident is lived through, step by step, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "trace.md").read_text()
STEPS = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_incident(tmp_path: Path) -> None:
    """Pasted into a shell one after the other, the examples print exactly what is shown."""
    assert len(STEPS) == PAGE.count("```sh") == 6
    command = tmp_path / "bin" / "synthgate"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m synthgate "$@"\n')
    command.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("SYNTHGATE_")}
    for script, printed in STEPS:
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
