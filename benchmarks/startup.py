"""Start-up: `--help` of every command against `python -c pass`, side by side.

Runs are interleaved, so that a busy machine slows both, and CPU seconds are taken, which do not
count the waiting for a busy core; the ratio of the medians is what counts.
The bytecode of everything is compiled first, and Python is allowed to use it.

Run: python benchmarks/startup.py [--runs 15]
"""

from __future__ import annotations

import argparse
import compileall
import os
import resource
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

from synthgate.cli.app import AUDIT, COMMANDS

TARGET = 8.0
PACKAGES = ("typer", "typing_extensions", "annotated_doc", "shellingham")


def environment() -> dict[str, str]:
    """The environment without what keeps Python from using bytecode."""
    unwanted = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    return {key: value for key, value in os.environ.items() if key not in unwanted}


def compile_bytecode() -> None:
    """Compile our own package and what `--help` imports, as an installer does."""
    root = Path(__file__).resolve().parent.parent / "synthgate"
    site = Path(sysconfig.get_paths()["purelib"])
    for folder in (root, *(site / name for name in PACKAGES)):
        if folder.is_dir():
            compileall.compile_dir(str(folder), quiet=2)


def command_lines() -> dict[str, list[str]]:
    """{name: arguments} of every help page."""
    names = [[], *([name] for name in COMMANDS), *(["audit", verb] for verb in AUDIT)]
    return {" ".join(words) or "synthgate": [*words, "--help"] for words in names}


def seconds(argv: list[str], env: dict[str, str]) -> float:
    """CPU seconds of a command, its own and the system's for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, stdout=subprocess.DEVNULL, env=env, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(runs: int, chosen: dict[str, list[str]]) -> dict[str, tuple[float, float, float]]:
    """{name: (ratio of the medians, its median, that of `python -c pass`)}, seconds."""
    env, found = environment(), {}
    tool = [sys.executable, "-m", "synthgate"]
    for name, arguments in chosen.items():
        seconds([*tool, *arguments], env)
        pairs = [
            (seconds([sys.executable, "-c", "pass"], env), seconds([*tool, *arguments], env))
            for _ in range(runs)
        ]
        bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
        found[name] = (ours / bare, ours, bare)
    return found


def main() -> None:
    """Print one line for each help page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    compile_bytecode()
    found = measure(parser.parse_args().runs, command_lines())
    for name, (ratio, ours, bare) in found.items():
        mark = "" if ratio <= TARGET else f"  more than {TARGET:g}"
        print(f"{name:15} {ratio:5.2f} x   {ours * 1000:6.1f} ms / {bare * 1000:5.1f} ms{mark}")
    worst = max(found, key=lambda name: found[name][0])
    print(f"worst: {worst} {found[worst][0]:.2f} x (target {TARGET:g} x)")


if __name__ == "__main__":
    main()
