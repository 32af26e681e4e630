"""The audit plan as the document that people keep: what is audited, and when it passes.

Everything in it recomputes: its digests from its own text, its numbers from its settings, its
sample from the rows. So a gate believes none of it; it does the work again and compares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal

import msgspec

from synthgate.errors import BadLine, InputError, Stale, UsageError
from synthgate.rows import parse
from synthgate.stats.plan import make_plan

NonceFrom = Literal["self", "given", "env"]
Spend = Literal["attempt", "lineage"]


class SlicePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of one slice; without a floor its labels are counted and decide nothing.

    `labels` is how many rows of it the sample holds at least.
    """

    field: str
    value: str
    rows: int
    labels: int
    pass_points: tuple[int, ...] = ()
    stop_at_failures: int = 0

    @property
    def name(self) -> str:
        """The slice as reports name it."""
        return f"{self.field}={self.value}"


class AuditPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an audit is about and when it passes, fixed before the first label.

    `plan` is the digest of all the rest. `sample` holds the ids in the order of labelling: first
    the `drawn` rows that decide, planted rows mixed in, then what slices and people need beyond.
    `waiting_digest` is about the rows that need a person of their own, "" for none.
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
    of: Literal["set", "rejects"] = "set"
    nonce: str = ""
    nonce_from: NonceFrom = "self"
    lineage: str = ""
    spend: Spend = "attempt"
    risk: float = 0.05
    slices: tuple[SlicePlan, ...] = ()
    gold: int = 0
    gold_digest: str = ""
    everyone: bool = False
    waiting_digest: str = ""
    policy: dict[str, Any] = {}
    policy_digest: str = ""

    @property
    def drawn(self) -> int:
        """How many rows of the set decide."""
        return min(self.max_n, self.rows)

    @property
    def overlap(self) -> int:
        """How many rows, the first ones, two people must label."""
        return int(self.policy.get("overlap", 0))


def confidence_of(confidence: float, spend: Spend, attempt: int) -> Fraction:
    """Return the confidence that an attempt must reach.

    An attempt spends the whole risk, or, of a lineage, half of what the attempts before it left:
    then all of them together stay within the risk.
    """
    risk = 1 - Fraction(str(confidence))
    return 1 - (risk / 2**attempt if spend == "lineage" else risk)


def digest_of(value: Any) -> str:
    """Return the SHA-256 of a value as JSON: keys sorted, no blanks."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def ids_digest(ids: Iterable[str]) -> str:
    """Return the SHA-256 over ids in their order, one a line."""
    return hashlib.sha256("".join(f"{each}\n" for each in ids).encode()).hexdigest()


def sealed(plan: AuditPlan) -> AuditPlan:
    """Return the plan with the digests that its contents give."""
    policy, sample = digest_of(plan.policy), ids_digest(plan.sample)
    whole = msgspec.structs.replace(plan, policy_digest=policy, sample_digest=sample)
    rest = {key: value for key, value in msgspec.to_builtins(whole).items() if key != "plan"}
    if not whole.waiting_digest:
        del rest["waiting_digest"]  # the digest is what it was before plans knew of such rows
    return msgspec.structs.replace(whole, plan=digest_of(rest))


def plan_text(plan: AuditPlan) -> bytes:
    """Return a plan as the JSON document that people keep."""
    return json.dumps(msgspec.to_builtins(plan), indent=2).encode()


def read_plan(text: str, path: str) -> AuditPlan:
    """Return the plan in a document, or raise `InputError` when it is none.

    Raises `Stale` when its digests or its own numbers do not recompute.
    """
    try:
        plan = msgspec.convert(parse(text.encode()), AuditPlan)
    except (BadLine, msgspec.ValidationError) as error:
        raise InputError(f"{path}: is not an audit plan: {error}") from None
    in_range = (
        0 < plan.min_pass < 1
        and 0.5 < plan.confidence < 1
        and 0 < plan.attempt < 1000
        and plan.drawn + plan.gold <= len(plan.sample)
    )
    if not in_range or sealed(plan) != plan or _numbers(plan) != _stated(plan):
        raise Stale(f"{path}: the plan was changed: its numbers do not recompute")
    return plan


def _stated(plan: AuditPlan) -> tuple[float, tuple[int, ...], int]:
    return plan.risk, plan.pass_points, plan.stop_at_failures


def _numbers(plan: AuditPlan) -> tuple[float, tuple[int, ...], int] | None:
    """Return risk, pass points and stop as the settings of a plan give them."""
    level = confidence_of(plan.confidence, plan.spend, plan.attempt)
    if plan.of == "rejects":
        return float(1 - level), (), 0
    try:
        numbers = make_plan(plan.rows, plan.min_pass, level, plan.max_n)
    except UsageError:
        return None
    return float(1 - level), numbers.pass_points, numbers.stop_at_failures


def changed_policy(plan: AuditPlan, stated: Mapping[str, Any]) -> str:
    """Return what is asked for now and was not when the sample was drawn, "" for nothing."""
    was = {key: plan.policy.get(key, getattr(plan, key, None)) for key in stated}
    return ", ".join(
        f"{key} was {was[key]}, is {value}" for key, value in stated.items() if was[key] != value
    )
