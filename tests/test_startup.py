"""Help is quick, and loads nothing that only a run needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.startup import command_lines, compile_bytecode, environment, measure
from synthgate.cli.app import COMMANDS

HEAVY = (
    "numpy", "sklearn", "scipy", "httpcore", "torch", "pydantic", "wordllama", "rich", "orjson",
    "jiter", "msgspec", "regex", "jinja2", "bm25s", "rapidfuzz", "asyncio", "ssl",
)  # fmt: skip
PROBE = """
import sys
from synthgate.cli.app import invoke
code = invoke(sys.argv[1:])
sys.stderr.write(" ".join(sorted({name.split(".")[0] for name in sys.modules})))
sys.exit(code)
"""


@pytest.mark.parametrize("name", command_lines())
def test_help_loads_nothing_heavy(name: str) -> None:
    """No help page imports a library that only running the command needs."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command_lines()[name]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = done.stderr.split()
    assert "typer" in loaded
    assert not set(HEAVY) & set(loaded)


def test_help_is_quick() -> None:
    """Help takes a few times as long as Python itself; `benchmarks/` has the strict figure."""
    compile_bytecode()
    chosen = {
        name: argv for name, argv in command_lines().items() if name in ("synthgate", "verify")
    }
    for name, (ratio, ours, bare) in measure(5, chosen).items():
        assert ratio <= 12, f"{name}: {ours * 1000:.0f} ms against {bare * 1000:.0f} ms"


def test_help_shows_what_each_command_does() -> None:
    """The first page lists every command; each page has an example and every flag its help."""
    tool = [sys.executable, "-m", "synthgate"]
    page = subprocess.run(
        [*tool, "--help"], capture_output=True, text=True, check=True, env=environment()
    ).stdout
    assert all(f"  {name} " in page for name in COMMANDS)
    for name, argv in command_lines().items():
        if name in ("synthgate", "audit"):
            continue
        page = subprocess.run([*tool, *argv], capture_output=True, text=True, check=True).stdout
        assert "Example: synthgate " in page, name
        assert "\x1b" not in page


@pytest.mark.parametrize("columns", ["50", "80"])
def test_help_fits_the_terminal(columns: str) -> None:
    """Sentences are broken where the terminal ends; `-h` is `--help`."""
    page = subprocess.run(
        [sys.executable, "-m", "synthgate", "dedupe", "-h"],
        capture_output=True, text=True, check=True, env={**environment(), "COLUMNS": columns},
    ).stdout  # fmt: skip
    lines = [line for line in page.splitlines() if "Example:" not in line]
    assert len(lines) > 20
    assert max(map(len, lines)) <= int(columns)
