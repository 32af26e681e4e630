"""Freeze a set of rows and draw the random sample that people label.

The plan says when the audit passes and when it stops; both are fixed here, before the first
label. Memory: 110 bytes a row, 190 with slices; two passes (stdin is kept in a temporary file).

Example: synthgate audit draw verified.jsonl -o sample.jsonl --plan plan.json
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy
    from synthgate.rows import Row
    from synthgate.sample import Drawn, Frozen, Terms

COMMAND = Command(
    "audit-draw",
    groups=(),
    fields=(
        "plan", "min_pass", "confidence", "max_n", "nonce", "nonce_env", "by", "slice_min_pass",
        "slice_max_n", "focus", "gold", "min_sensitivity", "overlap", "everyone", "of", "lineage",
        "ledger", "max_attempts", "spend", "require",
    ),
    table="audit",
)  # fmt: skip


def run(io: Session, policy: AuditPolicy) -> None:
    """Read the rows twice: for the plan, and for the rows of its sample."""
    from synthgate.cli.audit_terms import gold_ids, terms
    from synthgate.errors import InputError, UsageError
    from synthgate.sample import freeze_rows, plan_text, sample_lines

    if not policy.plan:
        raise UsageError("name the file for the plan with --plan FILE")
    if policy.slice_min_pass and not policy.by and not policy.focus:
        raise UsageError("--slice-min-pass: of which slices? Name a field with --by, or --focus")
    source = io.source(again=True)
    asked = terms(io, policy, gold_ids(io, policy.gold))
    io.open_outputs()
    document = io.open("plan", policy.plan, whole=True)
    unverified = [0]
    frozen = freeze_rows(_counting(io.watched(iter(source)), unverified), asked.fields)
    if not frozen.ids:
        raise InputError("no rows: there is nothing to audit")
    drawn = _numbered(io, policy, frozen, asked)
    output = io.sinks["output"]
    planted: Iterable[Row] = io.records(policy.gold, "against") if policy.gold else ()
    for line in sample_lines(chain(source, planted), drawn.plan):
        output.write(line)
    document.write(plan_text(drawn.plan))
    if unverified[0] and policy.of == "set":
        io.note(f"{unverified[0]:,} synthetic rows are verified by nothing: the gate refuses them")
    _account(io, drawn, len(frozen.ids))


def _counting(rows: Iterator[Row], unverified: list[int]) -> Iterator[Row]:
    for row in rows:
        unverified[0] += row.provenance.synthetic and not row.provenance.verified_by
        yield row


def _numbered(io: Session, policy: AuditPolicy, frozen: Frozen, asked: Terms) -> Drawn:
    """Draw, with the number that the ledger and the plan before this one give, and record it."""
    import msgspec

    from synthgate.cli.audit_terms import ledger_path, open_ledger, outside_nonce, plan_before
    from synthgate.errors import Stale, UsageError
    from synthgate.sample import draw, set_digest
    from synthgate.sample.attempts import attempt_of, intended, number_of

    digest = set_digest(frozen.ids)
    kind, nonce = outside_nonce(policy, digest)
    if kind != "self" and io.options.seed:
        raise UsageError("--seed is a nonce of your own: leave it out beside --nonce")
    if kind == "self" and "nonce" in asked.require:
        raise Stale("the policy requires a nonce from outside: --nonce-env or --nonce")
    asked = msgspec.structs.replace(asked, nonce=nonce, nonce_from=kind)
    if asked.of == "rejects":
        return draw(frozen, asked)
    log, ledger = open_ledger(io, ledger_path(policy))
    known = [*ledger.known, *plan_before(policy.plan)]
    number = number_of(known, intended(digest, asked), asked.max_attempts)
    drawn = draw(frozen, msgspec.structs.replace(asked, attempt=number))
    line = ledger.add(attempt_of(drawn.plan))
    if log is not None and line and not io.options.dry_run:
        log.append(line)
    return drawn


def _account(io: Session, drawn: Drawn, rows: int) -> None:
    """Fill the manifest: what was drawn, and what that must show."""
    plan, output = drawn.plan, io.sinks["output"]
    io.manifest.rows_out = output.rows
    io.looked_at = rows - output.rows  # planted rows are no rows of the set
    io.manifest.findings = _findings(drawn, output.rows)
    io.manifest.findings["not_sampled"] = rows + plan.gold - output.rows
    more = output.rows - plan.drawn
    text = f"drew {plan.drawn:,} of {plan.rows:,} rows{f' and {more:,} more' * bool(more)}"
    if plan.pass_points:
        text += (
            f"; without a failure the audit passes at label {plan.pass_points[0]}, at failure "
            f"{plan.stop_at_failures} it stops"
        )
    if plan.attempt > 1:
        text += f"; attempt {plan.attempt}, {plan.attempt} x {100 * plan.risk:g} %"
    if plan.nonce_from == "self":
        text += " (self-drawn)"
    io.headline = text


def _findings(drawn: Drawn, sampled: int) -> dict[str, Any]:
    plan = drawn.plan
    return {
        "plan": plan.plan,
        "set_digest": plan.set_digest,
        "attempt": plan.attempt,
        "lineage": plan.lineage,
        "nonce_from": plan.nonce_from,
        "policy_digest": plan.policy_digest,
        "sampled": sampled,
        "planted": plan.gold,
        "topped_up": sampled - plan.drawn - plan.gold,
        "pass_points": list(plan.pass_points),
        "stop_at_failures": plan.stop_at_failures,
        "slices": {each.name: each.labels for each in plan.slices},
    }
