"""Rows through `verify --check rule`, file to file, against `orjson.loads` + `orjson.dumps`.

Both are processes of their own and run in turns; of each the median counts, less the median of its
start-up, which is measured on an empty file. Rows are fresh, or carry provenance already. Peak
memory is shown for two sizes: it must not grow with the rows.

Run: python benchmarks/rows.py [--rows 100000] [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TARGET = {"fresh": 3.0, "stamped": 4.0}
LOOP = """
import sys, orjson
with open(sys.argv[1], "rb") as rows, open(sys.argv[2], "wb") as out:
    for line in rows:
        out.write(orjson.dumps(orjson.loads(line)) + b"\\n")
"""
RULE = '[{"field": "output", "min_chars": 20, "max_chars": 4000, "forbids": "(?i)as an AI"}]'
WORDS = """
the customer asked whether a refund could be sent before the end of the month because their card
was lost in a café near the station and the new one has not arrived yet although seven working
days have passed so please tell me "what happens next" and how long it will take to see the money
in my account again since rent is due on Friday and I would rather not pay a fee for being late
""".split()  # noqa: SIM905 - prose, not a list


@dataclass(frozen=True)
class Ran:
    """What one process took: seconds of wall clock, MiB of memory at its peak."""

    seconds: float
    mebibytes: float


def prose(rng: random.Random, words: int) -> str:
    """Sentences and paragraphs out of common words."""
    picked = [rng.choice(WORDS) for _ in range(words)]
    for at in range(11, words, 12):
        picked[at] += rng.choice([".", ",", "?", ".\n"])
    return " ".join(picked)


def make_rows(path: Path, count: int) -> None:
    """Write rows of about 800 bytes with two text fields."""
    rng = random.Random(0)
    with path.open("w") as file:
        for number in range(count):
            row = {"id": number, "input": prose(rng, 55), "output": prose(rng, 85), "score": 0.5}
            file.write(json.dumps(row) + "\n")


def run(argv: list[str], folder: Path) -> Ran:
    """Run a process and measure it."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    unwanted = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    env = {key: value for key, value in os.environ.items() if key not in unwanted}
    os.chdir(folder)
    begun = time.perf_counter()
    process = os.posix_spawn(argv[0], argv, env, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"failed: {' '.join(argv)}")
    return Ran(seconds, usage.ru_maxrss / 1024)


def loop(rows: str) -> list[str]:
    """The loop that is measured against."""
    return [sys.executable, "-c", LOOP, rows, "out.jsonl"]


def verify(rows: str) -> list[str]:
    """The command, evidence off."""
    tool = [sys.executable, "-m", "synthgate", "verify", rows, "--check", "rule:rule.json"]
    return [*tool, "-o", "out.jsonl", "--force", "-q"]


def medians(runs: int, folder: Path, rows: str) -> tuple[float, float]:
    """Seconds of the loop and of the command over the rows, start-up apart."""
    commands = [loop("empty.jsonl"), verify("empty.jsonl"), loop(rows), verify(rows)]
    times = [[run(argv, folder).seconds for argv in commands] for _ in range(runs)]
    idle_loop, idle_verify, loop_time, verify_time = (
        statistics.median(column) for column in zip(*times, strict=True)
    )
    return loop_time - idle_loop, verify_time - idle_verify


def main() -> None:
    """Print ratios and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rule.json").write_text(RULE)
        (folder / "empty.jsonl").write_bytes(b"")
        make_rows(folder / "fresh.jsonl", options.rows)
        make_rows(folder / "fifth.jsonl", options.rows // 5)
        run(verify("fresh.jsonl"), folder)
        (folder / "out.jsonl").rename(folder / "stamped.jsonl")
        size = (folder / "fresh.jsonl").stat().st_size / options.rows
        print(f"{options.rows:,} rows of {size:.0f} bytes, {options.runs} runs in turns")
        for kind, target in TARGET.items():
            base, ours = medians(options.runs, folder, f"{kind}.jsonl")
            micro = 1e6 / options.rows
            print(
                f"{kind:8} {ours / base:5.2f} x   {ours * micro:5.2f} us/row / {base * micro:4.2f}"
                f" us/row   (target {target:g} x)"
            )
        for rows in ("fifth.jsonl", "fresh.jsonl", "stamped.jsonl"):
            print(
                f"peak memory of verify on {rows:14} {run(verify(rows), folder).mebibytes:6.1f} MiB"
            )


if __name__ == "__main__":
    main()
