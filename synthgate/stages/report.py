"""What happened, in one look: the sections of a report as one JSON object with versioned keys.

Shape: whole; the counts add up across shards. Memory: that of the counts, see `findings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgate.findings import Found, missing
from synthgate.findings.chain import funnel, links
from synthgate.findings.collapse import collapse, point
from synthgate.findings.sources import Account, sources
from synthgate.findings.tally import Tally, entropy
from synthgate.findings.verdict import verdict

__all__ = ["VERSION", "Tally", "findings", "last", "report"]
VERSION = 1
NO_REAL = "no real rows: name --real FILE"
NO_RUN = "no manifest of verify: set SYNTHGATE_RUN_DIR, or name --run-dir"
NO_SCAN = "scan did not run: no manifest of it is in the run folder"
_LISTS = {
    "independence": "checks", "sources": "table", "drift": "changes", "poison": "findings",
}  # fmt: skip


def last(manifests: Sequence[Mapping[str, Any]], stage: str) -> Mapping[str, Any] | None:
    """Return the last manifest of a stage, None where there is none."""
    return next((each for each in reversed(manifests) if each["stage"] == stage), None)


def scan_of(manifests: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the last scan that found what blocks; the last one where none did."""
    blocked = [each for each in manifests if each["findings"].get("blocking")]
    return last(blocked, "scan") or last(manifests, "scan")


def report(
    tally: Tally,
    manifests: Sequence[Mapping[str, Any]],
    *,
    rows: Sequence[Mapping[str, Any]] = (),
    run: str = "this run",
    earlier: Sequence[Found] = (),
    accounts: Mapping[str, Account] | None = None,
    **sections: Found,
) -> Found:
    """Return the report as one JSON object with versioned keys.

    `manifests` are those of a run folder, in the order of the stages; `rows` the streams of the
    rows that were counted; `sections` what was found beside the counts: `narrowing`, `inherited`,
    `independence`. `drift` is added by whoever has an earlier report.
    """
    scan, blend = scan_of(manifests), last(manifests, "blend")
    found: Found = {
        "report": VERSION,
        "verdict": {},
        "funnel": funnel(manifests),
        "chain": list(links(manifests, rows)),
        "audit": audit_of(manifests),
        "blend": blend["findings"] if blend else None,
        **tally.as_json(),
        "independence": sections.get("independence") or missing(NO_RUN),
        "narrowing": sections.get("narrowing") or missing(NO_REAL),
        "inherited": sections.get("inherited") or missing(NO_RUN),
        "collapse": {},
        "sources": sources(tally.fields["source"], accounts or {}),
        "poison": _poison(scan),
        "drift": missing("no earlier report: name --against REPORT.json"),
    }
    now = point(run, found, entropy(tally.sample))
    found["collapse"] = collapse(tally.generations, now, earlier, blend)
    found["verdict"] = verdict(found)
    return found


def _poison(scan: Mapping[str, Any] | None) -> Found:
    """Return what scan found; `removed` says that it took the rows of blocking findings out."""
    if scan is None:
        return missing(NO_SCAN)
    return {"shown": True, "removed": bool(scan["settings"].get("reject")), **scan["findings"]}


def audit_of(manifests: Sequence[Mapping[str, Any]]) -> Found | None:
    """Return what the last gate said of a set; an audit of rejects decides nothing."""
    for manifest in reversed(manifests):
        found: Found = manifest["findings"]
        if manifest["stage"] == "audit-gate" and found.get("verdict") not in (None, "MEASURED"):
            return found
    return None


def findings(found: Found) -> Iterator[Found]:
    """Yield the report as flat findings, one a line of JSONL."""
    yield {"finding": "verdict", **found["verdict"]}
    for section in ("funnel", "chain"):
        for each in found[section]:
            yield {"finding": section, **each}
    for section in ("audit", "blend", "mix"):
        if found[section]:
            yield {"finding": section, **found[section]}
    for field, counts in found["provenance"].items():
        for value, rows in counts.items():
            yield {"finding": "provenance", "field": field, "value": value, "rows": rows}
    for section, key in _LISTS.items():
        for each in found[section].get(key, ()):
            yield {"finding": section, **each}
    yield from _weak(found["inherited"])
    yield from _narrow(found["narrowing"])
    for each in found["collapse"]["generations"]:
        yield {"finding": "generation", **each}


def _weak(inherited: Found) -> Iterator[Found]:
    for each in inherited.get("slices", ()):
        yield {"finding": "weak_slice" if each["found"] else "slice", **each}
    for key in ("accept", "tails", "checks"):
        for each in inherited.get(key, ()):
            yield {"finding": key, **each}
    if inherited.get("excludes"):
        yield {"finding": "excludes", **inherited["excludes"]}


def _narrow(narrowing: Found) -> Iterator[Found]:
    """Yield measures and gaps; `generate --strategy gaps` reads the latter."""
    for each in narrowing.get("measures", ()):
        yield {"finding": "narrowing", **each}
    for each in narrowing.get("clusters", ()):
        yield {"finding": f"{each['state']}_cluster", **each}
    for field, each in narrowing.get("rare", {}).get("slices", {}).items():
        for value in each["missing"]:
            yield {"finding": "empty_slice", "field": field, "value": value}
