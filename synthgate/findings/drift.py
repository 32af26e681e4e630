"""What changed since an earlier report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthgate.findings import Found, missing

_RELATIVE = 0.1  # a figure that moved by more than a tenth is worth a line of its own
_MOST = 200


def drift(path: str, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Found:
    """Return the section: every figure that is not the same, the notable ones first."""
    if before is None:
        return missing("no earlier report: name --against REPORT.json")
    old, new = dict(_figures(before)), dict(_figures(now))
    changes = [
        _change(what, old.get(what), new.get(what))
        for what in dict.fromkeys((*old, *new))
        if old.get(what) != new.get(what)
    ]
    changes.sort(key=lambda each: (not each["notable"], each["what"]))
    return {
        "shown": True,
        "against": path,
        "same": sum(old[what] == new.get(what) for what in old),
        "changes": changes[:_MOST],
        "more": max(0, len(changes) - _MOST),
    }


def _change(what: str, before: Any, now: Any) -> Found:
    if before is None:
        words, notable = f"{what} is new: {_shown(now)}", True
    elif now is None:
        words, notable = f"{what} is not there any more: it was {_shown(before)}", True
    else:
        words, notable = f"{what}: {_shown(before)} before, {_shown(now)} now", _moved(before, now)
    return {"what": what, "before": before, "now": now, "notable": notable, "words": words}


def _moved(before: Any, now: Any) -> bool:
    if not _number(before) or not _number(now):
        return True
    return bool(abs(now - before) > _RELATIVE * max(abs(before), abs(now)))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _figures(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield (what, value) of every figure that can be compared; what is not shown has none."""
    yield "verdict", (found.get("verdict") or {}).get("word")
    for name, value in (found.get("mix") or {}).items():
        yield f"mix: {name.replace('_', ' ')}", value
    for step in found.get("funnel") or ():
        if step["rows_in"]:
            yield f"{step['stage']}: share kept", round(step["rows_out"] / step["rows_in"], 4)
    audit = found.get("audit") or {}
    for name in ("verdict", "labels", "failures"):
        if name in audit:
            yield f"audit: {name}", audit[name]
    for source in (found.get("provenance") or {}).get("source", {}):
        yield f"source {source}", "there"
    for generator in filter(None, (found.get("provenance") or {}).get("generator", {})):
        yield f"generator {generator}", "there"
    yield from _measured(found)


def _measured(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    narrowing = found.get("narrowing") or {}
    for measure in narrowing.get("measures") or ():
        yield f"narrowing: {measure['name']}, ratio to real", measure.get("ratio")
    for each in narrowing.get("languages") or ():
        yield f"language {each['name']}", each.get("rows")
    inherited = found.get("inherited") or {}
    if inherited.get("shown") and inherited.get("rows"):
        rate = inherited["failed"] / inherited["rows"]
        yield "inherited: share that fails", round(rate, 4)
        for each in inherited.get("slices") or ():
            if each.get("found"):
                yield f"weak slice {each['field']}={each['value']}", "there"
    yield from _signs(found)


def _signs(found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    trend = (found.get("collapse") or {}).get("trend") or ()
    for name, value in (trend[-1] if trend else {}).items():
        if name in ("rare_recall", "entropy", "duplicates", "generation_max"):
            yield f"collapse: {name.replace('_', ' ')}", value
    for each in (found.get("sources") or {}).get("table") or ():
        if each.get("suspicious"):
            yield f"suspicious source {each['source']}", "there"
    poison = found.get("poison") or {}
    if poison.get("shown"):
        yield "poison: blocking findings", poison.get("blocking")
