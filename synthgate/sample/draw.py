"""The draw: which rows of a frozen set people look at, in which order, and what that must show.

A row's lot is a hash of the set, a nonce and the row id; the sample holds the smallest lots. So a
sample is random for whoever does not choose the nonce, a longer one begins with a shorter one, and
the rows of a slice in it are a random sample of the slice.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log
from typing import Any

import msgspec

from synthgate.errors import Stale, UsageError
from synthgate.provenance import attach
from synthgate.rows import OURS, Row, lot
from synthgate.sample.frozen import Frozen, named, set_digest
from synthgate.sample.plan import AuditPlan, SlicePlan, confidence_of, sealed
from synthgate.sample.terms import OF_PLAN, Terms, terms_of
from synthgate.stats.plan import make_plan

MOST_SLICES = 100
Name = tuple[str, str]


@dataclass(frozen=True)
class Drawn:
    """A plan and what it does not say, so that the sample stays blind.

    `main` are the sampled ids that decide, in order; `slices` the sampled ids of each slice;
    `values` what every sampled row has in the fields by which slices are told apart.
    """

    plan: AuditPlan
    main: tuple[str, ...]
    slices: Mapping[Name, tuple[str, ...]]
    values: Mapping[str, tuple[str, ...]]
    fields: tuple[str, ...]


def freeze(
    ids: Sequence[bytes], min_pass: float, confidence: float, max_n: int, seed: int
) -> AuditPlan:
    """Return the plain audit plan of a set given by its sorted ids."""
    terms = Terms(min_pass=min_pass, confidence=confidence, max_n=max_n, seed=seed)
    return draw(Frozen(ids), terms).plan


def draw(frozen: Frozen, terms: Terms) -> Drawn:
    """Draw the sample of a frozen set and fix what it must show.

    The draw is seeded by the set itself and a nonce, so that a set has one sample a nonce. Raises
    `UsageError` when the labels asked for cannot show what is asked of the set or of a slice.
    """
    level = confidence_of(terms.confidence, terms.spend, terms.attempt)
    _refuse(frozen, terms, 1 - level)
    size = min(terms.max_n, len(frozen.ids))
    points: tuple[int, ...] = ()
    if terms.of == "set":
        points = make_plan(len(frozen.ids), terms.min_pass, level, terms.max_n).pass_points
    digest = set_digest(frozen.ids)
    seed = hashlib.sha256(f"{digest}\n{terms.seeding}".encode()).hexdigest()
    lots = array("Q", (lot(seed, name) for name in named(frozen.ids)))
    plans = _slice_plans(frozen, terms, level)
    main = heapq.nsmallest(size, range(len(lots)), key=lots.__getitem__)
    parts = _smallest(frozen, plans, lots)
    extra = _extra(frozen, main, [at for part in parts.values() for at in part], lots, terms)
    order = [frozen.ids[at].hex() for at in main]
    planted = _planted(order, terms.gold, points[0] if points else size, seed)
    plan = AuditPlan(
        **_stated(terms),
        plan="",
        set_digest=digest,
        rows=len(frozen.ids),
        pass_points=points,
        stop_at_failures=len(points),
        sample_digest="",
        sample=(*planted, *(frozen.ids[at].hex() for at in extra)),
        risk=float(1 - level),
        waiting_digest=set_digest(sorted(frozen.waiting)) if frozen.waiting else "",
        slices=tuple(plans.values()),
    )
    return Drawn(
        sealed(plan),
        tuple(order),
        {name: tuple(frozen.ids[at].hex() for at in part) for name, part in parts.items()},
        {frozen.ids[at].hex(): frozen.values_of(at) for at in (*main, *extra)},
        frozen.by,
    )


def _stated(terms: Terms) -> dict[str, Any]:
    """Return what a plan only repeats of its terms."""
    return {
        **{name: getattr(terms, name) for name in OF_PLAN},
        "nonce": terms.nonce if terms.nonce_from != "self" else terms.seeding,
        "gold": len(terms.gold),
        "gold_digest": terms.gold_digest,
        "policy": terms.policy(),
    }


def _refuse(frozen: Frozen, terms: Terms, risk: Fraction) -> None:
    """Refuse what the sample could not show, or show wrongly, before the first label."""
    if terms.overlap > min(terms.max_n, len(frozen.ids)):
        raise UsageError(f"--overlap {terms.overlap}: the sample holds fewer rows")
    for each in terms.gold:
        row_id = bytes.fromhex(each)
        at = bisect_left(frozen.ids, row_id)
        if frozen.ids[at : at + 1] == [row_id]:
            raise UsageError(f"--gold: {each} is a row of the set, too: it would be released")
    wanted = terms.min_sensitivity
    if terms.gold and float(risk) ** (1 / len(terms.gold)) < wanted:
        enough = ceil(log(risk) / log(wanted))
        raise UsageError(
            f"{len(terms.gold)} planted rows can never show that reviewers notice "
            f"{100 * wanted:g} % of wrong ones: plant {enough}, or ask for less: --min-sensitivity"
        )


def _slice_plans(frozen: Frozen, terms: Terms, level: Fraction) -> dict[Name, SlicePlan]:
    """Return what is asked of each slice that has a floor, or on which the audit is focused."""
    if not terms.focus and not terms.floor:
        return {}
    known = frozen.slices()
    wanted = [each for each in known if each in terms.focus or not terms.focus]
    if len(wanted) > MOST_SLICES:
        raise UsageError(
            f"{len(wanted):,} slices with a floor each, at most {MOST_SLICES}: pick other fields"
        )
    return {each: _slice_plan(each, known[each], terms, level) for each in wanted}


def _slice_plan(name: Name, rows: int, terms: Terms, level: Fraction) -> SlicePlan:
    asked = SlicePlan(*name, rows, min(rows, terms.slice_n))
    if not terms.floor:
        return asked
    try:
        points = make_plan(rows, terms.floor, level, terms.slice_n).pass_points
    except UsageError as error:
        text = str(error).replace("--max-n", "--slice-max-n")
        raise UsageError(f"slice {asked.name}: {text}") from None
    return msgspec.structs.replace(asked, pass_points=points, stop_at_failures=len(points))


def _smallest(
    frozen: Frozen, plans: Mapping[Name, SlicePlan], lots: array[int]
) -> dict[Name, list[int]]:
    """Return the rows of each slice with the smallest lots, by index, in one pass over the set."""
    heaps: dict[Name, list[tuple[int, int]]] = {name: [] for name in plans}
    of_group = [
        [(heaps[each], plans[each].labels) for each in zip(frozen.by, values, strict=True)
         if each in plans]
        for values in frozen.values
    ]  # fmt: skip
    for at, group in enumerate(frozen.groups if plans else ()):
        for heap, size in of_group[group]:
            if len(heap) < size:
                heapq.heappush(heap, (-lots[at], -at))
            elif -lots[at] > heap[0][0]:
                heapq.heapreplace(heap, (-lots[at], -at))
    return {name: [-at for _, at in sorted(heap, reverse=True)] for name, heap in heaps.items()}


def _extra(
    frozen: Frozen, main: list[int], of_slices: list[int], lots: array[int], terms: Terms
) -> list[int]:
    """Return the rows to label beyond the main sample, by index, in the order of their lots."""
    there = set(main)
    more = {at for at in of_slices if at not in there}
    first = sorted(more, key=lambda at: (lots[at], at))
    if not terms.everyone:
        return first
    known = {frozen.ids[at] for at in there | more}
    waiting: dict[bytes, int] = {}
    for at, row_id in enumerate(frozen.ids):
        if row_id in frozen.waiting and row_id not in known:
            waiting.setdefault(row_id, at)
    return first + sorted(waiting.values(), key=lambda at: (lots[at], at))


def _planted(order: list[str], gold: Sequence[str], first: int, seed: str) -> list[str]:
    """Return the sample with planted rows spread among the `first` ones.

    All of them are labelled before the audit can pass, so that nobody chooses how many count.
    """
    mixed = sorted(gold, key=lambda each: lot(f"{seed} gold", each))
    slots: dict[int, list[str]] = {}
    for number, each in enumerate(mixed):
        within = lot(f"{seed} slot", each) / 2**64
        slots.setdefault(int((number + within) * first / len(mixed)), []).append(each)
    return [each for at, row in enumerate(order) for each in (*slots.get(at, ()), row)]


def sample_lines(rows: Iterable[Row], plan: AuditPlan) -> Iterator[bytes]:
    """Yield the sample in the order of labelling, each line without what could sway a reviewer.

    Of the provenance only the id stays, beside the plan and the row's position. `rows` are those
    of the set and the planted ones.
    """
    wanted = set(plan.sample)
    payloads = {row.id: row.payload for row in rows if row.id in wanted}
    for position, row_id in enumerate(plan.sample, 1):
        ours = {"id": row_id, "plan": plan.plan, "position": position}
        yield attach(payloads[row_id], OURS, msgspec.json.encode(ours))


def check_set(plan: AuditPlan, frozen: Frozen, path: str, gold: Sequence[str] = ()) -> Drawn:
    """Return the draw again, or raise `Stale` unless the plan is the one of this set, and no other.

    `gold` are the ids of the planted rows.
    """
    if len(frozen.ids) != plan.rows:
        raise Stale(f"{path}: is a plan for {plan.rows:,} rows, these are {len(frozen.ids):,}")
    if set_digest(frozen.ids) != plan.set_digest:
        raise Stale(f"{path}: is a plan for other rows: the set changed after the draw")
    try:
        drawn = draw(frozen, terms_of(plan, gold))
    except UsageError:
        raise Stale(f"{path}: the plan was changed: nobody can draw it") from None
    if drawn.plan.waiting_digest != plan.waiting_digest:
        raise Stale(f"{path}: other rows needed a person of their own (needs: human) at the draw")
    if drawn.plan != plan:
        raise Stale(f"{path}: the sample is not the one that this set and nonce draw")
    return drawn
