"""What one command run did: settings, digests of what went in and out, counts.

Manifests chain: what one stage wrote is what the next one read.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from synthgate.version import __version__


@dataclass(frozen=True)
class Stream:
    """One file or pipe: its SHA-256 as stored ("" if it was not read to its end) and its rows."""

    path: str
    sha256: str
    rows: int
    role: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the stream as the manifest shows it."""
        shown = {"path": self.path, "sha256": self.sha256, "rows": self.rows}
        return {**shown, "role": self.role} if self.role else shown


@dataclass
class Manifest:
    """The record of one run; `findings` is what the stage itself has to say."""

    stage: str
    settings: dict[str, Any]
    version: str = __version__
    inputs: list[Stream] = field(default_factory=list)
    outputs: list[Stream] = field(default_factory=list)
    rows_in: int = 0
    rows_out: int = 0
    rejects: Counter[str] = field(default_factory=Counter)
    slices: dict[str, dict[str, int]] = field(default_factory=dict)
    findings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rejected(self) -> int:
        """How many rows were rejected, for all reasons together."""
        return sum(self.rejects.values())

    def as_json(self) -> dict[str, Any]:
        """Return the manifest with its stable keys."""
        return {
            "stage": self.stage,
            "version": self.version,
            "settings": self.settings,
            "settings_digest": settings_digest(self.stage, self.settings),
            "inputs": [stream.as_json() for stream in self.inputs],
            "outputs": [stream.as_json() for stream in self.outputs],
            "rows_in": self.rows_in,
            "rows_out": self.rows_out,
            "rejects": dict(sorted(self.rejects.items())),
            "slices": self.slices,
            "findings": self.findings,
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }


def settings_digest(stage: str, settings: dict[str, Any]) -> str:
    """Return the SHA-256 of a stage's settings, independent of the order of their keys."""
    text = json.dumps([stage, settings], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
