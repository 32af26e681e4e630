"""Rare values of the fields of real rows, and which of them the others have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

RARE = 0.01
"""A value is a rare slice where at most this share of the real rows has it."""

LEAST = 2  # real rows: what stands once may be a name of its own
EXPECTED = 3  # rows: where fewer are to be expected, a slice that is missing may be chance
_SHOWN = 50
_LONGEST = 200


def rare_slices(rows: dict[str, list[str]], real: dict[str, list[str]]) -> dict[str, Any]:
    """Return for each field how many rare values there are, how many of them the rows have.

    Fields that the rows do not share a value with say nothing and are left out.
    """
    found = {}
    for field, values in real.items():
        ours = set(rows.get(field, ())) - {""}
        rare = rare_values(values, len(rows.get(field, ())))
        if ours & set(values):
            missing = [value for value in rare if value not in ours]
            found[field] = {
                "real": len(rare),
                "recalled": len(rare) - len(missing),
                "missing": [value[:_LONGEST] for value in missing[:_SHOWN]],
            }
    return found


def rare_values(values: Sequence[str], rows: int) -> list[str]:
    """Return the rare values of which `rows` rows let expect some, the most frequent first."""
    counts = Counter(values)
    del counts[""]
    return [
        value
        for value, count in counts.most_common()
        if LEAST <= count <= RARE * len(values) and count * rows >= EXPECTED * len(values)
    ]
