"""The evidence of a gate: plan, set, nonce, ledger, labels and signature, each computed again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthgate.cli.audit_import import read_plan_of
from synthgate.cli.audit_terms import check_ledger, deciding, gold_ids, outside_nonce
from synthgate.errors import InputError, Stale, UsageError
from synthgate.jsonl import Source, read_file
from synthgate.review.items import parts
from synthgate.rows import Row
from synthgate.sample import (
    AuditPlan,
    Drawn,
    Labels,
    changed_policy,
    check_set,
    freeze_rows,
    set_digest,
)
from synthgate.sample.terms import terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synthgate.cli.common import Session
    from synthgate.config import AuditPolicy


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on; `ids` are those of the set, sorted.

    `characters` has the length of the sampled rows, by id.
    """

    drawn: Drawn
    labels: Labels
    ids: Sequence[bytes]
    characters: dict[str, int]
    gold: tuple[str, ...]
    signer: str
    on_record: bool

    @property
    def plan(self) -> AuditPlan:
        """The plan, which is what set and nonce draw."""
        return self.drawn.plan


def gather(io: Session, policy: AuditPolicy, source: Source) -> Evidence:
    """Read the evidence, or raise `Stale` where a part of it does not belong to the others."""
    plan = read_plan_of(io, policy)
    if changed := changed_policy(plan, deciding(io, policy)):
        raise Stale(f"{policy.plan}: was drawn under another policy: {changed}")
    gold = _gold(io, policy, plan)
    _check_nonce(policy, plan)
    bare: list[str] = []
    characters = dict.fromkeys(plan.sample, 0)
    rows = _measured(_noting(io.watched(iter(source)), bare), characters)
    frozen = freeze_rows(rows, terms_of(plan).fields)
    if not frozen.ids:
        raise InputError("no rows: there is nothing to release")
    drawn = check_set(plan, frozen, policy.plan, gold)
    if bare and plan.of == "set" and not policy.unverified:
        raise Stale(
            f"{bare[0]}: is verified by nothing: run verify on it, or say why not with "
            "--unverified REASON"
        )
    recorded = check_ledger(policy, plan)
    labels = _labels(io, policy, plan)
    signer = _signer(io, policy) if policy.allowed_signers else ""
    _require(plan, policy, labels, signer=bool(signer), recorded=recorded)
    return Evidence(drawn, labels, frozen.ids, characters, gold, signer, recorded)


def _noting(rows: Iterator[Row], bare: list[str]) -> Iterator[Row]:
    """Pass the rows on and note where the first synthetic one stands that nothing verified."""
    for row in rows:
        if not bare and row.provenance.synthetic and not row.provenance.verified_by:
            bare.append(f"{row.file}:{row.line}")
        yield row


def _measured(rows: Iterator[Row], characters: dict[str, int]) -> Iterator[Row]:
    """Pass the rows on and note how much there is to read in those of the sample."""
    for row in rows:
        if row.id in characters:
            characters[row.id] = sum(len(part.text) for part in parts(row.value))
        yield row


def _gold(io: Session, policy: AuditPolicy, plan: AuditPlan) -> tuple[str, ...]:
    """Return the ids of the planted rows, which the plan knows by their digest alone."""
    gold = gold_ids(io, policy.gold)
    if plan.gold and not gold:
        raise Stale(f"{policy.plan}: {plan.gold} rows were planted: name them with --gold FILE")
    if (set_digest(map(bytes.fromhex, gold)) if gold else "") != plan.gold_digest:
        raise Stale(f"{policy.gold}: these are not the rows that were planted")
    return gold


def _check_nonce(policy: AuditPolicy, plan: AuditPlan) -> None:
    kind, nonce = outside_nonce(policy, plan.set_digest)
    if kind != "self" and (kind, nonce) != (plan.nonce_from, plan.nonce):
        raise Stale(f"{policy.plan}: was not drawn with this nonce")
    wanted = "nonce" in (*policy.require, *plan.policy.get("require", ()))
    if wanted and kind == "self":
        raise Stale(
            f"{policy.plan}: the policy requires a nonce from outside: tell it to the gate, too, "
            "with --nonce-env or --nonce"
        )


def _labels(io: Session, policy: AuditPolicy, plan: AuditPlan) -> Labels:
    labels = Labels(plan)
    for row in io.source([policy.labels], role="labels"):
        labels.add(row)
    return labels


def _signer(io: Session, policy: AuditPolicy) -> str:
    """Return who signed the labels that were read, or raise `Stale` where it is nobody allowed."""
    from synthgate.signing import signer

    if not os.path.isfile(policy.labels):
        raise UsageError(f"--labels {policy.labels}: only a file can be signed")
    path = f"{policy.labels}.sig"
    if not os.path.exists(path):
        raise Stale(f"{path}: is missing: ssh-keygen -Y sign -n synthgate -f KEY {policy.labels}")
    data = read_file(policy.labels)
    if io.sources[-1].streams[0].sha256 != hashlib.sha256(data).hexdigest():
        raise Stale(f"{policy.labels}: changed while it was being read")
    try:
        return signer(data, read_file(path), policy.allowed_signers)
    except Stale as error:
        raise Stale(f"{path}: {error}") from None


def _require(
    plan: AuditPlan, policy: AuditPolicy, labels: Labels, *, signer: bool, recorded: bool
) -> None:
    """Raise `Stale` where the policy insists on evidence that is not there."""
    wanted = {*policy.require, *plan.policy.get("require", ())}
    if "chain" in wanted and labels.reviewers and not labels.head:
        raise Stale(f"{policy.labels}: the policy requires a label log: audit import makes one")
    if "signature" in wanted and not signer:
        raise Stale(f"{policy.labels}: the policy requires a signature: --allowed-signers FILE")
    if "ledger" in wanted and not recorded:
        raise Stale(f"{policy.plan}: the policy requires a ledger that holds it: --ledger FILE")
