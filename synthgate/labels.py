"""What people said about rows: one label a line, `{"id", "verdict", "reviewer", ...}`."""

from __future__ import annotations

from typing import Any

import msgspec

from synthgate.errors import InputError
from synthgate.rows import Row

WORST_FIRST = ("fail", "edit", "unsure", "pass")
_FIELDS = ("id", "verdict", "reviewer", "plan")


class Label(msgspec.Struct, frozen=True):
    """What one reviewer said about one row; `more` is whatever else the line held."""

    id: str
    verdict: str
    reviewer: str
    more: dict[str, Any] = {}


class Said:
    """What each reviewer said about each row id, as it is added line by line."""

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Label]] = {}

    def add(self, row: Row, label: Label) -> bool:
        """Add one label; return False where it says again what is known.

        Raises `InputError` where it contradicts an earlier one of its reviewer.
        """
        known = self.by_id.setdefault(label.id, {}).setdefault(label.reviewer, label)
        if known.verdict != label.verdict:
            raise InputError(
                f"{row.file}:{row.line}: {label.reviewer} says {label.verdict} and said "
                f"{known.verdict} about {label.id}"
            )
        return known is label


def read_label(row: Row) -> Label:
    """Return the label on a line, or raise `InputError` naming the line."""
    where, value = f"{row.file}:{row.line}", row.value
    for name in ("id", "verdict", "reviewer"):
        if not isinstance(value.get(name), str) or not value[name].strip():
            raise InputError(f"{where}: a label needs a text in {name!r}")
    if value["verdict"] not in WORST_FIRST:
        raise InputError(
            f"{where}: verdict {value['verdict'][:40]!r} is not pass, fail, edit or unsure"
        )
    more = {key: each for key, each in value.items() if key not in _FIELDS}
    return Label(value["id"], value["verdict"], value["reviewer"], more)
