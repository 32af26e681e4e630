"""Between what a reviewer said and the lines of a label log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synthgate.labels import WORST_FIRST
from synthgate.review.state import Mark
from synthgate.sample import AuditPlan


def label_of(mark: Mark) -> tuple[str, dict[str, Any]]:
    """Return (verdict, other fields) of the label line for a mark."""
    found = {"reason": mark.reason, "note": mark.note}
    more: dict[str, Any] = {key: text for key, text in found.items() if text}
    more |= {"response": mark.response} if mark.response is not None else {}
    more |= {"row": mark.row} if mark.row is not None else {}
    return mark.verdict, more


def mark_of(label: Mapping[str, Any]) -> Mark:
    """Return the mark that a label line holds."""
    return Mark(
        label["verdict"],
        _text(label, "reason"),
        _text(label, "note"),
        _text(label, "response") if "response" in label else None,
        _text(label, "row") if "row" in label else None,
    )


def said(
    labels: Iterable[Mapping[str, Any]], reviewer: str
) -> tuple[dict[str, Mark], dict[str, str]]:
    """Return (this reviewer's marks, the worst verdict of all others) by row id.

    The labels come in the order of the log: what a person says later counts.
    """
    marks: dict[str, Mark] = {}
    theirs: dict[str, dict[str, str]] = {}
    for label in labels:
        if label["reviewer"] == reviewer:
            marks[label["id"]] = mark_of(label)
        else:
            theirs.setdefault(label["id"], {})[label["reviewer"]] = label["verdict"]
    worst = {i: min(by.values(), key=WORST_FIRST.index) for i, by in theirs.items()}
    return marks, worst


def done(
    labels: Iterable[Mapping[str, Any]], reviewer: str, plan: AuditPlan | None
) -> frozenset[str]:
    """Return the ids that a reviewer need not label: others did, of the overlap two of them."""
    people: dict[str, set[str]] = {}
    for label in labels:
        if label["reviewer"] != reviewer:
            people.setdefault(label["id"], set()).add(label["reviewer"])
    overlap = getattr(plan, "overlap", 0)
    planted = getattr(plan, "gold", 0) if overlap else 0  # they stand among the first ones
    twice = set(plan.sample[: overlap + planted]) if plan else set()
    return frozenset(i for i, names in people.items() if len(names) > (i in twice))


def _text(label: Mapping[str, Any], key: str) -> str:
    return label[key] if isinstance(label.get(key), str) else ""
