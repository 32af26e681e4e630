"""What an audit is asked for, from its settings, and the record of the audits before it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from synthgate.errors import InputError, Stale, UsageError
from synthgate.jsonl import Log, open_log, read_file
from synthgate.sample import Terms, nonce_of, read_plan
from synthgate.sample.attempts import Attempt, Ledger, attempt_of
from synthgate.sample.terms import Focus

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy
    from synthgate.sample import AuditPlan

REQUIRABLE = ("nonce", "chain", "signature", "ledger")
LEDGER = "audits.jsonl"
# Settings that decide what an audit shows, by their name in the plan's policy.
DECIDING = (
    "min_pass", "confidence", "max_n", "spend", "max_attempts", "by", "slice_min_pass",
    "slice_max_n", "focus", "min_sensitivity", "overlap", "require",
)  # fmt: skip
OF_THE_PLAN = ("lineage", "of")  # the same, where the plan itself holds them


def terms(io: Session, policy: AuditPolicy, gold: Iterable[str] = ()) -> Terms:
    """Return the terms of a draw, its nonce and number apart."""
    for each in policy.require:
        if each not in REQUIRABLE:
            raise UsageError(f"--require {each}: is none of {', '.join(REQUIRABLE)}")
    return Terms(
        min_pass=policy.min_pass,
        confidence=policy.confidence,
        max_n=policy.max_n,
        seed=io.options.seed,
        of=policy.of,
        lineage=policy.lineage,
        spend=policy.spend,
        max_attempts=policy.max_attempts,
        by=tuple(dict.fromkeys(policy.by)),
        floor=policy.slice_min_pass,
        slice_n=policy.slice_max_n,
        focus=_focus(io, policy.focus) if policy.focus else (),
        gold=tuple(sorted(set(gold))),
        min_sensitivity=policy.min_sensitivity,
        overlap=policy.overlap,
        everyone=policy.everyone,
        require=tuple(sorted(set(policy.require))),
    )


def _focus(io: Session, path: str) -> Focus:
    """Return the slices that a file of findings names; lines that name none are skipped."""
    found = set()
    for row in io.records(path, "against"):
        field, value = row.value.get("field"), row.value.get("value")
        if field is None and isinstance(row.value.get("slice"), str):
            field, _, value = row.value["slice"].partition("=")
        if isinstance(field, str) and isinstance(value, str):
            found.add((field, value))
    if not found:
        raise InputError(f"{path}: names no slice: no line has a field and a value")
    return tuple(sorted(found))


def gold_ids(io: Session, path: str) -> tuple[str, ...]:
    """Return the ids of the planted rows, sorted."""
    if not path:
        return ()
    found = tuple(sorted({row.id for row in io.records(path, "against")}))
    if not found:
        raise InputError(f"{path}: there is no row to plant")
    return found


def outside_nonce(policy: AuditPolicy, set_digest: str) -> tuple[str, str]:
    """Return (where the nonce of a draw is from, the nonce); "self" where none is given."""
    if policy.nonce and policy.nonce_env:
        raise UsageError("--nonce and --nonce-env contradict each other")
    if policy.nonce:
        return "given", policy.nonce
    if not policy.nonce_env:
        return "self", ""
    secret = os.environ.get(policy.nonce_env, "")
    if not secret:
        raise UsageError(f"--nonce-env {policy.nonce_env}: this variable is not set, or empty")
    return "env", nonce_of(secret, set_digest)


def deciding(io: Session, policy: AuditPolicy) -> dict[str, Any]:
    """Return the deciding settings that somebody stated, by flag, environment or file."""
    asked = terms(io, policy)
    now = asked.policy() | {name: getattr(asked, name) for name in OF_THE_PLAN}
    return {name: now[name] for name in (*DECIDING, *OF_THE_PLAN) if name in io.stated}


# --- the ledger -------------------------------------------------------------------------


def ledger_path(policy: AuditPolicy) -> str:
    """Return where the ledger lies: as named, or in the run folder; "" for nowhere."""
    folder = os.environ.get("SYNTHGATE_RUN_DIR")
    return policy.ledger or (os.path.join(folder, LEDGER) if folder else "")


def open_ledger(io: Session, path: str) -> tuple[Log | None, Ledger]:
    """Open the ledger for the rest of a draw, with a lock; made if it is not there."""
    if not path or (io.options.dry_run and not os.path.exists(path)):
        return None, Ledger((), path)
    if not io.options.dry_run:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    log = io.enter_context(open_log(path, write=not io.options.dry_run))
    return log, Ledger((line for _, line in log.lines()), path)


def plan_before(path: str) -> list[Attempt]:
    """Return the draw of a plan that is to be replaced: it counts, too."""
    if not os.path.isfile(path):
        return []
    try:
        return [attempt_of(read_plan(read_file(path).decode(), path))]
    except (InputError, Stale, UnicodeDecodeError):
        return []  # no plan, or one that no gate would take


def check_ledger(policy: AuditPolicy, plan: AuditPlan) -> bool:
    """Tell whether a ledger is there that holds this draw; raise `Stale` where it does not."""
    path = ledger_path(policy)
    if plan.of == "rejects" or not path:
        return False
    if not os.path.exists(path):
        if policy.ledger:
            raise Stale(f"{path}: no such ledger: without it nobody can tell what was drawn before")
        return False
    with open_log(path, write=False) as log:
        ledger = Ledger((line for _, line in log.lines()), path)
    if not ledger.holds(plan):
        raise Stale(f"{path}: does not hold the draw of {policy.plan}")
    return True
