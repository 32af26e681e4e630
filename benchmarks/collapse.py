"""Does the gate stop collapse? Eight generations of a small language model trained on its own output.

A Kneser-Ney trigram model learns real utterances (CLINC150), writes sentences (the best of three
samples each, as a generator that seeks its mode), the next one learns those, and so on. Arms differ
in what a generation learns; the gate's goes through dedupe, cluster-cap, verify and blend.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import pstdev

from corpora import clinc
from evidence import Result, prove, read, share, synthgate, table, write
from trigrams import Trigrams, grams

SEEDS = (0, 1)
GENERATIONS = 8
ROWS, QUICK_ROWS = 5000, 1000  # sentences of a generation
BEST_OF = 3
SHOWN = (1, 2, 4, 8)
RULE = "[[rule]]\nmin_words = 2\nmax_words = 39\n"  # what a text must be at least; loose on purpose

Texts = list[str]
Step = Callable[[int, Texts], Texts]
"""(generation, sentences that the model of the generation before wrote) -> what this one learns."""


def measure(quick: bool) -> Result:
    """Run every arm for every seed; return what each generation measured."""
    rows, last = (QUICK_ROWS, 3) if quick else (ROWS, GENERATIONS)
    train, _, test = clinc()
    held = [text for text, _ in test]
    found = [
        run | {"seed": seed}
        for seed in SEEDS[: 1 if quick else None]
        for run in of_seed(sorted(text for text, _ in train), held, rows, last, seed)
    ]
    return {"rows": rows, "generations": last, "best_of": BEST_OF, "runs": found}


def of_seed(texts: Texts, held: Texts, rows: int, last: int, seed: int) -> list[Result]:
    """Run every arm with the real rows of one seed."""
    real = Random(f"real {seed}").sample(texts, rows)
    ruler = Ruler(real, held)
    half, tenth = real[: rows // 2], real[: rows // 10]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stop = refused(folder, half, seed)
        steps: dict[str, Step] = {
            "replace": lambda _, made: made,
            "tenth": lambda _, made: tenth + made[: rows - len(tenth)],
            "half": lambda _, made: half + made[: rows - len(half)],
            "accumulate": Accumulate(real),
            "gate": partial(gate, folder, half),
        }
        runs = [
            {"arm": arm, "steps": loop(real, step, ruler, last, seed)}
            for arm, step in steps.items()
        ]
    controls = {"half": half, "tenth": tenth, "real": real}
    return [
        *runs,
        {"arm": "control", **{k: ruler(v) for k, v in controls.items()}, "refused": stop},
    ]


def loop(real: Texts, step: Step, ruler: Ruler, last: int, seed: int) -> list[Result]:
    """Return the measures of generation 0 (real rows) to `last`."""
    learnt, measured = real, [ruler(real)]
    for generation in range(1, last + 1):
        model = Trigrams(learnt, ruler.words)
        random = Random(f"{seed} {generation}")
        learnt = step(generation, [model.best_of(BEST_OF, random) for _ in range(len(real))])
        measured.append(ruler(learnt))
    return measured


class Accumulate:
    """Every sentence that was ever written is kept beside the real ones."""

    def __init__(self, real: Texts) -> None:
        self._all = list(real)

    def __call__(self, _: int, made: Texts) -> Texts:
        self._all = self._all + made
        return self._all


# --- the gate ---------------------------------------------------------------------------


def gate(folder: Path, real: Texts, generation: int, made: Texts) -> Texts:
    """Return what the real commands let through: half of it real rows.

    That rows of generation 2 and more get in at all is allowed here by `--max-generation`.
    """
    verified = checked(folder, real, generation, made)
    argv = ["blend", verified, "--real", folder / "real.jsonl", "-o", folder / "train.jsonl"]
    synthgate(
        *argv,
        "--unaudited",
        "an experiment",
        "--max-generation",
        GENERATIONS,
        "--on-repeat",
        "reject",
    )
    return [row["text"] for row in read(folder / "train.jsonl")]


def checked(folder: Path, real: Texts, generation: int, made: Texts) -> Path:
    """Return the file of rows that were deduplicated, capped and checked."""
    raw, unique, capped, verified = (
        folder / f"{name}.jsonl" for name in ("raw", "unique", "capped", "verified")
    )
    write(raw, ({"text": text} for text in made))
    write(folder / "real.jsonl", ({"text": text} for text in real))
    (folder / "rule.toml").write_text(RULE)
    stamp = ["--generator", "trigrams", "--generation", generation, "--source", "trigrams"]
    synthgate("dedupe", raw, "-o", unique, *stamp)
    synthgate("cluster-cap", unique, "-o", capped)
    checks = ["--check", f"rule:{folder / 'rule.toml'}", "--check", f"leak:{folder / 'real.jsonl'}"]
    synthgate("verify", capped, "-o", verified, *checks)
    return verified


def refused(folder: Path, real: Texts, seed: int) -> str:
    """Return what `blend` says to rows of a second generation when nobody allows them."""
    model = Trigrams(real, 5000)
    random = Random(f"refused {seed}")
    verified = checked(folder, real, 2, [model.best_of(1, random) for _ in range(200)])
    argv = ["blend", verified, "--real", folder / "real.jsonl", "-o", folder / "no.jsonl"]
    _, said = synthgate(*argv, "--unaudited", "an experiment", ends=(3,))
    return said.strip().splitlines()[-1].partition("verified.jsonl:")[2]


# --- measures ---------------------------------------------------------------------------


class Ruler:
    """Measures a training set against the real rows of generation 0 and unseen real rows."""

    def __init__(self, real: Texts, held: Texts) -> None:
        self._held = held
        self.words = len({word for text in real for word in text.split()})
        seen = Counter(gram for text in real for gram in set(grams(text.split())))
        asked = {gram for text in held for gram in grams(text.split())}
        self._tail = {gram for gram in asked if 1 <= seen[gram] <= 2}

    def __call__(self, learnt: Sequence[str]) -> Result:
        """Return perplexity on unseen real rows, tail kept, and how varied the set is."""
        split = [text.split() for text in learnt]
        kept = {gram for words in split for gram in grams(words)}
        words = Counter(word for text in split for word in text)
        total = words.total()
        return {
            "rows": len(learnt),
            "perplexity": round(Trigrams(learnt, self.words).perplexity(self._held), 2),
            "tail": round(len(self._tail & kept) / len(self._tail), 4),
            "words": len(words),
            "entropy": round(-sum(n / total * math.log2(n / total) for n in words.values()), 3),
            "length_sd": round(pstdev(map(len, split)), 3),
            "duplicates": round(1 - len(set(learnt)) / len(learnt), 4),
        }


def render(result: Result) -> str:
    return ""


if __name__ == "__main__":
    prove("collapse", __doc__ or "", measure, render)
