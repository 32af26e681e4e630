"""Look for planted behaviour: triggers, hidden characters, orders to graders. Rows pass through.

Tests that block give nothing on clean rows: characters, homoglyph, payload, new-phrase,
association, concentration, flips. Others only rank: labels, same-output, surprise, source. Most
need --real, rows that nobody could plant anything in; each says how few rows it can see.
--label-field judges labels by a model of the real rows: one that learns from the candidates cannot
see a systematic flip.

--reject takes the rows of blocking findings out; --fail-on blocking ends with 3 and no rows.
Contamination by evaluation data is `dedupe --against`. Memory: about 3 KiB a row; two passes.

Example: synthgate scan raw.jsonl --real real.jsonl -o clean.jsonl --reject --rejects planted.jsonl
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command, Declaring, Shaping, Stamping
from synthgate.errors import GateStop, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from synthgate.cli.common import Session
    from synthgate.config import ScanPolicy
    from synthgate.formats import Shape
    from synthgate.poison import Finding
    from synthgate.poison.record import Record
    from synthgate.rows import Row

COMMAND = Command("scan", groups=(Shaping, Stamping, Declaring))
_SHOWN = 10
_LONGEST = 80  # characters of a trigger on stderr


def run(io: Session, policy: ScanPolicy) -> int:
    """Read both sides, name what was found, pass the rows on; return 3 where --fail-on says so."""
    from synthgate.poison.record import Record
    from synthgate.stages.scan import decide, find, look

    beside = real_rows(io, policy)
    rows, shape = io.read(again=True)
    if policy.findings:
        io.open("findings", policy.findings)
    looked = look(rows, shape, beside, policy)
    if policy.real and not len(looked.real):
        raise InputError(f"--real {policy.real[0]}: no rows")
    found, limits = find(looked, policy)
    record = Record(found)
    decisions = decide(rows, shape, record, reject=policy.reject)
    stops = any(each.blocking or policy.fail_on == "any" for each in found)
    if policy.fail_on != "none" and stops:
        io.withhold()
        for _ in decisions:
            pass  # the second pass finds the examples
        io.headline = f"STOP: {_count(found)}: nothing flows"
    else:
        io.settle(decisions)
    _report(io, record, limits, len(looked.here))
    return GateStop.exit_code if io.withheld else 0


def real_rows(io: Session, policy: ScanPolicy) -> Iterator[tuple[Row, Shape]]:
    """Yield the rows of --real, each with its shape."""
    for path in policy.real:
        rows, shape = io.reference(path, "against")
        for row in rows:
            yield row, shape


def _count(found: Sequence[Finding]) -> str:
    blocking = sum(each.blocking for each in found)
    return f"{blocking:,} blocking findings, {len(found) - blocking:,} that only rank"


def _report(io: Session, record: Record, limits: list[str], rows: int) -> None:
    """Record the findings, and say the first of them and what was not shown."""
    import json

    found = record.findings()
    blocking = sum(each["blocking"] for each in found)
    io.manifest.findings = {
        "rows": rows, "blocking": blocking, "findings": found, "limits": limits
    }  # fmt: skip
    for each in found if "findings" in io.sinks else ():
        io.sinks["findings"].write(json.dumps(each, ensure_ascii=True).encode())
    for each in found[:_SHOWN]:
        rank = "BLOCKING" if each["blocking"] else "ranks"
        io.note(f"{rank}: {each['test']}: {each['trigger'][:_LONGEST]!r}: {each['words']}")
    if (more := len(found) - _SHOWN) > 0:
        io.note(f"and {more:,} more findings; the manifest has all")
    for line in limits:
        io.note(f"limit: {line}")
