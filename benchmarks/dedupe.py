"""dedupe against rensa, gaoya, datasketch and daft, and against `orjson.loads` + `dumps`.

Whole commands in processes of their own, in turns; of each the median of wall clock, CPU seconds
and peak memory (children included) counts. Every tool reads the same JSONL, gets the same
normalised words, uses 128 permutations (what each does with a threshold is its own) and writes
the lines that it keeps. Pairs are scored against an exact Jaccard join of word 3-grams.

The peers live in a virtual environment of their own:
    python -m venv .bench-dedupe && .bench-dedupe/bin/pip install rensa==0.5.0 gaoya==0.2.2 \
        datasketch==2.0.0 daft==0.7.26 orjson numpy

Run: python benchmarks/dedupe.py --peers .bench-dedupe/bin/python [--rows 100000] [--runs 3]
     python benchmarks/dedupe.py --slope 100000 500000 2000000 --runs 1
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from unicodedata import category

sys.path.insert(0, str(Path(__file__).resolve().parent))
import corpus

THRESHOLD = 0.7
WORD = re.compile(r"[^\W]+|[^\s\w.,;:?'\"()`]")
COMMON = """
import re, sys, orjson
WORD = re.compile(r"[^\\W]+|[^\\s\\w.,;:?'\\"()`]")
source, target, threshold = sys.argv[1], sys.argv[2], float(sys.argv[3])
lines = open(source, "rb").read().splitlines()
texts = [" ".join(orjson.loads(line)["text"].casefold().split()) for line in lines]
def shingles(text):
    words = WORD.findall(text)
    return {" ".join(words[i:i + 3]) for i in range(max(1, len(words) - 2))}
def write(dropped):
    with open(target, "wb") as out:
        out.writelines(line + b"\\n" for n, line in enumerate(lines) if n not in dropped)
"""
EXACT = ["--near-threshold", "0", "--fuzzy-threshold", "0"]
PEERS = {
    "rensa": """
from rensa import RMinHash, RMinHashDeduplicator
found = RMinHashDeduplicator(threshold, 128, True, num_bands=16, seed=42)
dropped = set()
for n, text in enumerate(texts):
    sketch = RMinHash(num_perm=128, seed=42)
    sketch.update(list(shingles(text)))
    if found.is_duplicate(str(n), sketch):
        dropped.add(n)
    else:
        found.add(str(n), sketch)
write(dropped)
""",
    "gaoya": """
from gaoya.minhash import MinHashStringIndex
index = MinHashStringIndex(jaccard_threshold=threshold, num_bands=16, band_size=8, hash_size=32,
    analyzer="word", ngram_range=(3, 3))
dropped = set()
for n, text in enumerate(texts):
    text = " ".join(WORD.findall(text))
    if index.query(text):
        dropped.add(n)
    else:
        index.insert_document(n, text)
write(dropped)
""",
    "datasketch": """
from datasketch import MinHash, MinHashLSH
lsh = MinHashLSH(threshold=threshold, num_perm=128)
dropped = set()
every = ([s.encode() for s in shingles(text)] for text in texts)
for n, sketch in enumerate(MinHash.generator(every, num_perm=128)):
    if lsh.query(sketch):
        dropped.add(n)
    else:
        lsh.insert(n, sketch, check_duplication=False)
write(dropped)
""",
    "daft": """
import daft, hashlib, numpy
from daft import col
plain = [" ".join(WORD.findall(text)) for text in texts]
table = daft.from_pydict({"n": list(range(len(texts))), "t": plain})
table = table.select("n", col("t").minhash(num_hashes=128, ngram_size=3, seed=42)).to_pydict()
bands, seen, dropped = 16, {}, set()
for n, sketch in zip(table["n"], table["t"]):
    values = numpy.asarray(sketch, dtype=numpy.uint32).reshape(bands, -1)
    keys = [(b, values[b].tobytes()) for b in range(bands)]
    if any(key in seen for key in keys):
        dropped.add(n)
    else:
        seen.update((key, n) for key in keys)
write(dropped)
""",
}
FLOOR = """
import sys, orjson
with open(sys.argv[1], "rb") as rows, open(sys.argv[2], "wb") as out:
    for line in rows:
        out.write(orjson.dumps(orjson.loads(line)) + b"\\n")
"""


@dataclass(frozen=True)
class Ran:
    """What one run took: seconds of wall clock and of CPU, MiB at the peak of all processes."""

    seconds: float
    cpu: float
    mebibytes: float


def ran(argv: list[str]) -> Ran:
    """Run a command and watch the memory of it and of its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun, peak = time.perf_counter(), 0.0
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.05)
        complaint = process.stderr.read().decode() if process.stderr else ""
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)[:200]}: {complaint[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(time.perf_counter() - begun, cpu, peak)


def resident(pid: int) -> float:
    """Return the MiB that a process and its children hold now."""
    try:
        text = Path(f"/proc/{pid}/statm").read_text().split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    own = int(text[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20 if text else 0.0
    return own + sum(resident(int(child)) for child in children)


def median(runs: list[Ran]) -> Ran:
    """Return the median of each number."""
    return Ran(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu for run in runs),
        statistics.median(run.mebibytes for run in runs),
    )


# --- the truth ------------------------------------------------------------------------------


def grams(text: str) -> frozenset[tuple[str, ...]]:
    """Return the word 3-grams of a text."""
    plain = "".join(c if c.isascii() or category(c)[0] != "P" else " " for c in text)
    words = WORD.findall(" ".join(plain.casefold().split()))
    return frozenset(zip(words, words[1:], words[2:], strict=False)) or frozenset([tuple(words)])


def pairs(texts: list[str], threshold: float) -> set[tuple[int, int]]:
    """Return all pairs of different texts at the threshold, by an exact prefix-filtered join."""
    first = {" ".join(text.casefold().split()): n for n, text in reversed(list(enumerate(texts)))}
    sets = {n: grams(texts[n]) for n in sorted(first.values())}
    often = Counter(gram for each in sets.values() for gram in each)
    index: dict[tuple[str, ...], list[int]] = defaultdict(list)
    found = set()
    for n, own in sets.items():
        rare = sorted(own, key=lambda gram: (often[gram], gram))
        met: set[int] = set()
        for gram in rare[: len(rare) - math.ceil(threshold * len(rare)) + 1]:
            met.update(index[gram])
            index[gram].append(n)
        for other in met:
            shared = len(own & sets[other])
            if shared >= threshold * (len(own) + len(sets[other]) - shared):
                found.add((other, n))
    return found


def scored(rejects: Path, texts: list[str]) -> tuple[float, float]:
    """Return (precision, recall) of the pairs that the rejects name.

    Recall counts rows: those that a join would drop, greedily, in the order of the file.
    """
    truth = pairs(texts, THRESHOLD)
    near = defaultdict(list)
    for first, second in truth:
        near[second].append(first)
    dropped: set[int] = set()
    for row in sorted(near):
        if any(other not in dropped for other in near[row]):
            dropped.add(row)
    named = set()
    with open(rejects, encoding="utf-8") as file:
        for why in (json.loads(line)["_reject"] for line in file):
            if why["reason"] == "near":
                named.add((int(why["detail"].rsplit(":", 1)[1]) - 1, why["line"] - 1))
    right = sum(grams_alike(texts[first], texts[second]) for first, second in named)
    rows = {second for _, second in named}
    return right / max(1, len(named)), len(rows & dropped) / max(1, len(dropped))


def grams_alike(one: str, other: str) -> bool:
    """Tell whether two texts are near, by their 3-grams."""
    a, b = grams(one), grams(other)
    return len(a & b) >= THRESHOLD * len(a | b)


def slope(sizes: list[int], count: int) -> None:
    """Print time and memory of our command for several sizes, and what a further row costs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for mode, more in (("near", ["--near-threshold", str(THRESHOLD)]), ("exact only", EXACT)):
            before: tuple[int, Ran] | None = None
            for rows in sizes:
                source = folder / f"{rows}.jsonl"
                if not source.exists():
                    corpus.write(source, rows, 0, with_real=True)
                argv = [sys.executable, "-m", "synthgate", "dedupe", str(source), "--force", "-q"]
                argv += [
                    "-o",
                    str(folder / "out.jsonl"),
                    "--rejects",
                    str(folder / "rejects.jsonl"),
                ]
                floor = [sys.executable, "-c", FLOOR, str(source), str(folder / "out")]
                base = median([ran(floor) for _ in range(count)])
                each = median([ran([*argv, *more]) for _ in range(count)])
                growth = ""
                if before is not None:
                    further = (each.mebibytes - before[1].mebibytes) * 2**20 / (rows - before[0])
                    seconds = (each.seconds - before[1].seconds) / (rows - before[0])
                    growth = f", a further row {further:.0f} bytes and {seconds * 1e6:.1f} us"
                ratio = each.seconds / base.seconds
                print(
                    f"{mode:10} {rows:>9,} rows {each.seconds:7.2f} s ({ratio:.1f}x the floor) "
                    f"{each.cpu:7.2f} CPU s {each.mebibytes:6.0f} MiB{growth}",
                    flush=True,
                )
                before = rows, each


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--input", default="", help="rows that corpus.py wrote before")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", default="", help="interpreter that has the peers installed")
    parser.add_argument("--no-score", action="store_true")
    parser.add_argument("--only", nargs="*", default=[], help="names of tools to run")
    parser.add_argument("--slope", type=int, nargs="*", help="rows: how time and memory grow")
    given = parser.parse_args()
    if given.slope:
        slope(given.slope, given.runs)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, out, rejects = (str(folder / n) for n in ("in.jsonl", "out.jsonl", "rejects.jsonl"))
        if given.input:
            source = given.input
        else:
            corpus.write(Path(source), given.rows, 0, with_real=True)
        ours = [sys.executable, "-m", "synthgate", "dedupe", source, "-o", out, "--force", "-q"]
        near = ["--near-threshold", str(THRESHOLD), "--fuzzy-threshold", "0"]
        commands = {
            "floor": [sys.executable, "-c", FLOOR, source, out],
            "exact only": [*ours, *EXACT],
            "synthgate, 1 worker": [*ours, *near, "--workers", "1"],
            "synthgate": [*ours, *near, "--rejects", rejects],
        }
        for peer, code in PEERS.items() if given.peers else ():
            commands[peer] = [given.peers, "-c", COMMON + code, source, out, str(THRESHOLD)]
        if given.only:
            commands = {name: argv for name, argv in commands.items() if name in given.only}
        runs: dict[str, list[Ran]] = {name: [] for name in commands}
        for _ in range(given.runs):
            for name, argv in commands.items():
                runs[name].append(ran(argv))
        best = median(runs.get("synthgate") or next(iter(runs.values())))
        print(f"{given.rows} rows, {os.path.getsize(source) >> 20} MiB, {given.runs} runs")
        for name, each in ((name, median(found)) for name, found in runs.items()):
            print(
                f"{name:20} {each.seconds:7.2f} s {each.cpu:7.2f} CPU s {each.mebibytes:7.0f} MiB "
                f"{each.seconds / best.seconds:6.2f}x"
            )
        if not given.no_score and "synthgate" in runs:
            with open(source, encoding="utf-8") as file:
                texts = [json.loads(line)["text"] for line in file]
            print("pair precision {:.4f}, recall {:.4f}".format(*scored(Path(rejects), texts)))


if __name__ == "__main__":
    main()
