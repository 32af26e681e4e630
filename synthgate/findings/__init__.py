"""The sections of a report, one file each: counts and records in, plain JSON out.

Each section is a dict with `shown`; one that could not be made says `why`. Nothing here opens a
file: rows come as iterables, manifests as the JSON that they are.
"""

from __future__ import annotations

from typing import Any

Found = dict[str, Any]


def missing(why: str) -> Found:
    """Return a section that could not be made."""
    return {"shown": False, "why": why}
