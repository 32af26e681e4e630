"""What a reviewer is told: where they are, what they said, what the plan says of it."""

from __future__ import annotations

from collections import Counter

from synthgate.review.state import Mark, State
from synthgate.sample import AuditPlan
from synthgate.stages.audit import Verdict


def place(state: State) -> str:
    """Return where the reviewer is."""
    count = len(state.ids)
    return f"all {count} rows seen" if state.ended else f"row {state.at + 1} of {count}"


def plan_state(plan: AuditPlan, found: Verdict | None) -> str:
    """Return what the plan says of the labels so far, in one line."""
    if found is None:
        return "planted rows are among these: audit gate tells where the plan stands"
    share = f"{100 * plan.min_pass:g} %"
    if found.verdict == "PASS":
        return f"PASS at label {found.at}: {share} is shown"
    if found.verdict == "STOP":
        allowed = plan.stop_at_failures - 1
        return f"STOP: {found.failures} did not pass, the plan allows {allowed}"
    left = plan.stop_at_failures - found.failures
    return (
        f"{found.failures} not passed · {_more(found.missing, 'pass', 'passes')} to PASS · "
        f"{_more(left, 'failure', 'failures')} to STOP"
    )


def _more(number: int, one: str, many: str) -> str:
    return f"{number} more {one if number == 1 else many}"


def tally(state: State) -> str:
    """Return how many rows this reviewer gave each verdict, and how many wait."""
    counts = Counter(mark.verdict for mark in state.marks.values() if mark.verdict)
    said = [f"{counts[name]} {name}" for name in ("pass", "fail", "edit", "unsure", "skip")]
    waits = sum(state.open(row_id) for row_id in dict.fromkeys(state.ids))
    return ", ".join([each for each in said if not each.startswith("0 ")] + [f"{waits} open"])


def of_mark(mark: Mark) -> str:
    """Return what was said about a row; a note without a verdict is just that."""
    if mark.verdict == "skip" and mark.note:
        return f"note: {mark.note}"
    reason = f" ({mark.reason})" if mark.reason else ""
    return f"{mark.verdict}{reason}" + (f" · note: {mark.note}" if mark.note else "")
