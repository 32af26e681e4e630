"""`docs/trace.md` cannot drift: its incident is lived through, step by step, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT, in_shell

PAGE = (ROOT / "docs" / "trace.md").read_text()
STEPS = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_incident(tmp_path: Path) -> None:
    """Pasted into a shell one after the other, the examples print exactly what is shown."""
    assert len(STEPS) == PAGE.count("```sh") == 6
    for script, printed in STEPS:
        done = in_shell(tmp_path, script)
        assert (done.code, done.out.decode()) == (0, printed), done.err
