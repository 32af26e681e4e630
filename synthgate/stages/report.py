"""What happened, in one look: funnel, rejects, audit, mix, provenance.

Shape: whole; the counts add up across shards. Memory: one counter a distinct value, at most
1,000 values a field (the rest counts as "(other)").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from synthgate.rows import Provenance, Row

VERSION = 1
_MOST = 1000
_OTHER = "(other)"
_FIELDS = ("source", "generator", "generation", "verified_by", "override")


class Tally:
    """Counts over rows as they pass; `mix` and `provenance` of the report."""

    def __init__(self) -> None:
        self.rows = 0
        self.real = 0
        self.unverified = 0
        self.fields: dict[str, Counter[str]] = {name: Counter() for name in _FIELDS}

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass the rows on and count them."""
        for row in rows:
            self.add(row.provenance)
            yield row

    def add(self, provenance: Provenance) -> None:
        """Count one row."""
        self.rows += 1
        self.real += not provenance.synthetic
        self.unverified += provenance.synthetic and not provenance.verified_by
        for name, counts in self.fields.items():
            value = str(getattr(provenance, name))
            counts[value if value in counts or len(counts) < _MOST else _OTHER] += 1

    def as_json(self) -> dict[str, Any]:
        """Return mix and provenance with their stable keys."""
        share = self.real / self.rows if self.rows else 0.0
        mix = {
            "rows": self.rows,
            "real": self.real,
            "synthetic": self.rows - self.real,
            "real_fraction": round(share, 6),
            "unverified_synthetic": self.unverified,
        }
        ranked = {name: dict(counts.most_common()) for name, counts in self.fields.items()}
        return {"mix": mix, "provenance": ranked}


def report(tally: Tally, manifests: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the report as one JSON object with versioned keys.

    `manifests` are those of a run folder, in the order of the stages.
    """
    return {
        "report": VERSION,
        "funnel": [_step(manifest) for manifest in manifests],
        "chain": list(_links(manifests)),
        "audit": next((m["findings"] for m in reversed(manifests) if _gates(m)), None),
        "blend": next((m["findings"] for m in reversed(manifests) if m["stage"] == "blend"), None),
        **tally.as_json(),
    }


def _gates(manifest: dict[str, Any]) -> bool:
    return "verdict" in manifest["findings"]


def _step(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: manifest[key] for key in ("stage", "rows_in", "rows_out", "rejects")}


def _links(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield, for each stage, whether it read just what an earlier one wrote.

    `read` is "shown" where the digests are equal, else "not shown": a truncated pipe, an edited
    file or a missing stage looks like that.
    """
    written: set[str] = set()
    for number, manifest in enumerate(manifests):
        if number and manifest["stage"] != "generate":  # prompts come from outside
            read = {each["sha256"] for each in manifest["inputs"] if not each.get("role")}
            shown = bool(read) and read <= written
            yield {"stage": manifest["stage"], "read": "shown" if shown else "not shown"}
        outputs = [each for each in manifest["outputs"] if each.get("role") != "rejects"]
        written |= {stream["sha256"] for stream in outputs} - {""}


def findings(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the report as flat findings, one a line of JSONL."""
    for section in ("funnel", "chain"):
        for each in found[section]:
            yield {"finding": section, **each}
    for section in ("audit", "blend", "mix"):
        if found[section]:
            yield {"finding": section, **found[section]}
    for field, counts in found["provenance"].items():
        for value, rows in counts.items():
            yield {"finding": "provenance", "field": field, "value": value, "rows": rows}
