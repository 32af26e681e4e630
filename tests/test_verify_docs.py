"""The pages on `verify` cannot drift: every example runs and prints what stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from synthgate import registry
from synthgate.cli import verify
from tests.conftest import ROOT, in_shell

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
    done = in_shell(tmp_path, script)
    assert (done.code, done.out.decode()) == (0, printed), done.err
