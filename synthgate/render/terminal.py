"""The report as plain text: the same bytes on a terminal, in a pipe and in a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synthgate.text import printable

_MOST = 8


def terminal(found: dict[str, Any]) -> str:
    """Return the report as text; control characters of names are shown as escapes."""
    lines = [*_funnel(found), *_audit(found["audit"]), *_mix(found["mix"])]
    lines += _provenance(found["provenance"])
    return "\n".join(printable(line) for line in lines) + "\n"


def _funnel(found: dict[str, Any]) -> Iterator[str]:
    yield "Funnel"
    if not found["funnel"]:
        yield "  not shown: no manifests (set SYNTHGATE_RUN_DIR, or name --run-dir)"
    unlinked = {each["stage"] for each in found["chain"] if each["read"] != "shown"}
    for step in found["funnel"]:
        dropped = sum(step["rejects"].values())
        ranked = sorted(step["rejects"].items(), key=lambda each: -each[1])
        reasons = ", ".join(f"{name} {count}" for name, count in ranked)
        line = f"  {step['stage']:<14}{step['rows_in']:>9} in {step['rows_out']:>9} out"
        line += f" {dropped:>8} rejected" + (f"  ({reasons})" if reasons else "")
        yield line
        if step["stage"] in unlinked:
            yield "                what it read is not shown to be what an earlier stage wrote"


def _audit(audit: dict[str, Any] | None) -> Iterator[str]:
    yield "Audit"
    if audit is None:
        yield "  not shown: no audit was run"
        return
    yield f"  {audit['verdict']}: {audit.get('words', '')}".rstrip(": ")


def _mix(mix: dict[str, Any]) -> Iterator[str]:
    yield "Mix"
    yield (
        f"  {mix['rows']} rows: {mix['real']} real, {mix['synthetic']} synthetic "
        f"({mix['real_fraction']:.1%} real)"
    )
    if mix["unverified_synthetic"]:
        yield f"  {mix['unverified_synthetic']} synthetic rows are verified by nothing"


def _provenance(provenance: dict[str, dict[str, int]]) -> Iterator[str]:
    yield "Provenance"
    for field, counts in provenance.items():
        shown = [(value, rows) for value, rows in counts.items() if value]
        if not shown:
            continue
        text = ", ".join(f"{value} {rows}" for value, rows in shown[:_MOST])
        more = f", and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
        none = f", none {counts['']}" if counts.get("") else ""
        yield f"  {field:<14}{text}{more}{none}"
