"""What labels prove by their plan: of the set, of its slices, and of the reviewers themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import msgspec

from synthgate.sample.draw import Drawn
from synthgate.sample.plan import AuditPlan
from synthgate.sample.said import Labels
from synthgate.stats.interval import at_least

NOTHING = ("", "pass")


class Verdict(msgspec.Struct, frozen=True):
    """What the labels prove: PASS, STOP or INCOMPLETE; of rejected rows MEASURED.

    `labels` and `failures` count the whole sequence; a PASS came at label `at`, with `at_failures`;
    `missing` is how many more labels a PASS needs at least, `next` the first position without one;
    `until` is the label that decides, or could.
    """

    verdict: str
    labels: int
    failures: int
    at: int = 0
    at_failures: int = 0
    missing: int = 0
    next: int = 0
    until: int = 0


class SliceFound(msgspec.Struct, frozen=True):
    """What the labels say of one slice; `verdict` is "" where no floor is set."""

    name: str
    rows: int
    labels: int
    right: int
    verdict: str = ""
    allows: int = 0


class GoldFound(msgspec.Struct, frozen=True):
    """What planted wrong rows say of the reviewers: they notice `sensitivity` of them at least.

    A claim about the set is corrected by it: `min_pass` is what is shown then, at the sum of both
    risks.
    """

    planted: int
    labelled: int
    noticed: int
    sensitivity: float
    min_pass: float


class Agreement(msgspec.Struct, frozen=True):
    """How often two people said the same of a row, pass or not; AC1 is Gwet's, chance removed."""

    rows: int
    pairs: int
    both_pass: int
    neither: int
    differ: int
    ac1: float


@dataclass(frozen=True)
class Assessment:
    """All that the labels of an audit say."""

    verdict: Verdict
    main: Verdict
    slices: tuple[SliceFound, ...]
    gold: GoldFound | None
    agreement: Agreement
    unseen: int
    """How many of the rows that two people must label have only one."""


def follow(pass_points: Sequence[int], stop: int, said: Sequence[str]) -> Verdict:
    """Follow labels in their order to the first point where the plan decides.

    Rows without a label are taken as passed: a point that is then reached is a PASS if there are
    none before it, and else what INCOMPLETE still needs; where even so none is reached, STOP is
    certain, whatever the missing labels would say.
    """
    labels, wrong = sum(map(bool, said)), sum(each not in NOTHING for each in said)
    holes = failures = 0
    for number, each in enumerate(said, 1):
        holes, failures = holes + (not each), failures + (each not in NOTHING)
        if failures >= stop:
            return Verdict("STOP", labels, wrong, until=number)
        if number < pass_points[failures]:
            continue
        if holes:
            first = said.index("") + 1
            return Verdict("INCOMPLETE", labels, wrong, missing=holes, next=first, until=number)
        return Verdict("PASS", labels, wrong, number, failures, until=number)
    return Verdict("STOP", labels, wrong, until=len(said))


def judge(plan: AuditPlan, verdicts: Mapping[str, str], main: Sequence[str] = ()) -> Verdict:
    """Return what the labels prove of the set.

    `main` are the ids that decide; without it they are the first ones of the sample, which is right
    where no rows are planted in it.
    """
    order = main or plan.sample[: plan.drawn]
    return follow(
        plan.pass_points, plan.stop_at_failures, [verdicts.get(each, "") for each in order]
    )


def assess(drawn: Drawn, labels: Labels, gold: Sequence[str] = ()) -> Assessment:
    """Return all that the labels say: PASS only where set, slices and reviewers all pass."""
    plan, verdicts = drawn.plan, labels.verdicts
    if plan.of == "rejects":
        main = _counted([verdicts.get(each, "") for each in drawn.main])
    else:
        main = judge(plan, verdicts, drawn.main)
    slices = tuple(_slices(drawn, verdicts))
    found = _gold(plan, verdicts, gold) if gold else None
    twice = _unseen(drawn.main[: plan.overlap], labels)
    missing = dict.fromkeys(_missing(drawn, verdicts, main, gold))
    words = {main.verdict, *(each.verdict for each in slices)}
    if found and found.labelled == found.planted:
        blind = found.sensitivity < plan.policy.get("min_sensitivity", 0.0)
        words |= {"STOP"} if blind else set()
    verdict = msgspec.structs.replace(main, missing=0, next=0)
    if "STOP" in words:
        verdict = msgspec.structs.replace(verdict, verdict="STOP")
    elif missing or twice:
        at = next((n for n, each in enumerate(plan.sample, 1) if each in missing), 0)
        verdict = msgspec.structs.replace(
            verdict, verdict="INCOMPLETE", missing=len(missing) + twice, next=at
        )
    agreement = _agreement(labels, plan.sample)
    return Assessment(verdict, main, slices, found, agreement, twice)


def _counted(said: Sequence[str]) -> Verdict:
    """Return the verdict on rejected rows: there is nothing to pass, only to count."""
    labels, wrong = sum(map(bool, said)), sum(each not in NOTHING for each in said)
    if labels < len(said):
        missing, first = len(said) - labels, list(said).index("") + 1
        return Verdict("INCOMPLETE", labels, wrong, 0, 0, missing, first, len(said))
    return Verdict("MEASURED", labels, wrong, until=len(said))


def _missing(
    drawn: Drawn, verdicts: Mapping[str, str], main: Verdict, gold: Sequence[str]
) -> Iterator[str]:
    """Yield the ids whose labels a PASS still waits for."""
    parts: list[Sequence[str]] = [drawn.main[: main.until], gold]
    for each in drawn.plan.slices:
        if each.pass_points:
            ids = drawn.slices[each.field, each.value]
            said = [verdicts.get(row_id, "") for row_id in ids]
            parts.append(ids[: follow(each.pass_points, each.stop_at_failures, said).until])
    yield from (each for part in parts for each in part if each not in verdicts)


def _slices(drawn: Drawn, verdicts: Mapping[str, str]) -> Iterator[SliceFound]:
    """Yield what is known of every slice, those with a floor first."""
    counts: dict[tuple[str, str], list[int]] = {}
    for row_id in _random(drawn):
        if row_id in verdicts:
            for each in zip(drawn.fields, drawn.values[row_id], strict=True):
                count = counts.setdefault(each, [0, 0])
                count[0] += 1
                count[1] += verdicts[row_id] == "pass"
    for plan in drawn.plan.slices:
        labels, right = counts.pop((plan.field, plan.value), [0, 0])
        word = ""
        if plan.pass_points:
            said = [verdicts.get(each, "") for each in drawn.slices[plan.field, plan.value]]
            word = follow(plan.pass_points, plan.stop_at_failures, said).verdict
        allows = max(0, plan.stop_at_failures - 1)
        yield SliceFound(plan.name, plan.rows, labels, right, word, allows)
    for (field, value), (labels, right) in sorted(counts.items()):
        yield SliceFound(f"{field}={value}", 0, labels, right)


def _random(drawn: Drawn) -> Iterable[str]:
    """Return the sampled ids that are a random sample of each of their slices."""
    return dict.fromkeys([*drawn.main, *(each for ids in drawn.slices.values() for each in ids)])


def _gold(plan: AuditPlan, verdicts: Mapping[str, str], gold: Sequence[str]) -> GoldFound:
    said = [verdicts[each] for each in gold if each in verdicts]
    noticed = sum(each != "pass" for each in said)
    sensitivity = at_least(noticed, len(gold), plan.risk)
    wrong = (1 - plan.min_pass) / sensitivity if sensitivity else 1.0
    return GoldFound(len(gold), len(said), noticed, sensitivity, max(0.0, 1 - wrong))


def _unseen(ids: Sequence[str], labels: Labels) -> int:
    return sum(len(labels.of(each)) == 1 for each in dict.fromkeys(ids))


def _agreement(labels: Labels, sample: Sequence[str]) -> Agreement:
    """Count over every two reviewers of a row whether they said the same, pass or not."""
    both = neither = differ = rows = 0
    for each in dict.fromkeys(sample):
        said = [verdict == "pass" for verdict in labels.of(each).values()]
        rows += len(said) > 1
        for one, other in combinations(said, 2):
            both, neither = both + (one and other), neither + (not one and not other)
            differ += one is not other
    pairs = both + neither + differ
    passes = (2 * both + differ) / (2 * pairs) if pairs else 0.0
    chance = 2 * passes * (1 - passes)
    same = (both + neither) / pairs if pairs else 0.0
    return Agreement(
        rows,
        pairs,
        both,
        neither,
        differ,
        round((same - chance) / (1 - chance), 4) if pairs else 0.0,
    )
