"""`docs/audit-review.md` cannot drift: its example runs, its tables are the program's."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from synthgate.cli.app import AUDIT
from synthgate.review.exchange import ANSWERS, COLUMNS
from synthgate.review.state import HELP
from tests import test_audit_docs
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "audit-review.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("script", "printed"), EXAMPLES)
def test_the_examples_run(tmp_path: Path, script: str, printed: str) -> None:
    """Pasted into a shell, an example prints exactly what is shown."""
    test_audit_docs.test_the_examples_run(tmp_path, script, printed)
    assert len(EXAMPLES) == PAGE.count("```sh") == 1


def test_every_key_is_in_the_table() -> None:
    """A key that the help names is named by the page."""
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    for key, _ in HELP:
        assert all(word in table for word in key.split()), key
    assert "review" in AUDIT and "export" in AUDIT


def test_the_settings_of_other_tools_ask_what_import_reads() -> None:
    """Label Studio's interface and Argilla's settings have exactly the fields of an answer."""
    (view,) = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
    root = ElementTree.fromstring(view)
    asked = {each.get("name") for each in root if each.tag in ("Choices", "TextArea")}
    assert asked == set(ANSWERS) - {"reviewer"}
    shown = {each.get("value") for each in root if each.tag == "Text"}
    assert shown == {"$prompt", "$response"} and {"prompt", "response"} <= set(COLUMNS)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert set(re.findall(r'Question\("(\w+)"', code)) == asked
    assert set(re.findall(r'(?:Field|Property)\("(\w+)"', code)) <= set(COLUMNS)


def test_the_pictures_are_there_and_small() -> None:
    """Both reviewers are shown, in pictures that a checkout can bear."""
    found = re.findall(r"!\[.*?\]\((.*?\.png)\)", PAGE)
    assert len(found) == 2
    for name in found:
        data = (ROOT / "docs" / name).read_bytes()
        assert data[:4] == b"\x89PNG" and len(data) < 150_000
