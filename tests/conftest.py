"""What the tests share: the real command, rows, and data that only the project's machines have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.forking import Forks

# A busy machine is no failure: only what a test asserts is.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
FORKS = Forks()

# What takes longest begins first (`make test` hands out files in this order): a worker that came
# upon one of these last would work alone.
LONGEST = (
    "attacks", "ray", "contract", "exit_codes", "evidence", "reading", "writing", "exec",
    "review_terminal", "report_runs", "review_browser", "report_browser", "measures", "narrowing",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others stay in their order."""
    order = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: bytes
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


def synthgate(
    *argv: str | Path,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Done:
    """Run the real command in a process of its own, one that need not import everything first."""
    full = {**environment(), **(env or {})}
    found = FORKS.run([*map(str, argv)], stdin, str(cwd or Path.cwd()), full, 300)
    if found is None:
        return started(*argv, stdin=stdin, cwd=cwd, env=env)
    code, out, err = found
    return Done(code, out, err.decode())


def started(
    *argv: str | Path,
    stdin: bytes = b"",
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
) -> Done:
    """Run the real command from the very start of a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "synthgate", *map(str, argv)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env={**environment(), **(env or {})},
        timeout=300,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode())


def environment() -> dict[str, str]:
    """The machine's environment without settings of ours."""
    return {k: v for k, v in os.environ.items() if not k.startswith("SYNTHGATE_")}


def heed_signals() -> None:
    """Undo, in a new process, that a job in the background inherits ignored signals."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)


def in_shell(folder: Path, script: str) -> Done:
    """Run what a document shows, as if pasted into a shell in which synthgate is installed."""
    command = folder / "bin" / "synthgate"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m synthgate "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        cwd=folder,
        env={**environment(), "PATH": f"{command.parent}:{os.environ['PATH']}"},
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode())


def write_rows(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows as JSON lines; bytes are written as they are."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that run in this process must not see the settings of the machine."""
    for name in [name for name in os.environ if name.startswith("SYNTHGATE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Return a file of the shared data; skip loudly without it, fail under CI."""

    def find(name: str) -> Path:
        path = SHARED / name
        if path.exists():
            return path
        if os.environ.get("CI"):
            pytest.fail(f"shared data {name} is missing under CI")
        pytest.skip(f"SKIPPED: shared data {name} is not on this machine")

    return find
