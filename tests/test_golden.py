"""Golden cases: what each command does to real files, kept where a reviewer can read it.

A case is a folder `tests/cases/<command>/<name>/` with `cmd` (one command line, split as a shell
would, run without one), the files that it reads, and what must come of it: `expout`, `experr`,
`code`, and `exp-NAME` for a file NAME that it writes. The command runs in a copy of the folder; a
`-` among its words is `input.jsonl` on stdin. What depends on the version alone is masked.

SYNTHGATE_REWRITE_GOLDEN=1 pytest tests/test_golden.py   writes what came instead, for review.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from synthgate.cli.app import AUDIT, COMMANDS
from tests.conftest import Done, started

CASES = Path(__file__).parent / "cases"
REWRITE = bool(os.environ.get("SYNTHGATE_REWRITE_GOLDEN"))
# (what it looks like, what stands for it): hashes of the version, the version, elapsed time.
MASKS = (
    (rb'("run": ?)"[0-9a-f]{16}"', rb'\1"<run>"'),
    (rb'("config": ?)"[0-9a-f]{16}"', rb'\1"<config>"'),
    (rb'("settings_digest": ?)"[0-9a-f]{64}"', rb'\1"<settings>"'),
    (rb'("version": ?)"[^"]*"', rb'\1"<version>"'),
    (rb'("seconds": ?)[0-9.]+', rb"\1<seconds>"),
)


def cases() -> list[Path]:
    """Every folder with a command."""
    return sorted(path.parent for path in CASES.glob("*/*/cmd"))


def masked(text: bytes) -> bytes:
    """The text without what another version of synthgate would write differently."""
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return text


def play(case: Path, folder: Path) -> Done:
    """Run the command of a case in a copy of its folder."""
    shutil.copytree(case, folder, dirs_exist_ok=True)
    tool, *argv = shlex.split((case / "cmd").read_text())
    assert tool == "synthgate"
    stdin = (case / "input.jsonl").read_bytes() if "-" in argv else b""
    return started(*argv, stdin=stdin, cwd=folder)


def check(path: Path, found: bytes) -> None:
    """Compare what came with what was expected, or write it there."""
    if REWRITE:
        path.write_bytes(found)
    assert found.decode() == path.read_text()


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(case: Path, tmp_path: Path) -> None:
    """The command writes exactly what a reviewer once agreed to."""
    done = play(case, tmp_path)
    check(case / "expout", masked(done.out))
    check(case / "experr", masked(done.err.encode()))
    check(case / "code", b"%d\n" % done.code)
    for path in sorted(case.glob("exp-*")):
        check(path, masked((tmp_path / path.name.removeprefix("exp-")).read_bytes()))


def test_every_command_has_cases() -> None:
    """A new command comes with cases; two at least, but for the demo, which is one."""
    wanted = {name for name in COMMANDS if name != "audit"} | {f"audit-{verb}" for verb in AUDIT}
    found = {folder.name: len(list(folder.glob("*/cmd"))) for folder in CASES.iterdir()}
    assert set(found) == wanted
    assert all(count >= (1 if name == "demo" else 2) for name, count in found.items()), found


def test_no_case_depends_on_this_machine() -> None:
    """Nothing that a case keeps names a folder of the machine that it was written on."""
    for path in CASES.rglob("*"):
        if path.is_file():
            assert b"/tmp" not in path.read_bytes() and b"/home" not in path.read_bytes(), path
