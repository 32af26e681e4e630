"""Drop rows that are invalid, that repeat other rows, or that were copied from a reference.

Repeats are exact (equal after NFC, case folding and white space runs becoming one blank), near
(Jaccard similarity of word 3-grams, found by MinHash and then computed exactly, of the prompts
and of the responses) or fuzzy (short texts with one word spelt differently). --against drops what
shares 8 words in a row with an evaluation set. Each reject names the row that was kept instead,
and no chain of small steps drops what resembles nothing kept. Memory: about 100 bytes a row; rows
are read twice, and any number of --workers writes the same bytes.

Example: synthgate dedupe raw.jsonl -o unique.jsonl --rejects repeats.jsonl
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from synthgate.cli.options import Command, Declaring, Shaping, Spreading, Stamping

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import DedupePolicy
    from synthgate.rows import Row

COMMAND = Command("dedupe", groups=(Shaping, Stamping, Declaring, Spreading))


def run(io: Session, policy: DedupePolicy) -> None:
    """Read rows, drop excluded, invalid, repeated and contaminated ones."""
    from synthgate.cli.excluding import excluding

    barred = excluding(io, policy.exclude)
    if io.options.engine == "ray":
        from synthgate.cli.dedupe_on_ray import drop_repeats

        return drop_repeats(io, policy, _references(io, policy), barred)
    from synthgate.near.pool import Processes
    from synthgate.stages.dedupe import decide, settings, write

    pages, shape, stamp = io.pages()
    known = settings(
        policy, shape, _references(io, policy), stamp=stamp, handles=pages.handles, barred=barred
    )
    count = policy.workers or len(os.sched_getaffinity(0))
    with Processes(known, count) as pool:
        verdicts = decide(pages, policy, pool, barred)
        for sheet in write(pages, verdicts, pool, rejects="rejects" in io.sinks):
            io.write(sheet.lines, sheet.rows, sheet.rejects, sheet.reasons)
    return None


def _references(io: Session, policy: DedupePolicy) -> Iterator[Row]:
    for path in policy.against:
        yield from io.records(path, "against")
