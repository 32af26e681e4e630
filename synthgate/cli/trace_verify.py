"""`trace --verify-exclusion`: whether anything that was excluded is left in a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.cli.excluding import excluding
from synthgate.descent import Kin, excluded
from synthgate.errors import GateStop, InputError

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import TracePolicy

_SHOWN = 20


def verify(io: Session, policy: TracePolicy) -> int:
    """Look for excluded rows and what was made from them; return 3 where one is left."""
    from synthgate.cli.trace import tell
    from synthgate.cli.trace_looking import VERSION, leaving_records, open_document

    named = excluding(io, (policy.verify_exclusion,))
    if named is None:
        raise InputError("--verify-exclusion: names no file")
    source = io.source(again=True)
    source.on_bad = leaving_records(io, source.on_bad)
    io.open_outputs()
    open_document(io, policy)
    kin, unknown = Kin(), 0
    for row in io.watched(iter(source)):
        said = row.provenance
        kin.look(said, named.of(said))
        unknown += said.synthetic and not said.parents
    if not len(kin):
        raise InputError("no rows: nothing is shown of an empty set")
    left = _left(io, source, excluded([kin], named), policy)
    shown = {"rows": len(kin), "left": len(left), "without_parents": unknown}
    found = {"trace": VERSION, "verified": shown, "left": left}
    tell(io, policy, found, _text, aside=True)
    io.manifest.findings = {"verified": shown}
    io.headline = f"{len(left):,} of {len(kin):,} rows are excluded and still here"
    return GateStop.exit_code if left else 0


def _left(io: Session, source: Any, fates: dict[int, str], policy: TracePolicy) -> list[Any]:
    """Return the rows that are left, each with its reason; write them where rows are wanted."""
    writes = policy.rows or io.options.output != "-"
    found = []
    for number, row in enumerate(source):
        if number in fates:
            where = {"id": row.id, "file": row.file, "line": row.line}
            found.append({**where, "why": fates[number]})
            if writes:
                io.sinks["output"].write(row.raw)
    io.manifest.rows_out = io.sinks["output"].rows
    io.looked_at += source.rows - io.manifest.rows_out
    return found


def _text(found: dict[str, Any]) -> list[str]:
    left, shown = found["left"], found["verified"]
    lines = [f"left: {each['file']}:{each['line']} {each['id']} {each['why']}" for each in left]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"left: and {len(left) - _SHOWN:,} more: --json FILE names all"]
    if shown["without_parents"]:
        lines.append(
            f"{shown['without_parents']:,} synthetic rows name no parents: what they were made "
            "from is not shown"
        )
    return lines
