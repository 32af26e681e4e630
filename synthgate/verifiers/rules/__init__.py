"""What the check `rule` is made of: a file of rules, and the conditions that it can name.

A *test* looks at one text and returns None where it holds, else the verdict. A *condition* does
the same with the value of a row. Each module holds the keys of one kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from synthgate.formats import Reader, Shape, dig, field
from synthgate.rows import Value
from synthgate.verifiers import Verdict

Test = Callable[[str], Verdict | None]
Condition = Callable[[Value], Verdict | None]
TIMEOUT = Verdict("error", "pattern_timeout")
VIEWS = ("prompt", "response")


@dataclass(frozen=True)
class Rule:
    """One table of a file of rules, `where` it stands, and the seconds a pattern may take."""

    where: str
    number: int
    table: dict[str, Any]
    timeout: float

    @property
    def field(self) -> str:
        """The field that the rule is about."""
        name: str = self.table.get("field", "response")
        return name

    def failed(self, key: str, **evidence: Any) -> Verdict:
        """Return the verdict that one condition of the rule does not hold."""
        limit = self.table.get(key)
        shown = {"rule": self.number, "field": self.field, "limit": limit} | evidence
        return Verdict("fail", key, shown)

    def unsure(self, reason: str) -> Verdict:
        """Return the verdict that the rule cannot tell."""
        return Verdict("abstain", reason, {"rule": self.number, "field": self.field})


def reader(name: str, shape: Shape) -> Reader:
    """Return a reader of a text: `prompt` and `response` are the row's own, others are fields."""
    views = {"prompt": shape.prompt, "response": shape.response}
    return views.get(name) or field(name)


def getter(name: str, shape: Shape) -> Callable[[Value], Any]:
    """Return a reader of a value: as `reader`, but a field may hold anything."""
    if name in VIEWS:
        return reader(name, shape)
    return lambda value: dig(value, name)
