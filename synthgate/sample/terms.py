"""What a draw is asked for: everything but the rows."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from synthgate.errors import Stale
from synthgate.sample.frozen import set_digest
from synthgate.sample.plan import AuditPlan, NonceFrom, Spend

Focus = tuple[tuple[str, str], ...]
OF_PLAN = (
    "min_pass", "confidence", "max_n", "seed", "nonce", "nonce_from", "of", "lineage", "spend",
    "attempt", "everyone",
)  # fmt: skip


class Terms(msgspec.Struct, frozen=True):
    """The settings of a draw, with the defaults of the command.

    `floor` is the share of a slice that must be right, 0 for none, `slice_n` the labels of a slice;
    `focus` narrows both to some slices. `gold` are the ids of the planted rows, sorted.
    """

    min_pass: float = 0.9
    confidence: float = 0.95
    max_n: int = 100
    seed: int = 0
    nonce: str = ""
    nonce_from: NonceFrom = "self"
    of: Literal["set", "rejects"] = "set"
    lineage: str = ""
    spend: Spend = "attempt"
    attempt: int = 1
    max_attempts: int = 0
    by: tuple[str, ...] = ()
    floor: float = 0.0
    slice_n: int = 30
    focus: Focus = ()
    gold: tuple[str, ...] = ()
    min_sensitivity: float = 0.5
    overlap: int = 0
    everyone: bool = False
    require: tuple[str, ...] = ()

    @property
    def seeding(self) -> str:
        """What the draw depends on beside the set; a nonce counts for what it is said to be."""
        return str(self.seed) if self.nonce_from == "self" else f"{self.nonce_from}:{self.nonce}"

    @property
    def gold_digest(self) -> str:
        """The digest of the planted rows, "" without any."""
        return set_digest(map(bytes.fromhex, self.gold)) if self.gold else ""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields whose slices are told apart."""
        return tuple(dict.fromkeys([*self.by, *(name for name, _ in self.focus)]))

    def policy(self) -> dict[str, Any]:
        """Return what somebody decided about the audit, apart from the rows and the draw."""
        return {
            "min_pass": self.min_pass,
            "confidence": self.confidence,
            "max_n": self.max_n,
            "spend": self.spend,
            "max_attempts": self.max_attempts,
            "by": list(self.by),
            "slice_min_pass": self.floor,
            "slice_max_n": self.slice_n,
            "focus": [list(each) for each in self.focus],
            "min_sensitivity": self.min_sensitivity,
            "overlap": self.overlap,
            "require": sorted(self.require),
        }


def terms_of(plan: AuditPlan, gold: Sequence[str] = ()) -> Terms:
    """Return the terms that a plan says it was drawn by, or raise `Stale` where it says none."""
    policy = plan.policy
    found: dict[str, Any] = {name: getattr(plan, name) for name in OF_PLAN}
    found |= {name: policy.get(name) for name in ("max_attempts", "min_sensitivity", "overlap")}
    found |= {"floor": policy.get("slice_min_pass"), "slice_n": policy.get("slice_max_n")}
    found |= {name: policy.get(name, ()) for name in ("by", "focus", "require")}
    try:
        return msgspec.convert({**found, "gold": tuple(gold)}, Terms)
    except msgspec.ValidationError as error:
        raise Stale(f"the plan was changed: its policy is none: {error}") from None


def nonce_of(secret: str, digest: str) -> str:
    """Return the nonce that a secret gives the set of a digest.

    The secret itself is not written down: who reads one plan could else foresee the next draw.
    """
    return hmac.new(secret.encode(), digest.encode(), hashlib.sha256).hexdigest()
