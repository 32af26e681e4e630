"""Findings as a manifest and a findings file record them: with sources and a few examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from synthgate.poison import Finding

EXAMPLES = 3
_CHARS = 300  # characters of an example
_SOURCES = 20


class Record:
    """What is told of some findings; examples and sources are those of the second pass."""

    def __init__(self, found: Sequence[Finding]) -> None:
        self.found = found
        self._examples: list[list[dict[str, str]]] = [[] for _ in found]
        self._sources: list[Counter[str]] = [Counter() for _ in found]
        self._of: dict[int, list[int]] = {}
        for number, each in enumerate(found):
            for row in each.rows:
                self._of.setdefault(row, []).append(number)

    def concerned(self, row: int) -> bool:
        """Tell whether some finding is about a row."""
        return row in self._of

    def add(self, row: int, row_id: str, source: str, text: str) -> None:
        """Take down a row that findings are about."""
        for number in self._of.get(row, ()):
            self._sources[number][source] += 1
            if len(self._examples[number]) < EXAMPLES:
                self._examples[number].append({"id": row_id, "text": text[:_CHARS]})

    def findings(self) -> list[dict[str, Any]]:
        """Return the findings as JSON objects."""
        return [self._finding(number, each) for number, each in enumerate(self.found)]

    def _finding(self, number: int, each: Finding) -> dict[str, Any]:
        return {
            "test": each.test,
            "blocking": each.blocking,
            "trigger": each.trigger,
            "rows": len(each.rows),
            "sources": dict(self._sources[number].most_common(_SOURCES)),
            "p": float(f"{each.p:.3g}"),
            "words": each.words,
            "examples": self._examples[number],
        }
