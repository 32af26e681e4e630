"""How often narrowing is found in real rows, and how often in rows that have lost their tails.

    python benchmarks/narrowing.py null        200 fresh real-versus-real splits a corpus
    python benchmarks/narrowing.py power       10, 30 and 50 % of the tails dropped, three ways
    python benchmarks/narrowing.py generated   two small models against banking77, as it comes
    python benchmarks/narrowing.py cost        100,000 rows of 150 characters and as many real ones
    python benchmarks/narrowing.py write       what was measured, into docs/evidence.md

Each run is kept in `--cache FILE`, so that a run that was stopped goes on. Tails: rare wording is
the texts that a word bigram model of the real rows finds least likely, outliers those that are
furthest from their five nearest real rows, topics are whole labels. The data lie in ../shared/data;
stdlib are the sentences of the docstrings of Python's own library.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import resource
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from narrowing_tables import TAILS, counted, put, tables

from synthgate.embedders.static import Static
from synthgate.measures import Sample
from synthgate.measures.compared import LIMIT
from synthgate.measures.deals import table
from synthgate.measures.holes import holes
from synthgate.measures.narrowing import measured, narrowing
from synthgate.measures.text import words_of
from synthgate.rows import lot

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "benchmarks" / "results" / "narrowing.json"
EVIDENCE = ROOT / "docs" / "evidence.md"
SPLITS = 200
SIZES = ((100, 300), (400, 1200), (1600, 4800))
RUNS = {100: 16, 400: 16, 1600: 8}
DROPPED = (10, 30, 50)
MODELS = ("qwen2.5-coder-0.5b", "smollm2-135m")
Corpus = tuple[list[str], list[str]]


# --- corpora ----------------------------------------------------------------------------


def clinc150() -> Corpus:
    """Return the distinct utterances and their intents."""
    found: dict[str, str] = {}
    for name in ("data_small.json", "data_imbalanced.json"):
        data = json.loads((DATA / "clinc150" / name).read_text())
        for part in ("train", "val", "test"):
            for text, intent in data[part]:
                found.setdefault(text, intent)
    return list(found), list(found.values())


def banking77() -> Corpus:
    """Return the distinct queries and their intents."""
    found: dict[str, str] = {}
    for name in ("train.csv", "test.csv"):
        with (DATA / "banking77" / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["text"], row["category"])
    return list(found), list(found.values())


def stdlib() -> Corpus:
    """Return the distinct sentences of the library's docstrings and their top modules."""
    found: dict[str, str] = {}
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if not {"site-packages", "dist-packages", "test", "tests"} & set(parts):
            for sentence in _sentences(path):
                found.setdefault(sentence, parts[0])
    return list(found), list(found.values())


def _sentences(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, kinds) else None
        for sentence in (text or "").replace("\n\n", ". ").split(". "):
            plain = " ".join(sentence.split())
            if 20 <= len(plain) <= 500:
                yield plain


CORPORA: dict[str, Callable[[], Corpus]] = {
    "clinc150": clinc150,
    "banking77": banking77,
    "stdlib": stdlib,
}


class Texts:
    """A corpus with what the measures read of it, computed once."""

    def __init__(self, name: str) -> None:
        self.texts, self.labels = CORPORA[name]()
        embedder = Static()
        self.vectors = np.concatenate(
            [embedder.embed(self.texts[at : at + 1024]) for at in range(0, len(self.texts), 1024)]
        )
        self.number = {text: row for row, text in enumerate(self.texts)}
        words = words_of(self.texts)
        ends = words.starts + words.lengths
        self.words = [words.flat[a:b].tolist() for a, b in zip(words.starts, ends, strict=True)]

    def measured(
        self, seed: str, rows: list[int], real: list[int], *, count_holes: bool = False
    ) -> dict[str, Any]:
        """Return what each measure says of these rows, and how many holes are named."""
        some, others = (Sample([self.texts[row] for row in each]) for each in (rows, real))
        dealt = table(seed, some, others)
        vectors = self.vectors[[self.number[text] for text in dealt.texts]]
        found = {
            measure.name: {
                "ratio": each.ratio,
                "low": each.low,
                "high": each.high,
                "band": each.band,
                "outside": each.outside,
                "below": measure.directed and each.narrower(0.0),
                "fires": measure.directed and each.narrower(LIMIT),
            }
            for measure, each in measured(dealt, vectors, words_of(dealt.texts))
        }
        return {
            "measures": found,
            "holes": len(holes(dealt.texts, vectors, dealt.rows)[0]) if count_holes else 0,
        }


@lru_cache
def corpus(name: str) -> Texts:
    """Return a corpus by its name."""
    return Texts(name)


def drawn(seed: str, count: int) -> list[int]:
    """Return the numbers 0 to count - 1 in an order that only the seed decides."""
    return sorted(range(count), key=lambda row: lot(seed, str(row)))


# --- what was measured before -------------------------------------------------------------


class Cache:
    """Results by their keys, a line of JSON each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = {tuple(key): value for key, value in map(json.loads, lines)}

    def get(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return the result of a key, made where it is not known."""
        if key not in self.known:
            self.known[key] = make()
            with self._path.open("a") as file:
                file.write(json.dumps([key, self.known[key]]) + "\n")
        return self.known[key]


# --- null and power -----------------------------------------------------------------------


def null(cache: Cache) -> None:
    """Compare real rows with other real ones; every tenth split is a large one."""
    for split in range(SPLITS):
        size, real = SIZES[2] if split % 10 == 9 else SIZES[split % 2]
        for name in CORPORA:
            key = ("null", name, size, split)
            cache.get(key, partial(_null, name, split, size, real))


def _null(name: str, split: int, size: int, real: int) -> Any:
    order = drawn(f"null {split}", len(corpus(name).texts))
    return corpus(name).measured(
        f"null {split}", order[:size], order[size : size + real], count_holes=True
    )


def power(cache: Cache) -> None:
    """Compare rows that have lost a part of their tails with real ones."""
    for run in range(max(RUNS.values())):
        for size, real in SIZES:
            for name in ("clinc150", "banking77") if run < RUNS[size] else ():
                wanted = [
                    ("power", name, size, tail, part, run) for tail in TAILS for part in DROPPED
                ]
                if any(key not in cache.known for key in wanted):
                    _power(cache, name, size, real, run)


def _power(cache: Cache, name: str, size: int, real: int, run: int) -> None:
    texts, seed = corpus(name), f"power {run}"
    order = drawn(seed, len(texts.texts))
    known, pool = order[:real], order[real : real + 2 * size + 1000]
    for tail in TAILS:
        typical = SCORES[tail](texts, seed, known, pool)
        for part in DROPPED:
            at = int(len(pool) * part / 100)
            kept = set(sorted(pool, key=typical.__getitem__)[at:])
            rows = [row for row in pool if row in kept][:size]
            key = ("power", name, size, tail, part, run)
            cache.get(key, partial(texts.measured, seed, rows, known))


def _likely(texts: Texts, seed: str, real: list[int], pool: list[int]) -> dict[int, float]:
    """Mean log-probability of a word, by bigrams mixed with single words."""
    del seed
    single: Counter[int] = Counter()
    pairs: Counter[tuple[int, int]] = Counter()
    before: Counter[int] = Counter()
    for row in real:
        said = [-1, *texts.words[row]]
        single.update(said[1:])
        before.update(said[:-1])
        pairs.update(pairwise(said))
    total = sum(single.values()) + len(single)

    def one(row: int) -> float:
        said = [-1, *texts.words[row]]
        chances = [
            0.6 * pairs[a, b] / max(1, before[a]) + 0.4 * (single[b] + 1) / total
            for a, b in pairwise(said)
        ]
        return float(np.log(chances).mean()) if chances else -99.0

    return {row: one(row) for row in pool}


def _dense(texts: Texts, seed: str, real: list[int], pool: list[int]) -> dict[int, float]:
    """Mean cosine to the five nearest real rows."""
    del seed
    close = np.sort(texts.vectors[pool] @ texts.vectors[real].T, axis=1)[:, -5:].mean(axis=1)
    return dict(zip(pool, close.tolist(), strict=True))


def _topical(texts: Texts, seed: str, real: list[int], pool: list[int]) -> dict[int, float]:
    """A lot for each label, so that whole labels are dropped."""
    del real
    return {row: float(lot(seed, texts.labels[row])) for row in pool}


SCORES = {"lm": _likely, "density": _dense, "topics": _topical}


# --- model output and cost ------------------------------------------------------------------


def generated(cache: Cache) -> None:
    """Compare what two small models wrote with banking77; nothing is filtered."""
    texts, labels = banking77()
    for model in MODELS:
        with (DATA / "generated" / f"banking_{model}.jsonl").open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        some = Sample([row["output"] for row in rows], {"label": [row["label"] for row in rows]})
        real = Sample(texts, {"label": labels})
        cache.get(("generated", model), partial(narrowing, some, real, "seed", limit=LIMIT))


def cost(cache: Cache, rows: int = 100_000, characters: int = 150) -> None:
    """Measure CPU seconds and memory of the whole section in this process."""
    pool = [text for name in ("clinc150", "banking77") for text in CORPORA[name]()[0]]
    samples = []
    for side in ("rows", "real"):
        parts = [lot(side, str(row)) % len(pool) for row in range(4 * rows)]
        said = [" ".join(pool[at] for at in parts[4 * row : 4 * row + 4]) for row in range(rows)]
        samples.append(Sample([text[:characters] for text in said]))
    before = time.process_time()
    narrowing(*samples, "seed", limit=LIMIT)
    seconds = time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    cache.get(("cost", rows, characters), lambda: {"seconds": seconds, "memory": memory})
    print(f"{rows} + {rows} rows of {characters}: {seconds:.1f} CPU seconds, {memory} MiB")


def write(cache: Cache) -> None:
    """Write the results, and the tables into docs/evidence.md."""
    found = counted(cache.known)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    page = EVIDENCE.read_text() if EVIDENCE.exists() else "# Evidence\n"
    EVIDENCE.write_text(put(page, tables(found)))


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("null", "power", "generated", "cost", "write"))
    parser.add_argument("--cache", type=Path, default=Path("narrowing.jsonl"))
    given = parser.parse_args()
    cache = Cache(given.cache)
    steps = {"null": null, "power": power, "generated": generated, "cost": cost, "write": write}
    steps[given.what](cache)


if __name__ == "__main__":
    main()
