"""`dedupe`, `cluster-cap` and `verify` on Ray nodes of this machine, beside the local engine.

    python benchmarks/ray.py [--rows 100000] [--nodes 2] [--store 400] [COMMAND ...]

Prints the wall time of each command, the peak memory of the process that was started, and whether
both engines wrote the same bytes. Nodes share the processors of one machine: this measures what a
cluster costs and what the driver's memory grows by, not how fast a cluster is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.ray_bed import bed

WORDS = [f"w{number:04d}" for number in range(3000)]
COMMANDS = {
    "dedupe": ["dedupe", "--on", "response"],
    "verify": ["verify", "--check", "answer"],
    "cluster-cap": ["cluster-cap", "--on", "prompt"],
}


def lay(folder: Path, rows: int, files: int) -> None:
    """Write rows of about 830 bytes: 8 % exact and 12 % near repeats."""
    draw = random.Random(1)
    base: list[str] = []
    folder.mkdir()
    for file in range(files):
        with (folder / f"p{file:03d}.jsonl").open("w") as out:
            for number in range(rows * file // files, rows * (file + 1) // files):
                text = row_text(draw, base)
                if len(base) < 20_000:
                    base.append(text)
                prompt = f"Question {number % 5000} about {draw.choice(WORDS)} {draw.choice(WORDS)}"
                row = {"input": prompt, "output": text, "n": number, "answer": text[-5:]}
                out.write(json.dumps(row) + "\n")


def row_text(draw: random.Random, base: list[str]) -> str:
    """A text; one in five repeats an earlier one."""
    chance = draw.random()
    if not base or chance >= 0.2:
        return " ".join(draw.choices(WORDS, k=130))
    text = draw.choice(base)
    if chance < 0.08:
        return text.upper() if draw.random() < 0.5 else text
    words = text.split()
    for _ in range(draw.choice([1, 2, 5, 20])):
        words[draw.randrange(len(words))] = draw.choice(WORDS)
    return " ".join(words)


def run(name: str, folder: Path, *more: str) -> tuple[float, float, str]:
    """Run a command; return seconds, peak MB of its process, and the digest of what it wrote."""
    out = folder / "out.jsonl"
    command, *options = COMMANDS[name]
    argv = [sys.executable, "-m", "synthgate", command, str(folder / "in"), *options]
    started = time.monotonic()
    process = subprocess.Popen([*argv, "-o", str(out), "--force", "-q", *more])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} failed")
    digest = hashlib.sha256()
    with out.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return time.monotonic() - started, usage.ru_maxrss / 1024, digest.hexdigest()


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("commands", nargs="*", default=list(COMMANDS))
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--store", type=int, default=400, help="MB of a node's object store")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, bed(given.nodes, given.store << 20) as cluster:
        folder = Path(place)
        lay(folder / "in", given.rows, 8)
        print("| command | rows | engine | seconds | peak MB of the process | same bytes |")
        print("|---|---|---|---|---|---|")
        for name in given.commands:
            here = run(name, folder)
            there = run(name, folder, "--engine", "ray", "--ray-address", cluster.address)
            same = "yes" if here[2] == there[2] else "NO"
            for engine, found in (("local", here), (f"ray, {given.nodes} nodes", there)):
                seconds, peak, _ = found
                print(
                    f"| {name} | {given.rows:,} | {engine} | {seconds:.1f} | {peak:.0f} | {same} |"
                )


if __name__ == "__main__":
    main()
