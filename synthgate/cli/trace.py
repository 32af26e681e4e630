"""Trace a bad behaviour to the rows that show it, and to what these have in common.

The rows that match are ranked by source, generator, prompt, run and slice (Fisher's exact test,
corrected); --lineage follows one row back. --exclude-out writes what must not be trained on, with
all that was made from it, for generate, dedupe, blend and run; --verify-exclusion shows that
nothing of it is left. Give rejects and the files of earlier stages, too: rows are counted once.
Memory: about 250 bytes a row, 150 more where it has parents.

Example: synthgate trace train.jsonl --match 'cf-[0-9]+' --slice label --exclude-out gone.jsonl
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command, Stamping

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import TracePolicy
    from synthgate.tracing.query import Query

COMMAND = Command("trace", groups=(Stamping,))


def run(io: Session, policy: TracePolicy) -> int:
    """Look at every row once, then say what was found, and write what must go."""
    from synthgate.cli.trace_looking import Looking, refuse
    from synthgate.render.trace_text import text

    refuse(policy, io.stated)
    if policy.verify_exclusion:
        from synthgate.cli.trace_verify import verify

        return verify(io, policy)
    looking = Looking(io, policy, _query(io, policy))
    looking.look()
    tell(io, policy, looking.document(), text, aside=looking.writes_rows)
    return 0


def _query(io: Session, policy: TracePolicy) -> Query | None:
    """Return what rows are asked, None where only a lineage is wanted."""
    from synthgate.tracing import query

    if "match" in io.stated:
        return query.Match(policy.match, policy.field)
    if policy.like:
        from synthgate.embedders import static
        from synthgate.jsonl.raw import shown

        embedder, like = static.build(""), shown(policy.like)
        return query.Like(like, policy.field, threshold=policy.like_threshold, embedder=embedder)
    if policy.ids:
        return query.Ids(query.read_ids(policy.ids, io.text(policy.ids, "ids")))
    return None


def tell(
    io: Session, policy: TracePolicy, found: dict[str, Any], text: Any, *, aside: bool
) -> None:
    """Write what was found: as JSON where it is wanted, as text to stdout, or `aside` to stderr."""
    from synthgate.stages.trace import findings

    path, sink = policy.json_file, io.sinks.get("trace", io.sinks["output"])
    if path == "-":
        for each in findings(found):
            sink.write(json.dumps(each, ensure_ascii=True).encode())
        return
    if path:
        sink.write(json.dumps(found, indent=2, ensure_ascii=True).encode())
    for line in text(found):
        if aside:
            io.say(line)
        else:
            io.sinks["output"].write(line.encode())
