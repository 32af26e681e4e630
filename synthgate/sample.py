"""A set frozen by its digest, the sample drawn from it, and what people said about the sample.

Everything that people rely on recomputes: the plan from the ids and five settings, the sample
from the plan. So a gate believes none of it; it does the work again and compares.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from synthgate.errors import BadLine, InputError, Stale, UsageError
from synthgate.labels import WORST_FIRST, Label, Said, read_label
from synthgate.provenance import attach
from synthgate.rows import OURS, Row, lot, parse
from synthgate.stats.plan import make_plan


class AuditPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an audit is about and when it passes, fixed before the first label.

    `plan` is the digest of all the rest; `sample` holds the row ids in the order of labelling.
    """

    plan: str
    attempt: int
    set_digest: str
    rows: int
    min_pass: float
    confidence: float
    max_n: int
    pass_points: tuple[int, ...]
    stop_at_failures: int
    seed: int
    sample_digest: str
    sample: tuple[str, ...]


# --- freezing a set ---------------------------------------------------------------------


def frozen_ids(rows: Iterable[Row]) -> list[bytes]:
    """Return the ids of the rows, sorted: what a set is, whatever order its rows come in."""
    return sorted(bytes.fromhex(row.id) for row in rows)


def set_digest(ids: Iterable[bytes]) -> str:
    """Return the SHA-256 over sorted ids, one in hex a line; equal rows count each time."""
    digest = hashlib.sha256()
    for each in ids:
        digest.update(each.hex().encode() + b"\n")
    return digest.hexdigest()


def freeze(
    ids: Sequence[bytes], min_pass: float, confidence: float, max_n: int, seed: int
) -> AuditPlan:
    """Return the audit plan of a set given by its sorted ids.

    The draw is seeded by the set itself, so that a set has one sample a seed. Raises `UsageError`
    when `max_n` labels cannot show `min_pass`.
    """
    numbers = make_plan(len(ids), min_pass, confidence, max_n)
    digest = set_digest(ids)
    sample = _sample(ids, hashlib.sha256(f"{digest}\n{seed}".encode()).hexdigest(), numbers.sample)
    plan = AuditPlan(
        plan="",
        attempt=1,
        set_digest=digest,
        rows=len(ids),
        min_pass=min_pass,
        confidence=confidence,
        max_n=max_n,
        pass_points=numbers.pass_points,
        stop_at_failures=numbers.stop_at_failures,
        seed=seed,
        sample_digest=_sample_digest(sample),
        sample=sample,
    )
    return msgspec.structs.replace(plan, plan=_plan_digest(plan))


def _sample(ids: Sequence[bytes], seed: str, size: int) -> tuple[str, ...]:
    """Return the ids with the smallest lots, in the order of their lots.

    Equal rows draw a lot each, by occurrence: with one lot for all of them the sample would not
    be a random one, and the bound would not hold.
    """
    lots = heapq.nsmallest(size, _lots(ids, seed))
    return tuple(each for _, each in lots)


def _lots(ids: Sequence[bytes], seed: str) -> Iterator[tuple[int, str]]:
    before, occurrence = b"", 0
    for each in ids:
        occurrence = occurrence + 1 if each == before else 0
        before, name = each, each.hex()
        yield lot(seed, f"{name}#{occurrence}" if occurrence else name), name


def _sample_digest(sample: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{each}\n" for each in sample).encode()).hexdigest()


def _plan_digest(plan: AuditPlan) -> str:
    """Return the SHA-256 of a plan's JSON without `plan`: keys sorted, no blanks."""
    rest = {key: value for key, value in msgspec.to_builtins(plan).items() if key != "plan"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def plan_text(plan: AuditPlan) -> bytes:
    """Return a plan as the JSON document that people keep."""
    return json.dumps(msgspec.to_builtins(plan), indent=2).encode()


def sample_lines(rows: Iterable[Row], plan: AuditPlan) -> Iterator[bytes]:
    """Yield the sample in the order of labelling, each line without what could sway a reviewer.

    Of the provenance only the id stays, beside the plan and the row's position.
    """
    wanted = set(plan.sample)
    payloads = {row.id: row.payload for row in rows if row.id in wanted}
    for position, row_id in enumerate(plan.sample, 1):
        ours = {"id": row_id, "plan": plan.plan, "position": position}
        yield attach(payloads[row_id], OURS, msgspec.json.encode(ours))


def read_plan(text: str, path: str) -> AuditPlan:
    """Return the plan in a document, or raise `InputError` when it is none.

    Raises `Stale` when its digest or its own numbers do not recompute.
    """
    try:
        plan = msgspec.convert(parse(text.encode()), AuditPlan)
    except (BadLine, msgspec.ValidationError) as error:
        raise InputError(f"{path}: is not an audit plan: {error}") from None
    sound = (
        plan.plan == _plan_digest(plan)
        and plan.sample_digest == _sample_digest(plan.sample)
        and len(plan.sample) == min(plan.max_n, plan.rows)
        and 0 < plan.min_pass < 1
        and 0.5 < plan.confidence < 1
    )
    if not sound or _numbers(plan) != (plan.pass_points, plan.stop_at_failures):
        raise Stale(f"{path}: the plan was changed: its numbers do not recompute")
    return plan


def _numbers(plan: AuditPlan) -> tuple[tuple[int, ...], int] | None:
    try:
        numbers = make_plan(plan.rows, plan.min_pass, plan.confidence, plan.max_n)
    except UsageError:
        return None
    return numbers.pass_points, numbers.stop_at_failures


def check_set(plan: AuditPlan, ids: Sequence[bytes], path: str) -> None:
    """Raise `Stale` unless the plan is the one that this set, and no other, has."""
    if len(ids) != plan.rows:
        raise Stale(f"{path}: is a plan for {plan.rows:,} rows, these are {len(ids):,}")
    if set_digest(ids) != plan.set_digest:
        raise Stale(f"{path}: is a plan for other rows: the set changed after the draw")
    if freeze(ids, plan.min_pass, plan.confidence, plan.max_n, plan.seed) != plan:
        raise Stale(f"{path}: the sample is not the one that this set and seed draw")


# --- labels -----------------------------------------------------------------------------


class Labels:
    """The labels of one plan, checked line by line as they are added."""

    def __init__(self, plan: AuditPlan) -> None:
        self.plan = plan
        self._sample = set(plan.sample)
        self._said = Said()

    def add(self, row: Row) -> bool:
        """Add one label line; return False where it says again what is known.

        Raises `InputError` when it is no label or contradicts an earlier one of its reviewer, and
        `Stale` when it is about another sample.
        """
        label = read_label(row)
        where = f"{row.file}:{row.line}"
        if row.value.get("plan", self.plan.plan) != self.plan.plan:
            raise Stale(f"{where}: is a label for another plan")
        if label.id not in self._sample:
            raise Stale(f"{where}: {label.id[:64]} is not in the plan's sample")
        return self._said.add(row, label)

    @property
    def reviewers(self) -> list[str]:
        """The names of everybody who labelled."""
        return sorted({name for labels in self._said.by_id.values() for name in labels})

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each labelled id: the worst one given, so that any doubt counts."""
        return {
            row_id: min((each.verdict for each in labels.values()), key=WORST_FIRST.index)
            for row_id, labels in self._said.by_id.items()
        }

    @property
    def digest(self) -> str:
        """SHA-256 over what was said: `[id, verdict, reviewer]` a line, in the order of `lines`."""
        digest = hashlib.sha256()
        for label in self._ordered():
            said = json.dumps([label.id, label.verdict, label.reviewer], separators=(",", ":"))
            digest.update(said.encode() + b"\n")
        return digest.hexdigest()

    def lines(self) -> Iterator[bytes]:
        """Yield the label lines in the order of the sample, reviewers by name."""
        for label in self._ordered():
            said = {"id": label.id, "verdict": label.verdict, "reviewer": label.reviewer}
            line = {**said, "plan": self.plan.plan, **label.more}
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()

    def _ordered(self) -> Iterator[Label]:
        for row_id in dict.fromkeys(self.plan.sample):
            yield from (label for _, label in sorted(self._said.by_id.get(row_id, {}).items()))


def looked_at(plan: AuditPlan, verdicts: Mapping[str, str]) -> tuple[tuple[str, ...], int]:
    """Return the sampled ids on which a precision may be measured, and in how many looks.

    Labelling may end at a pass point, at the failure that stops the audit, or with the sample; at
    any other point somebody may have chosen to end it. With all labels there, all count.
    """
    looks = len({*plan.pass_points, len(plan.sample)}) + 1
    if all(row_id in verdicts for row_id in plan.sample):
        return plan.sample, looks
    failures = 0
    for number, row_id in enumerate(plan.sample, 1):
        if row_id not in verdicts:
            break
        failures += verdicts[row_id] != "pass"
        if failures >= plan.stop_at_failures or number >= plan.pass_points[failures]:
            return plan.sample[:number], looks
    return (), looks
