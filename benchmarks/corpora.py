"""Two corpora of real short texts with a label each, split for the proof that the gate helps.

`clinc`: utterances of 150 intents (CLINC150, CC BY 3.0); validation and test as published.
`docs`: sentences of the documentation strings of Python's standard library, the label is the
module: 40 modules with the most sentences, of whatever Python runs this.
"""

from __future__ import annotations

import ast
import json
import sysconfig
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import NamedTuple

from evidence import DATA

REAL = 10  # rows a label that the user has
MODULES, LEAST = 40, 90  # labels of `docs`; sentences that each has at least
HELD = {"val": 15, "test": 30}  # sentences a module, of `docs`

Example = tuple[str, str]  # text, label


class Split(NamedTuple):
    """One corpus: what the generator knows, what the user has, what is held out."""

    pool: list[Example]
    real: list[Example]
    val: list[Example]
    test: list[Example]
    labels: list[str]


def load(corpus: str, seed: int, labels: int = 0) -> Split:
    """Return a corpus split by a seed; only that many of its labels, where given."""
    train, val, test = clinc() if corpus == "clinc" else docs(seed)
    names = sorted({label for _, label in train})
    names = sorted(Random(f"labels {seed}").sample(names, labels)) if labels else names
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in train:
        by_label[example[1]].append(example)
    real, pool = [], []
    for name in names:
        rows = sorted(by_label[name])
        Random(f"real {seed} {name}").shuffle(rows)
        real += rows[:REAL]
        pool += rows[REAL:]
    kept = set(names)
    return Split(pool, real, *([e for e in part if e[1] in kept] for part in (val, test)), names)


def clinc() -> tuple[list[Example], list[Example], list[Example]]:
    """Return train (both published training sets, without what is held out), validation, test."""
    parts: dict[str, dict[Example, None]] = defaultdict(dict)
    for name in ("data_small.json", "data_imbalanced.json"):
        found = json.loads((DATA / "clinc150" / name).read_text())
        for part in ("train", "val", "test"):
            parts[part] |= dict.fromkeys((text, label) for text, label in found[part])
    held = {text for part in ("val", "test") for text, _ in parts[part]}
    train = [example for example in parts["train"] if example[0] not in held]
    return train, list(parts["val"]), list(parts["test"])


def docs(seed: int) -> tuple[list[Example], list[Example], list[Example]]:
    """Return train, validation and test; a sentence that two modules share is in none."""
    labels: dict[str, set[str]] = defaultdict(set)
    for module, sentence in sentences(Path(sysconfig.get_paths()["stdlib"])):
        labels[sentence].add(module)
    by_module: dict[str, list[str]] = defaultdict(list)
    for sentence, modules in labels.items():
        if len(modules) == 1:
            by_module[min(modules)].append(sentence)
    largest = sorted(by_module, key=lambda name: (-len(by_module[name]), name))[:MODULES]
    train: list[Example] = []
    held: dict[str, list[Example]] = {"val": [], "test": []}
    for name in largest:
        rows = [(sentence, name) for sentence in sorted(by_module[name])]
        Random(f"docs {seed} {name}").shuffle(rows)
        for part, count in HELD.items():
            held[part] += [rows.pop() for _ in range(count)]
        train += rows[:LEAST]
    return train, held["val"], held["test"]


def sentences(folder: Path) -> list[tuple[str, str]]:
    """Return (module, sentence) of all documentation strings of the library; tests left out."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[0] in ("site-packages", "dist-packages", "test", "idlelib") or "tests" in parts:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = " ".join((ast.get_docstring(node) or "").split())
                found += [
                    (parts[0], part) for part in text.split(". ") if 4 <= len(part.split()) <= 30
                ]
    return found
