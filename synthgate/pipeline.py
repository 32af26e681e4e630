"""The whole pipeline in one function: the Python API over the same stages as the commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import orjson

from synthgate.config import ClusterCapPolicy, DedupePolicy, GeneratePolicy
from synthgate.embedders import static
from synthgate.errors import BadLine, InputError, UsageError
from synthgate.formats import PROMPTS, detect
from synthgate.generators.function import FunctionGenerator, name_of
from synthgate.mixing.guards import guard_real, guard_synthetic
from synthgate.mixing.table import table
from synthgate.provenance import Stamp, emit, read
from synthgate.rows import Decision, Row, Value, lot
from synthgate.sample import AuditPlan, freeze, frozen_ids
from synthgate.stages.audit import judge, release, words
from synthgate.stages.blend import Wish, blend
from synthgate.stages.cluster_cap import cluster_cap
from synthgate.stages.dedupe import dedupe
from synthgate.stages.generate import generate, refuse
from synthgate.stages.verify import verify
from synthgate.verifiers.function import FunctionVerifier

Reviewer = Callable[[Value], bool | None]


@dataclass(frozen=True)
class Audit:
    """What the audit says: PASS, STOP or INCOMPLETE, in words, over how many labels.

    `sample` holds the rows that people are to label, in their order, without provenance.
    """

    verdict: str
    words: str
    labels: int = 0
    failures: int = 0
    sample: list[Value] = field(default_factory=list)


def synthetic_pipeline(
    prompts: Iterable[str | Value],
    generator: Callable[[str], str],
    verifier: Callable[[Value], bool | None],
    real_data: Iterable[Value],
    max_per_cluster: int = 50,
    *,
    reviewer: Reviewer | None = None,
    samples: int = 3,
    real_fraction: float = 0.5,
    min_pass: float = 0.90,
    confidence: float = 0.95,
    max_n: int = 100,
    seed: int = 0,
) -> tuple[list[Value], Audit]:
    """Return (the rows to train on, the audit); no row unless the audit says PASS.

    `generator(prompt)` returns a text; `verifier(row)` returns True, False or None (cannot tell)
    and must be something else than the generator; `reviewer(row)` is the person who labels the
    random sample. Without a reviewer the audit is INCOMPLETE and holds the sample to label.
    Everything is held in memory. Raises `UsageError` and `InputError` as the commands do.
    """
    if _same(generator, verifier) or _same(generator, reviewer):
        raise UsageError("the generator cannot verify or review itself: pass another function")
    asked = _rows(prompts, "prompts")
    if not asked:
        raise InputError("prompts: there are none")
    shape, _ = detect(asked, PROMPTS)
    policy = GeneratePolicy(samples=samples)
    refuse(asked, shape, policy)
    candidates = _kept(generate(asked, shape, FunctionGenerator(generator), policy))
    if not candidates:
        return [], Audit("INCOMPLETE", "The generator gave no usable answer: nothing to audit.")
    shape, _ = detect(candidates)
    unique = _kept(dedupe(candidates, shape, DedupePolicy()))
    cap = ClusterCapPolicy(max_per_cluster=max_per_cluster)
    capped = _kept(cluster_cap(unique, shape, static.build(""), cap, seed))
    checks = [FunctionVerifier(verifier, name_of(verifier))]
    verified = _kept(verify(capped, shape, checks))
    if not verified:
        return [], Audit("INCOMPLETE", "The verifier passed no row: nothing to audit.")
    plan = freeze(frozen_ids(verified), min_pass, confidence, max_n, seed)
    labels, audit = _audited(plan, verified, reviewer)
    if audit.verdict != "PASS":
        return [], audit
    released = _kept(release(verified, labels))
    return _blended(released, _rows(real_data, "real_data"), real_fraction, seed), audit


def _same(one: object, other: object) -> bool:
    """Tell whether two callables are one function, or methods of one object."""
    if one is other or (one == other and one is not None):
        return True
    owner = getattr(one, "__self__", None)
    return owner is not None and owner is getattr(other, "__self__", None)


def _kept(decisions: Iterable[Decision]) -> list[Row]:
    return [decision.row for decision in decisions if not decision.reason]


def _rows(values: Iterable[str | Value], name: str) -> list[Row]:
    """Return Python values as rows that people made; a text is a row with a prompt."""
    stamp = Stamp(source=name, real=True).provenance
    found = []
    for number, value in enumerate(values, 1):
        plain: Any = {"input": value} if isinstance(value, str) else value
        try:
            found.append(read(orjson.dumps(plain), name, number, stamp))
        except BadLine as error:
            raise error.at(name, number) from None
        except TypeError as error:
            raise InputError(f"{name}:{number}: is not a JSON object: {error}") from None
    return found


def _audited(
    plan: AuditPlan, rows: list[Row], reviewer: Reviewer | None
) -> tuple[dict[str, str], Audit]:
    """Ask the reviewer, in the order of the sample, until the plan decides."""
    by_id = {row.id: row.value for row in rows}
    sample = [dict(by_id[row_id]) for row_id in plan.sample]
    said: dict[str, str] = {}
    found = judge(plan, said)
    for row_id in plan.sample if reviewer else ():
        verdict = reviewer(dict(by_id[row_id])) if reviewer else None
        said[row_id] = "pass" if verdict is True else "fail" if verdict is False else "unsure"
        found = judge(plan, said)
        if found.verdict != "INCOMPLETE":
            break
    text = words(plan, found)
    return said, Audit(found.verdict, text, found.labels, found.failures, sample)


def _blended(synthetic: list[Row], real: list[Row], fraction: float, seed: int) -> list[Value]:
    """Return both sides at the exact real fraction, in the order of the commands."""
    if not 0 < fraction <= 1 or not real:
        raise UsageError("a training set needs real rows: pass real_data and a real_fraction > 0")
    for row in synthetic:
        guard_synthetic(row)
    for row in real:
        guard_real(row)
    if {row.id for row in synthetic} & {row.id for row in real}:
        raise InputError("real_data: holds rows that the generator made")
    sides = (real, synthetic)
    lines = [[emit(row) for row in side] for side in sides]
    tables = [
        table([lot(seed, row.id) for row in side], text.__getitem__)
        for side, text in zip(sides, lines, strict=True)
    ]
    mix = blend(tables[0], tables[1], Wish(Fraction(str(fraction))))
    return [orjson.loads(lines[not pick.real][pick.number]) for pick in mix.picks()]
