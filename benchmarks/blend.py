"""A million rows through `blend`, file to file, against `orjson.loads` + `orjson.dumps` of them.

Half of the rows are synthetic, half are real and stamped; `--unstamped` leaves the real ones as
people have them. The guard against near repeats is timed apart. Command and loop are processes of
their own that take turns; of each the median counts, of processor time, that of helper threads
too, so that a busy machine changes little. `--peer PYTHON` runs
`datasets.interleave_datasets` beside it, in an interpreter that has `datasets`.

Run: python benchmarks/blend.py [--rows 1000000] [--runs 3] [--peer PYTHON]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rows import LOOP, WORDS

TARGET, MEMORY = 6.0, 400
PEER = """
import sys
from datasets import Dataset, interleave_datasets
real = Dataset.from_dict({"real": [1] * 300, "row": list(range(300))})
other = Dataset.from_dict({"real": [0] * 1000, "row": list(range(1000))})
shares = []
print("strategy                        rows  real   lost  most uses of a row")
for strategy in ("first_exhausted", "all_exhausted", "all_exhausted_without_replacement"):
    try:
        found = interleave_datasets([real, other], [0.5, 0.5], 0, stopping_strategy=strategy)
    except ValueError as error:
        print(strategy, "not in this version")
        continue
    uses = {}
    for is_real, row in zip(found["real"], found["row"]):
        uses[is_real, row] = uses.get((is_real, row), 0) + 1
    share = sum(found["real"]) / len(found)
    print(f"{strategy:34}{len(found):5} {share:.3f} {1300 - len(uses):5} {max(uses.values()):4}")
"""


@dataclass(frozen=True)
class Ran:
    """What one process took: seconds of processor and of clock, MiB of memory at its peak."""

    seconds: float
    clock: float
    mebibytes: float


def run(argv: list[str], folder: Path) -> Ran:
    """Run a process and measure it."""
    begun = time.perf_counter()
    process = subprocess.Popen(argv, cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    clock = time.perf_counter() - begun
    if status:
        raise SystemExit(f"failed: {' '.join(argv)}")
    return Ran(usage.ru_utime + usage.ru_stime, clock, usage.ru_maxrss / 1024)


def make(folder: Path, count: int, unstamped: bool) -> None:
    """Write synthetic and real rows of about 800 bytes and their stamp."""
    rng = random.Random(0)
    for name, synthetic in (("synthetic", True), ("real", False)):
        made = {
            "source": name, "synthetic": synthetic, "generator": "model-a" if synthetic else "",
            "prompt": "", "parents": "", "generation": int(synthetic), "run": "0123456789abcdef",
            "cluster": "", "verified_by": "answer" if synthetic else "", "confidence": 0.0,
            "needs": "", "override": "",
        }  # fmt: skip
        rest = json.dumps(made, separators=(",", ":"))[1:]
        with (folder / f"{name}.jsonl").open("w") as file:
            for number in range(count // 2):
                row = {"id": f"{name} {number}", "input": " ".join(rng.choices(WORDS, k=55)),
                       "output": " ".join(rng.choices(WORDS, k=70)), "score": 0.5}  # fmt: skip
                payload = json.dumps(row)
                if unstamped and not synthetic:
                    file.write(payload + "\n")
                    continue
                row_id = hashlib.sha256(payload.encode()).hexdigest()
                file.write(f'{payload[:-1]},"_synthgate":{{"id":"{row_id}",{rest}}}\n')


def certify(folder: Path) -> None:
    """Write the certificate of the synthetic rows."""
    with (folder / "synthetic.jsonl").open() as file:
        ids = sorted(json.loads(line)["_synthgate"]["id"] for line in file)
    digest = hashlib.sha256("".join(f"{each}\n" for each in ids).encode()).hexdigest()
    proof = {"verdict": "PASS", "released": len(ids), "released_digest": digest}
    (folder / "certificate.json").write_text(json.dumps(proof))


def blend(*more: str) -> list[str]:
    """The command."""
    tool = [sys.executable, "-m", "synthgate", "blend", "synthetic.jsonl", "--real", "real.jsonl"]
    return [*tool, "--certificate", "certificate.json", "-o", "out.jsonl", "--force", "-q", *more]


def loop(folder: Path) -> Ran:
    """What parsing and writing the same rows takes."""
    files = ("synthetic.jsonl", "real.jsonl")
    runs = [run([sys.executable, "-c", LOOP, each, "loop.jsonl"], folder) for each in files]
    return Ran(sum(r.seconds for r in runs), sum(r.clock for r in runs), runs[0].mebibytes)


def shown(name: str, found: list[Ran], base: list[Ran], rows: int) -> str:
    """One line of the table."""
    seconds = statistics.median(each.seconds for each in found)
    ratio = seconds / statistics.median(each.seconds for each in base)
    clock = statistics.median(each.clock for each in found)
    memory = max(each.mebibytes for each in found)
    each = 1e6 * seconds / rows
    return f"{name:24}{ratio:6.2f} x{each:8.2f} us/row{clock:8.1f} s on the clock{memory:8.1f} MiB"


def main() -> None:
    """Print ratios and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--unstamped", action="store_true")
    parser.add_argument("--near", action="store_true", help="the guard against near repeats, too")
    parser.add_argument("--peer", default="")
    options = parser.parse_args()
    if options.peer:
        print("datasets.interleave_datasets, 300 real and 1,000 other rows, wanted 0.5:")
        sys.stdout.flush()
        subprocess.run([options.peer, "-c", PEER], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not (child := os.fork()):  # the peak of a parent counts for its children
            make(folder, options.rows, options.unstamped)
            certify(folder)
            os._exit(0)
        os.waitpid(child, 0)
        size = sum((folder / f"{n}.jsonl").stat().st_size for n in ("synthetic", "real"))
        print(f"{options.rows:,} rows of {size / options.rows:.0f} bytes, {options.runs} runs")
        bases, plain, near = [], [], []
        for _ in range(options.runs):
            bases.append(loop(folder))
            plain.append(run(blend("--near-threshold", "0"), folder))
        if options.near:
            near.append(run(blend(), folder))
        print(shown("loads + dumps", bases, bases, options.rows))
        print(shown("blend", plain, bases, options.rows), f"  (target {TARGET:g} x, {MEMORY} MiB)")
        if near:
            print(shown("with near repeats", near, bases, options.rows))


if __name__ == "__main__":
    main()
