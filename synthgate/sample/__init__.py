"""A set frozen by its digest, the sample drawn from it, and what people said about the sample.

Everything that people rely on recomputes: the plan from the ids and its settings, the sample from
the plan. So a gate believes none of it; it does the work again and compares.
"""

from synthgate.sample.draw import Drawn, check_set, draw, freeze, sample_lines
from synthgate.sample.frozen import Frozen, freeze_rows, frozen_ids, set_digest
from synthgate.sample.plan import AuditPlan, SlicePlan, changed_policy, plan_text, read_plan
from synthgate.sample.said import Labels, looked_at
from synthgate.sample.terms import Terms, nonce_of

__all__ = [
    "AuditPlan",
    "Drawn",
    "Frozen",
    "Labels",
    "SlicePlan",
    "Terms",
    "changed_policy",
    "check_set",
    "draw",
    "freeze",
    "freeze_rows",
    "frozen_ids",
    "looked_at",
    "nonce_of",
    "plan_text",
    "read_plan",
    "sample_lines",
    "set_digest",
]
