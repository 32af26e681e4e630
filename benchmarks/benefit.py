"""Does the gate help? One student, trained on real rows, on raw synthetic ones, on what the gate keeps.

--tune   print what every setting gives on validation rows of a seed that is never reported
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from corpora import Example, Split, load
from evidence import Result, prove, share, table
from pipeline import Gate, Setting
from student import Exam
from world import ATTACKS, World, make

SEEDS = (0, 1, 2)
TUNING_SEED = 100
QUICK_LABELS = 20
CHOSEN = Setting(top=5, cap=20, fraction=0.5, shortage="repeat")
GRID = [Setting(*each) for each in product((3, 5, 10), (10, 20, 50), (0.5,), ("cap", "repeat"))]


class Case(NamedTuple):
    """A corpus with an attack; what was tuned on is the first one's validation rows alone."""

    corpus: str
    attack: str


CASES = (Case("clinc", "token"), Case("clinc", "phrase"), Case("clinc", "clean"), Case("docs", "token"), Case("docs", "phrase"))


def measure(quick: bool) -> Result:
    """Run every arm of every case and seed."""
    runs = []
    for case, seed in product(CASES[: 1 if quick else None], SEEDS[: 1 if quick else None]):
        split = load(case.corpus, seed, QUICK_LABELS if quick else 0)
        found = dict(graded(split, case, seed))
        runs.append({**case._asdict(), "seed": seed, "arms": found})
        print(case, seed, found["real"], found["gate"], file=sys.stderr, flush=True)
    return {"setting": CHOSEN._asdict(), "runs": runs}


def graded(split: Split, case: Case, seed: int) -> Iterator[tuple[str, Result]]:
    """Yield each arm with what the student that learnt it gets right on test rows."""
    attack = ATTACKS[case.attack]
    world = make(split, attack, seed)
    exam = Exam(split.test, world.groups, attack.put, world.target)
    with tempfile.TemporaryDirectory() as name:
        gate = Gate(Path(name), split, world, CHOSEN)
        for arm, learnt, numbers, audit in arms(gate, split, world):
            yield arm, {"rows": len(learnt)} | known(numbers, world) | {"audit": audit} | exam.grade(learnt)


def known(numbers: list[int], world: World) -> Result:
    """Return what is known of synthetic rows by their numbers: wrong ones, triggers, in all."""
    synthetic = [number for number in numbers if number >= 0]
    wrong = sum(number not in world.right for number in synthetic)
    return {
        "synthetic": len(synthetic),
        "wrong": round(wrong / len(synthetic), 4) if synthetic else 0.0,
        "triggers": sum(number in world.triggered for number in synthetic),
    }


Arm = tuple[str, list[Example], list[int], str]


def arms(gate: Gate, split: Split, world: World) -> Iterator[Arm]:
    """Yield (arm, what is learnt, numbers of its rows, verdict of the audit or "")."""
    real = split.real
    raw, numbers = gate.examples("raw"), gate.numbers("raw")
    yield "real", real, [], ""
    yield "raw", raw, numbers, gate.audit("raw")
    yield "raw_real", raw + real, numbers, ""
    yield "raw_half", raw + [real[n % len(real)] for n in range(len(raw))], numbers, ""
    gate.dedupe()
    yield "dedupe", *beside(gate, "unique", real)
    gate.verify()
    yield "verify", *beside(gate, "verified", real)
    gate.cap("verified")
    yield "cap", *beside(gate, "capped", real)
    yield released(gate, real)
    clean = [row for row in world.rows if row["n"] in world.right and row["n"] not in world.triggered]
    yield "oracle", [(row["input"], row["output"]) for row in clean] + real, [row["n"] for row in clean], ""


def beside(gate: Gate, stage: str, real: list[Example]) -> tuple[list[Example], list[int], str]:
    """Return the rows of a stage beside all real rows."""
    return gate.examples(stage) + real, gate.numbers(stage), ""


def released(gate: Gate, real: list[Example]) -> Arm:
    """Return what audit and blend release; after a STOP the real rows are all there is."""
    verdict = gate.audit("capped")
    if verdict == "STOP":
        return "gate", real, [], verdict
    gate.blend()
    return "gate", gate.examples("train"), gate.numbers("train"), verdict


# --- how the setting was chosen ---------------------------------------------------------


def tune() -> None:
    """Print what each setting of the grid gives on validation rows."""
    split = load("clinc", TUNING_SEED)
    world = make(split, ATTACKS["token"], TUNING_SEED)
    exam = Exam(split.val, world.groups, ATTACKS["token"].put, world.target)
    print("real only", exam.grade(split.real), flush=True)
    with tempfile.TemporaryDirectory() as name:
        before = None
        for setting in GRID:
            gate = Gate(Path(name), split, world, setting)
            if not before:
                gate.dedupe()
            if not before or before.top != setting.top:
                gate.verify()
            if not before or before[:2] != setting[:2]:
                gate.cap("verified")
                gate.audit("capped")
            before = setting
            gate.blend()
            learnt = gate.examples("train")
            print(tuple(setting), len(learnt), exam.grade(learnt), flush=True)


# --- the page ---------------------------------------------------------------------------


def render(result: Result) -> str:
    """Return the part of the page."""
    return ""


if __name__ == "__main__":
    if "--tune" in sys.argv:
        tune()
    else:
        prove("benefit", __doc__ or "", measure, render)
