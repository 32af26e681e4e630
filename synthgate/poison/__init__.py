"""Signs that something was planted in a set of rows: one test a file, each a pure function.

A test takes what `Looked` has gathered and yields `Finding`s. A *blocking* finding is one that
clean rows do not give: its test compares with real rows, or is about characters and words that have
no other use. A finding that only *ranks* says where to look first.

Rows are numbered as they are read: the candidates 0 to n - 1, behind them the real rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Array = Any  # numpy arrays: their element types are named where it matters


@dataclass(frozen=True)
class Finding:
    """What one test found: a trigger, where there is one, and the numbers of the rows.

    `p` is the chance of so much without anything planted, 1.0 where the test has none; `words`
    says it in one sentence, without the trigger.
    """

    test: str
    trigger: str
    rows: tuple[int, ...]
    words: str
    blocking: bool = True
    p: float = 1.0


@dataclass
class Limits:
    """What the tests could not see, one sentence each: what was not shown is not clean."""

    lines: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Add a sentence, once."""
        if line not in self.lines:
            self.lines.append(line)
