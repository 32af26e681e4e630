"""Pages of documents cannot drift: their examples run and print what they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, in_shell

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("audit", "blend", "scan")}
EXAMPLES = [
    found
    for page in PAGES.values()
    for found in re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)
]


def test_no_example_stands_without_its_output() -> None:
    """Every shell block is followed by what it prints."""
    assert len(EXAMPLES) == sum(page.count("```sh") for page in PAGES.values()) == 6


@pytest.mark.parametrize(("script", "printed"), EXAMPLES)
def test_the_examples_run(tmp_path: Path, script: str, printed: str) -> None:
    """Pasted into a shell, an example ends well and prints exactly what is shown."""
    done = in_shell(tmp_path, script)
    assert (done.code, done.out.decode()) == (0, printed), done.err
