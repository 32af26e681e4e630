"""What the density cap keeps of crowds and of tails, beside leader clustering and k-means.

    python benchmarks/cluster_cap.py quality [--embedder NAME]   clinc150, skewed, five seeds
    python benchmarks/cluster_cap.py speed                       100,000 rows, the whole command
    python benchmarks/cluster_cap.py partition                   cells against all comparisons
    python benchmarks/cluster_cap.py memory                      1,000,000 given vectors

The data lie in ../shared/data. `quality`: 150 intents, of which a fifth is heavy (150 rows), two
fifths are middle (50) and two fifths rare (12). Half of the intents choose each method's parameter,
the other half is measured.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from synthgate import registry
from synthgate.clusters import cells
from synthgate.clusters.density import NEVER, density_cap
from synthgate.clusters.named import capped
from synthgate.embedders import Learner
from synthgate.rows import lot

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
SEEDS = range(5)
CAP = 50
KINDS = (("heavy", 150, 0.2), ("middle", 50, 0.4), ("rare", 12, 0.4))
TAILS = (0.80, 0.90, 0.95)
Keep = Callable[[np.ndarray, float, int], np.ndarray]


# --- quality ----------------------------------------------------------------------------


def intents() -> dict[str, list[str]]:
    """Return the distinct texts of each intent of clinc150."""
    found: dict[str, dict[str, None]] = {}
    for name in ("data_small.json", "data_imbalanced.json"):
        data = json.loads((DATA / "clinc150" / name).read_text())
        for part in ("train", "val", "test"):
            for text, intent in data[part]:
                found.setdefault(intent, {})[text] = None
    return {intent: list(texts) for intent, texts in found.items()}


def shuffled(seed: int, names: list[str]) -> list[str]:
    """Return the names in an order that only the seed decides."""
    return sorted(names, key=lambda name: lot(seed, name))


def skewed(seed: int, pool: dict[str, list[str]]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (texts, kinds) of two halves of the intents, skewed alike."""
    rich = shuffled(seed, [name for name, texts in pool.items() if len(texts) >= 150])
    rest = shuffled(seed, [name for name, texts in pool.items() if len(texts) < 150])
    names = [*rich, *rest]
    share = len(pool) // 2
    for half in (names[::2], names[1::2]):
        texts: list[str] = []
        kinds: list[str] = []
        at = 0
        for kind, rows, part in KINDS:
            for name in half[at : at + round(part * share)]:
                drawn = shuffled(seed, pool[name])[:rows]
                texts += drawn
                kinds += [f"{kind}/{name}"] * len(drawn)
            at += round(part * share)
        yield texts, kinds


def keep_density(vectors: np.ndarray, threshold: float, seed: int) -> np.ndarray:
    """Our own method."""
    return density_cap(vectors.copy(), order_of(vectors, seed), threshold, CAP).kept


def keep_leader(vectors: np.ndarray, threshold: float, seed: int) -> np.ndarray:
    """Leader clustering: the first leader within the threshold, 50 rows a leader."""
    order = order_of(vectors, seed)
    leaders = density_cap(vectors.copy(), order, threshold, NEVER).leaders
    return capped(leaders, order, CAP).kept


def keep_kmeans(vectors: np.ndarray, clusters: float, seed: int) -> np.ndarray:
    """k-means, 50 rows a cluster."""
    from sklearn.cluster import KMeans

    labels = KMeans(int(clusters), n_init=1, random_state=seed).fit_predict(vectors)
    return capped(labels.astype(np.int64), order_of(vectors, seed), CAP).kept


def order_of(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Return an order that only the seed decides."""
    return np.array(sorted(range(len(vectors)), key=lambda row: lot(seed, str(row))))


METHODS: dict[str, tuple[Keep, list[float]]] = {
    "density": (keep_density, [round(0.10 + 0.02 * n, 2) for n in range(36)]),
    "leader": (keep_leader, [round(0.10 + 0.02 * n, 2) for n in range(36)]),
    "k-means": (keep_kmeans, [15, 20, 30, 40, 50, 60, 75, 90, 110, 140, 180, 240, 320, 450]),
}


def measured(kept: np.ndarray, kinds: list[str]) -> tuple[float, float]:
    """Return (median rows kept of a heavy intent, share of the rare rows kept)."""
    heavy: dict[str, int] = {}
    rare = []
    for kind, stays in zip(kinds, kept.tolist(), strict=True):
        if kind.startswith("heavy"):
            heavy[kind] = heavy.get(kind, 0) + stays
        elif kind.startswith("rare"):
            rare.append(stays)
    return statistics.median(heavy.values()), sum(rare) / len(rare)


def at_tail(curve: list[tuple[float, float]], tail: float) -> float:
    """Return the least heavy count at that much of the tail, between measured points."""
    points = sorted((kept, heavy) for heavy, kept in curve)
    least = [min(h for _, h in points[at:]) for at in range(len(points))]
    return float(np.interp(tail, [kept for kept, _ in points], least))


def chosen(curve: list[tuple[float, float]], tail: float) -> int:
    """Return the number of the point with the fewest heavy rows that keeps so much of the tail."""
    fit = [at for at, (_, kept) in enumerate(curve) if kept >= tail]
    return (
        min(fit, key=lambda at: curve[at])
        if fit
        else max(range(len(curve)), key=lambda at: curve[at][1])
    )


def quality(embedder: str) -> None:
    """Print heavy rows kept at equal tail, and with parameters that the other half chose."""
    pool = intents()
    rows: dict[str, list[list[Any]]] = {name: [] for name in METHODS}
    for seed in SEEDS:
        halves = [(vectors_of(embedder, texts), kinds) for texts, kinds in skewed(seed, pool)]
        for name, (keep, parameters) in METHODS.items():
            curves = [
                [measured(keep(vectors, each, seed), kinds) for each in parameters]
                for vectors, kinds in halves
            ]
            line: list[Any] = [at_tail(curves[1], tail) for tail in TAILS]
            for tail in TAILS:
                at = chosen(curves[0], tail)
                line += [parameters[at], *curves[1][at]]
            rows[name].append(line)
            print(
                f"seed {seed} {name:8} "
                + "  ".join(f"{each:g}" if each > 1 else f"{each:.2f}" for each in line),
                flush=True,
            )
    print(
        f"\n{embedder}: median over seeds {list(SEEDS)}; heavy rows kept (ideal 50) at tail kept "
        + ", ".join(map(str, TAILS))
    )
    for name, lines in rows.items():
        middle = [statistics.median(column) for column in zip(*lines, strict=True)]
        equal = "  ".join(f"{each:5.1f}" for each in middle[: len(TAILS)])
        split = "  ".join(
            f"{middle[at]:g}: {middle[at + 1]:.0f}/{middle[at + 2]:.2f}"
            for at in range(len(TAILS), len(middle), 3)
        )
        print(f"{name:8} equal tail {equal}   chosen on the other half {split}")


def vectors_of(embedder: str, texts: list[str]) -> np.ndarray:
    """Return the vectors of texts, by the name that the command takes."""
    name, _, argument = embedder.partition(":")
    made = registry.find("embedders", name)(argument)
    if isinstance(made, Learner):
        made = made.fit(texts)
    return np.concatenate([made.embed(texts[at : at + 1024]) for at in range(0, len(texts), 1024)])


# --- speed, partition, memory -----------------------------------------------------------


def sentences() -> list[str]:
    """Return real utterances: clinc150 and banking77."""
    found = [text for texts in intents().values() for text in texts]
    with (DATA / "banking77" / "train.csv").open(newline="") as file:
        found += [row["text"] for row in csv.DictReader(file)]
    return found


def utterances(rows: int, topical: bool) -> list[str]:
    """Return distinct texts of about 150 characters; topical ones repeat what one intent says."""
    groups = [*intents().values()] if topical else [sentences()]
    made = []
    for number in range(rows):
        group = groups[lot(number, "group") % len(groups)]
        parts = [group[lot(number, str(part)) % len(group)] for part in range(4)]
        made.append(f"{' '.join(parts)[:144]} {number}")
    return made


def speed(rows: int) -> None:
    """Print the CPU seconds of the whole command, all processes and threads."""
    for topical in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "in.jsonl"
            lines = (json.dumps({"text": text}) + "\n" for text in utterances(rows, topical))
            path.write_text("".join(lines))
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            command = [sys.executable, "-m", "synthgate", "cluster-cap", str(path)]
            subprocess.run([*command, "-o", f"{folder}/out.jsonl"], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            what = "topics" if topical else "mixtures"
            print(
                f"{rows:,} rows ({what}): {cpu:.1f} CPU s, {time.monotonic() - start:.1f} s, "
                f"{after.ru_maxrss // 1024} MiB",
                flush=True,
            )


def partition(rows: int) -> None:
    """Print how many more rows are kept where only the nearest cells are looked into."""
    cells.MOST_LOOKED_INTO = 1.0
    for topical in (True, False):
        vectors = vectors_of("static", utterances(rows, topical))
        order = order_of(vectors, 0)
        kept = {}
        for exact_rows in (10**9, 0):
            start = time.process_time()
            kept[exact_rows] = int(
                density_cap(vectors.copy(), order, 0.5, CAP, exact_rows).kept.sum()
            )
            print(
                f"  {kept[exact_rows]:,} kept, {time.process_time() - start:.1f} CPU s", flush=True
            )
        more = kept[0] / kept[10**9] - 1
        print(
            f"{rows:,} rows ({'topics' if topical else 'mixtures'}): {more:+.2%} kept", flush=True
        )


def memory(rows: int, dimensions: int) -> None:
    """Print time and peak memory of capping given vectors: 2,000 topics of uneven size."""
    draw = np.random.Generator(np.random.Philox(7))
    centres = draw.normal(size=(2000, dimensions)).astype(np.float32)
    vectors = np.empty((rows, dimensions), dtype=np.float32)
    for at in range(0, rows, 10_000):
        part = vectors[at : at + 10_000]
        which = (2000 * draw.random(len(part)) ** 2).astype(int)
        part[:] = centres[which] + draw.normal(size=part.shape) * 0.9
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    start, wall = time.process_time(), time.monotonic()
    found = density_cap(vectors, draw.permutation(rows), 0.5, CAP)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{rows:,} vectors of {dimensions}: {int(found.kept.sum()):,} kept, exact {found.exact}, "
        f"{time.process_time() - start:.0f} CPU s, {time.monotonic() - wall:.0f} s, {peak} MiB"
    )


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["quality", "speed", "partition", "memory"])
    parser.add_argument("--embedder", default="static")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--dimensions", type=int, default=256)
    given = parser.parse_args()
    print(f"numpy {np.__version__}, {os.cpu_count()} cores")
    if given.what == "quality":
        quality(given.embedder)
    elif given.what == "memory":
        memory(given.rows or 1_000_000, given.dimensions)
    else:
        {"speed": speed, "partition": partition}[given.what](given.rows or 100_000)


if __name__ == "__main__":
    main()
