"""What the strategies are worth, measured with the local model that is in the box.

`spread`: the same prompts, the same number of rows and temperature 1, asked `plain` and with
`attributes`: the share of near duplicates (as `dedupe` finds them), the number of clusters that the
rows occupy (`cluster-cap`'s), and the effective number of clusters (the exponential of the entropy
of their sizes). With `--draws 3` for the seeds 0, 1 and 2, a line each, and one for all of them
together. `pool`: `self-instruct` from the 175 seed tasks: the largest ROUGE-L of any two
instructions of the pool, by the rouge-score package (`pip install rouge-score`).

Answers are kept in journals in the folder, so that a second run asks nothing again.

Run: python benchmarks/strategies.py spread FOLDER [--rows 120] [--draws 3] [--prompts formulas]
     python benchmarks/strategies.py pool FOLDER
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

# Formulas, which a model repeats, and messages and requests, which it varies by itself.
PROMPTS = {
    "formulas": (
        "Greet a customer in one short sentence.",
        "Thank a customer in one short sentence.",
        "Apologise to a customer in one short sentence.",
        "Say goodbye to a customer in one short sentence.",
    ),
    "messages": (
        "Write a text message to a friend in one sentence.",
        "Write the subject line of an e-mail.",
        "Write one sentence of a diary.",
        "Write one sentence for a notice board.",
    ),
    "requests": (
        "Write one short question that a customer asks a bank.",
        "Write one short sentence that a traveller says at an airport.",
        "Write one short complaint about a parcel.",
        "Write one short request to a restaurant.",
    ),
}
ATTRIBUTES = (
    "tone=angry|polite|worried|cheerful|confused|formal",
    "topic=a wrong price|a delay|a loss|a cancellation|an opening time|a refund|a new address",
    "speaker=a student|a retired teacher|a nurse|a tourist|a shop owner|a parent of three",
)
SEEDS = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "self_instruct"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("spread", "pool"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=120, help="rows wanted of each strategy")
    parser.add_argument("--draws", type=int, default=1, help="seeds to draw with")
    parser.add_argument("--first", type=int, default=0, help="the first of these seeds")
    parser.add_argument("--prompts", choices=list(PROMPTS), action="append", help="default: all")
    parser.add_argument("--seeds", type=Path, default=SEEDS / "seed_tasks.jsonl")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.what == "spread":
        seeds = range(given.first, given.first + given.draws)
        spread(given.folder, given.rows, seeds, given.prompts or list(PROMPTS))
    else:
        pool(given.folder, given.seeds)


def generate(folder: Path, name: str, prompts: Path, *flags: str) -> list[dict[str, Any]]:
    """Return the rows of one run with the local model; its answers stay in a journal."""
    files = ["-o", f"{folder}/{name}.jsonl", "--rejects", f"{folder}/{name}.rejects.jsonl"]
    journal = ["--journal", f"{folder}/{name}.journal.jsonl", "--force", "--generator", "local"]
    journal += ["--timeout", "1800", "--stall", "3600"]  # others may need this machine, too
    argv = ["generate", str(prompts), *files, *journal, *flags]
    subprocess.run([sys.executable, "-m", "synthgate", *argv], check=True)
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def spread(folder: Path, wanted: int, seeds: Sequence[int], kinds: Sequence[str]) -> None:
    """Compare `plain` with `attributes` at equal rows, with each seed and with all together."""
    print("| prompts | strategy | seed | rows | near duplicates | clusters | effective clusters |")
    print("|---|---|---|---|---|---|---|")
    for kind in kinds:
        texts = PROMPTS[kind]
        prompts = folder / f"{kind}.prompts.jsonl"
        prompts.write_text("".join(json.dumps({"prompt": each}) + "\n" for each in texts))
        found: dict[str, list[str]] = {"plain": [], "attributes": []}
        for seed in seeds:
            for name, said in _compared(folder, kind, prompts, wanted // len(texts), seed):
                found[name] += said
                print(_line(kind, name, str(seed), said), flush=True)
        for name, said in found.items():
            print(_line(kind, name, "all", said), flush=True)


def _line(kind: str, name: str, seed: str, said: list[str]) -> str:
    from synthgate.cli.spread import near_share

    clusters, effective = occupied(said)
    shown = f"{len(said)} | {near_share(said):.1%} | {clusters} | {effective:.1f}"
    return f"| {kind} | {name} | {seed} | {shown} |"


def _compared(
    folder: Path, kind: str, prompts: Path, samples: int, seed: int
) -> Iterator[tuple[str, list[str]]]:
    """Yield (strategy, its answers) of one seed, at equal rows."""
    axes = [word for each in ATTRIBUTES for word in ("--attribute", each)]
    fixed = ["--samples", str(samples), "--max-tokens", "60", "--temperature", "1"]
    fixed += ["--seed", str(seed)]
    end = f"-{seed}" if seed else ""
    plain = generate(folder, f"{kind}-plain{end}", prompts, "--strategy", "plain", *fixed)
    varied = generate(folder, f"{kind}-attributes{end}", prompts, *fixed, *axes)
    rows = min(len(plain), len(varied))
    for name, made in (("plain", plain), ("attributes", varied)):
        yield name, [row["output"] for row in _even(made, rows)]


def _even(made: list[dict[str, Any]], rows: int) -> list[dict[str, Any]]:
    """Return that many rows, taken evenly over all prompts."""
    return [made[at * len(made) // rows] for at in range(rows)]


def occupied(texts: list[str]) -> tuple[int, float]:
    """Return how many clusters the texts lie in, and the exponential of the entropy of sizes."""
    import numpy as np

    from synthgate.clusters.density import NEVER, density_cap
    from synthgate.embedders import static

    embedder = static.build("")
    order = np.arange(len(texts))
    leaders = density_cap(embedder.embed(texts), order, embedder.threshold, NEVER).leaders
    shares = [count / len(texts) for count in Counter(leaders.tolist()).values()]
    return len(shares), math.exp(-sum(share * math.log(share) for share in shares))


def pool(folder: Path, seeds: Path) -> None:
    """Run self-instruct and compare every pair of the pool with the rouge-score package."""
    flags = ["--strategy", "self-instruct", "--samples", "1", "--max-tokens", "400"]
    made = generate(folder, "self-instruct", seeds, *flags, "--raised-max-tokens", "400")
    rejects = [
        json.loads(line)["_reject"]["reason"]
        for line in (folder / "self-instruct.rejects.jsonl").read_text().splitlines()
    ]
    known = [json.loads(line)["instruction"] for line in seeds.read_text().splitlines()]
    kept = _apart(known)
    new = list(dict.fromkeys(_joined(folder / "self-instruct.journal.jsonl")))
    print("| pairs | of | largest ROUGE-L |")
    print("|---|---|---|")
    for name, these, those in (
        ("seed, seed", kept, ()),
        ("new, seed", new, kept),
        ("new, new", new, ()),
    ):
        print(f"| {name} | {len(these)} x {len(those or these)} | {_largest(these, those):.3f} |")
    told = ", ".join(f"{name} {count}" for name, count in Counter(rejects).most_common())
    print(f"{len(known)} seed tasks, {len(known) - len(kept)} of them near another; ", end="")
    print(f"{len(made)} rows, rejects: {told}")


def _score(one: str, other: str) -> float:
    from rouge_score import rouge_scorer

    return rouge_scorer.RougeScorer(["rougeL"]).score(one, other)["rougeL"].fmeasure


def _apart(texts: list[str]) -> list[str]:
    """Return the texts that are not near an earlier one, by rouge-score."""
    kept: list[str] = []
    for text in texts:
        if all(_score(text, other) < 0.7 for other in kept):
            kept.append(text)
    return kept


def _largest(these: Sequence[str], those: Sequence[str]) -> float:
    """Return the largest score of a pair: one of each, or two of the first."""
    pairs = product(these, those) if those else combinations(these, 2)
    return max((_score(*pair) for pair in pairs), default=0.0)


def _joined(journal: Path) -> Iterator[str]:
    """Yield the new tasks that joined the pool, rows or not: those whose kind was asked for."""
    for line in journal.read_text().splitlines():
        asked = json.loads(line)["messages"][-1]["content"]
        if asked.startswith("Can the task below be regarded"):
            yield asked.rpartition("\n\nTask: ")[2]


if __name__ == "__main__":
    main()
