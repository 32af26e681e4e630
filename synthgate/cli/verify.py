"""Check every candidate with something other than its generator; keep what passes.

Checks: answer[:FIELD] the final answer equals the gold, agree:FILE it equals another generator's,
rule:FILE lengths and patterns, arithmetic every written calculation is right (weak). A row is kept
when no check fails or errs and at least one passes. Memory: one row; agree holds its file's index.

Example: synthgate verify raw.jsonl -o good.jsonl --rejects bad.jsonl --check answer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import VerifyPolicy

COMMAND = Command("verify")


def run(io: Session, policy: VerifyPolicy) -> None:
    """Build the checks, read rows, keep those that pass."""
    from synthgate.stages.verify import verify
    from synthgate.verifiers import Bench, assemble

    # The checks come first: their files must be known before an output is opened over one.
    bench = Bench(
        policy, lambda path: io.reference(path, "agree"), lambda path: io.text(path, "rule")
    )
    checks = assemble(policy.check, bench)
    rows, shape = io.read()
    record = io.open("evidence", policy.evidence).write if policy.evidence else None
    io.settle(verify(rows, shape, checks, record))
