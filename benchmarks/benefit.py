"""Does the gate help? One student learns real rows, raw synthetic ones, and what the gate keeps.

--tune   record what every setting gives on validation rows of seeds that are never reported
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from benefit_page import GROUPS, part
from corpora import Example, Split, load
from evidence import RESULTS, Result, prove, save
from pipeline import Gate, Setting
from student import Exam
from world import ATTACKS, World, make

SEEDS = (0, 1, 2)
TUNING_SEEDS = (100, 101, 102)
QUICK_LABELS = 20
TUNING = RESULTS / "tuning.json"
CHOSEN = Setting(top=3, cap=20, fraction=0.5, shortage="repeat", balance=True)
SHIPPED = {"cap": 50, "fraction": 0.5, "shortage": "cap", "balance": False}
GRID = [
    Setting(*each)
    for each in product((3, 5), (10, 20, 50), (0.5,), ("cap", "repeat"), (False, True))
]
RESERVE = 0.015  # of the 3 points that a group of labels may lose


Grades = dict[str, float]


class Case(NamedTuple):
    """A corpus with an attack; what was tuned on is the first one's validation rows alone."""

    corpus: str
    attack: str


CASES = (
    Case("clinc", "token"),
    Case("docs", "phrase"),
    Case("clinc", "phrase"),
    Case("clinc", "clean"),
)


def measure(quick: bool, output: Path) -> Result:
    """Run every arm of every case and seed; runs that the output has already are kept."""
    result = json.loads(output.read_text()) if output.exists() else {"runs": []}
    result["setting"] = CHOSEN._asdict()
    for case, seed in product(CASES[: 1 if quick else None], SEEDS[: 1 if quick else None]):
        key = {**case._asdict(), "seed": seed}
        if any(key.items() <= run.items() for run in result["runs"]):
            continue
        split = load(case.corpus, seed, QUICK_LABELS if quick else 0)
        result["runs"].append(key | {"arms": dict(graded(split, case, seed, quick))})
        save(output, result)
    return result


def graded(split: Split, case: Case, seed: int, quick: bool) -> Iterator[tuple[str, Result]]:
    """Yield each arm with what the student that learnt it gets right on test rows."""
    attack = ATTACKS[case.attack]
    world = make(split, attack, seed)
    exam = Exam(split.test, world.groups, attack.put, world.target)
    with tempfile.TemporaryDirectory() as name:
        gate = Gate(Path(name), split, world, CHOSEN)
        for arm, learnt, numbers, audit in arms(gate, split, world, quick):
            yield (
                arm,
                {"rows": len(learnt)}
                | known(numbers, world)
                | {"audit": audit}
                | exam.grade(learnt),
            )


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


def arms(gate: Gate, split: Split, world: World, quick: bool) -> Iterator[Arm]:
    """Yield (arm, what is learnt, numbers of its rows, verdict of the audit or "")."""
    real = split.real
    raw, numbers = gate.examples("raw"), gate.numbers("raw")
    yield "real", real, [], ""
    yield "raw", raw, numbers, gate.audit("raw")
    yield "raw_real", raw + real, numbers, ""
    gate.dedupe()
    if not quick:
        yield "raw_half", raw[: len(real)] + real, numbers[: len(real)], ""
        gate.verify("unique", "verified")
        yield "verify", *beside(gate, "verified", real)
        gate.scan("verified", "screened")
        yield "scan_late", *beside(gate, "screened", real)
    gate.scan("unique", "screened")
    gate.verify("screened", "verified")
    yield "scan", *beside(gate, "verified", real)
    gate.cap()
    yield "cap", *beside(gate, "capped", real)
    yield "gate", *released(gate, real)
    if not quick:
        yield "uneven", *mixed(gate, real, balance=False)
        gate.setting = gate.setting._replace(**SHIPPED)
        gate.cap()
        yield "shipped", *released(gate, real)
        yield "shipped_even", *mixed(gate, real, balance=True)
    clean = [
        row for row in world.rows if row["n"] in world.right and row["n"] not in world.triggered
    ]
    yield (
        "oracle",
        [(row["input"], row["output"]) for row in clean] + real,
        [row["n"] for row in clean],
        "",
    )


def beside(gate: Gate, stage: str, real: list[Example]) -> tuple[list[Example], list[int], str]:
    """Return the rows of a stage beside all real rows."""
    return gate.examples(stage) + real, gate.numbers(stage), ""


def released(gate: Gate, real: list[Example]) -> tuple[list[Example], list[int], str]:
    """Return what audit and blend release; after a STOP the real rows are all there is."""
    gate.verdict = gate.audit("capped")
    return mixed(gate, real, gate.setting.balance)


def mixed(gate: Gate, real: list[Example], balance: bool) -> tuple[list[Example], list[int], str]:
    """Return what the blend makes of what the audit has released, if it has."""
    if gate.verdict == "STOP":
        return real, [], gate.verdict
    gate.setting = gate.setting._replace(balance=balance)
    gate.blend()
    return gate.examples("train"), gate.numbers("train"), gate.verdict


# --- how the setting was chosen ---------------------------------------------------------


def tune() -> Result:
    """Return what each setting of the grid gives on validation rows, the mean of the seeds."""
    found = [graded_settings(seed) for seed in TUNING_SEEDS]
    grid = [
        setting._asdict() | averaged(each)
        for setting, *each in zip(GRID, *(grades for _, grades in found), strict=True)
    ]
    return {"seeds": TUNING_SEEDS, "real": averaged([real for real, _ in found]), "grid": grid}


def graded_settings(seed: int) -> tuple[Grades, list[Grades]]:
    """Return the grades of the real rows alone, and those of each setting of the grid."""
    split = load("clinc", seed)
    world = make(split, ATTACKS["token"], seed)
    exam = Exam(split.val, world.groups, ATTACKS["token"].put, world.target)
    grades: list[Grades] = []
    with tempfile.TemporaryDirectory() as name:
        before = None
        for setting in GRID:
            gate = Gate(Path(name), split, world, setting)
            if not before:
                gate.dedupe()
                gate.scan("unique", "screened")
            if not before or before.top != setting.top:
                gate.verify("screened", "verified")
            if not before or before[:2] != setting[:2]:
                gate.cap()
                gate.audit("capped")
            gate.blend()
            learnt, before = gate.examples("train"), setting
            grades.append({"rows": len(learnt)} | exam.grade(learnt))
    return exam.grade(split.real), grades


def averaged(grades: Sequence[Grades]) -> Grades:
    """Return the mean of each grade."""
    return {key: round(fmean(each[key] for each in grades), 4) for key in grades[0]}


def choose(tuning: Result) -> Setting:
    """Return the most accurate setting that the attack survives in 1 % at most, and in which no
    group of labels falls below real only by more than half of what it may (the rest is reserve).
    """
    real = tuning["real"]
    fit = [
        each
        for each in tuning["grid"]
        if each["attack"] <= 0.01 and all(each[key] >= real[key] - RESERVE for key in GROUPS)
    ]
    best = max(fit, key=lambda each: each["accuracy"])
    return Setting(**{key: best[key] for key in Setting._fields})


if __name__ == "__main__":
    if "--tune" in sys.argv:
        save(TUNING, tune())
    else:
        prove("benefit", __doc__ or "", measure, part)
