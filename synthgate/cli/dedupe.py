"""Drop rows that are invalid (no text, empty, blank) and rows that repeat an earlier one.

Exact on normalised text: NFC, case folded, white space runs as one blank. The reject names the
survivor. Memory: about 250 bytes for each distinct row.

Example: synthgate dedupe raw.jsonl -o unique.jsonl --rejects repeats.jsonl
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import DedupePolicy

COMMAND = Command("dedupe")


def run(io: Session, policy: DedupePolicy) -> None:
    """Read rows, drop invalid and repeated ones."""
    from synthgate.stages.dedupe import dedupe

    rows, shape = io.read()
    io.settle(dedupe(rows, shape, policy))
