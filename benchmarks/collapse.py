"""Does the gate stop collapse? A small language model, eight times trained on its own output.

A Kneser-Ney trigram model learns real utterances (CLINC150), writes sentences (the best of three
samples each, as a generator that seeks its mode), the next one learns those, and so on. Arms differ
in what a generation learns; the gate's goes through dedupe, cluster-cap, verify and blend.
"""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import fmean, pstdev
from typing import NamedTuple

from corpora import clinc
from evidence import Result, held, page, prove, read, synthgate, table, write
from trigrams import Trigrams, grams

GENERATIONS = 8
BEST_OF = 3
SHOWN = (1, 2, 4, 8)
RULE = "[[rule]]\nmin_words = 2\nmax_words = 39\n"  # what a text must be at least; loose on purpose

Texts = list[str]


class Size(NamedTuple):
    """How much is run; `rows` are the sentences of a generation."""

    seeds: tuple[int, ...]
    rows: int
    generations: int
    arms: tuple[str, ...]


FULL = Size((0, 1), 5000, GENERATIONS, ("replace", "tenth", "half", "accumulate", "gate"))
SMALL = Size((0,), 600, 2, ("replace", "half", "gate"))
Step = Callable[[int, Texts], Texts]
"""(generation, sentences that the model of the generation before wrote) -> what this one learns."""


def measure(quick: bool, _: Path) -> Result:
    """Run every arm for every seed; return what each generation measured."""
    size = SMALL if quick else FULL
    train, _, test = clinc()
    texts, held = sorted(text for text, _ in train), [text for text, _ in test]
    runs = [run | {"seed": seed} for seed in size.seeds for run in of_seed(texts, held, size, seed)]
    return {"rows": size.rows, "generations": size.generations, "best_of": BEST_OF, "runs": runs}


def of_seed(texts: Texts, held: Texts, size: Size, seed: int) -> list[Result]:
    """Run every arm with the real rows of one seed."""
    real = Random(f"real {seed}").sample(texts, size.rows)
    ruler = Ruler(real, held)
    half, tenth = real[: size.rows // 2], real[: size.rows // 10]
    with tempfile.TemporaryDirectory() as name:
        gate = Gate(Path(name), half)
        steps: dict[str, Step] = {
            "replace": lambda _, made: made,
            "tenth": lambda _, made: tenth + made[len(tenth) :],
            "half": lambda _, made: half + made[len(half) :],
            "accumulate": Accumulate(real),
            "gate": gate,
        }
        runs: list[Result] = [
            {"arm": arm, "steps": loop(real, steps[arm], ruler, size.generations, seed)}
            for arm in size.arms
        ]
    controls = {"half": ruler(half), "tenth": ruler(tenth), "real": ruler(real)}
    return [*runs, {"arm": "control", **controls, "refused": gate.refused}]


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


class Gate:
    """What the real commands let through: half of it real rows.

    That rows of a second generation get in at all has to be allowed by `--max-generation`;
    `refused` is what `blend` said before it was.
    """

    def __init__(self, folder: Path, real: Texts) -> None:
        self._folder, self.refused = folder, ""
        write(folder / "real.jsonl", ({"text": text} for text in real))
        (folder / "rule.toml").write_text(RULE)

    def __call__(self, generation: int, made: Texts) -> Texts:
        self._check(generation, made)
        argv = ["blend", self._file("verified"), "--real", self._file("real")]
        argv += ["-o", self._file("train"), "--on-repeat", "keep-real"]
        argv += ["--unaudited", "nothing to audit in a loop"]
        if generation == 2:
            _, said = synthgate(*argv, ends=(3,))
            self.refused = said.strip().splitlines()[-1].partition("verified.jsonl:1: ")[2]
        synthgate(*argv, "--max-generation", GENERATIONS)
        return [row["text"] for row in read(self._file("train"))]

    def _check(self, generation: int, made: Texts) -> None:
        """Deduplicate, cap and check what a model wrote."""
        write(self._file("raw"), ({"text": text} for text in made))
        stamp = ["--generator", "trigrams", "--generation", generation, "--source", "trigrams"]
        synthgate("dedupe", self._file("raw"), "-o", self._file("unique"), *stamp)
        synthgate("cluster-cap", self._file("unique"), "-o", self._file("capped"))
        checks = ["--check", f"rule:{self._folder}/rule.toml"]
        checks += ["--check", f"leak:{self._file('real')}"]
        synthgate("verify", self._file("capped"), "-o", self._file("verified"), *checks)

    def _file(self, stage: str) -> Path:
        return self._folder / f"{stage}.jsonl"


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


# --- the page ---------------------------------------------------------------------------

NAMES = {
    "replace": "replace: only the last generation's sentences",
    "tenth": "10 % real",
    "half": "50 % real",
    "accumulate": "accumulate: everything ever written, and all real",
    "gate": "**gate**: dedupe, cluster-cap, verify, blend at 50 % real",
}
CONTROLS = {
    "real": "all real rows",
    "half": "as many as in 50 % and gate",
    "tenth": "as many as in 10 %",
}
LAST = ("words", "entropy", "length_sd", "duplicates")


def render(result: Result) -> str:
    """Return the part of the page."""
    shown = [g for g in SHOWN if g <= result["generations"]]
    head = ["what a generation learns", *(f"g{g} perplexity / tail" for g in shown)]
    head += [f"g{shown[-1]} rows", "words", "entropy, bits", "sd of length", "duplicates"]
    rows = [line(result, arm, shown) for arm in NAMES]
    rows += [control(result, arm, len(shown)) for arm in CONTROLS]
    seeds = ", ".join(str(run["seed"]) for run in result["runs"] if run["arm"] == "gate")
    bars = table(("asked", "measured, each seed", ""), bars_of(result))
    said = next(run["refused"] for run in result["runs"] if run["arm"] == "control").strip()
    return page("collapse", seeds=seeds, refused=said, table=table(head, rows), bars=bars, **result)


def steps(result: Result, arm: str, generation: int) -> list[Result]:
    """Return what one generation of an arm measured, for each seed."""
    return [run["steps"][generation] for run in result["runs"] if run["arm"] == arm]


def line(result: Result, arm: str, shown: list[int]) -> list[str]:
    """Return the cells of one arm, means of the seeds."""
    cells = [NAMES[arm]]
    for generation in shown:
        found = steps(result, arm, generation)
        cells.append(f"{mean(found, 'perplexity'):,.1f} / {mean(found, 'tail'):.2f}")
    return cells + tail_of(steps(result, arm, shown[-1]))


def control(result: Result, arm: str, columns: int) -> list[str]:
    """Return the cells of one control: real rows alone, nothing synthetic."""
    found = [run[arm] for run in result["runs"] if run["arm"] == "control"]
    cell = f"{mean(found, 'perplexity'):,.1f} / {mean(found, 'tail'):.2f}"
    return [f"*control*, no synthetic row: {CONTROLS[arm]}", *[cell] * columns, *tail_of(found)]


def tail_of(found: list[Result]) -> list[str]:
    """Return the cells of the last generation."""
    forms = ("{:,.0f}", "{:.2f}", "{:.2f}", "{:.1%}")
    last = [form.format(mean(found, key)) for key, form in zip(LAST, forms, strict=True)]
    return [f"{mean(found, 'rows'):,.0f}", *last]


def mean(found: list[Result], key: str) -> float:
    """Return the mean of the seeds."""
    return fmean(each[key] for each in found)


def bars_of(result: Result) -> list[tuple[str, str, str]]:
    """Return (what is asked, what was measured, whether it holds)."""
    ratios = {
        arm: [
            late["perplexity"] / early["perplexity"]
            for early, late in zip(
                steps(result, arm, 2), steps(result, arm, result["generations"]), strict=True
            )
        ]
        for arm in ("gate", "replace")
    }
    shown = {arm: ", ".join(f"{each:.2f}" for each in found) for arm, found in ratios.items()}
    last = f"perplexity of g{result['generations']} against g2"
    return [
        (f"gate: {last} at most 1.1 x", shown["gate"], held(max(ratios["gate"]) <= 1.1)),
        (f"replace: {last} at least 10 x", shown["replace"], held(min(ratios["replace"]) >= 10)),
    ]


if __name__ == "__main__":
    prove("collapse", __doc__ or "", measure, render)
