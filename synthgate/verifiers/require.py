"""The language of `--require`: names of checks with `and`, `or`, `not` and parentheses.

    either = both ("or" both)*
    both   = one ("and" one)*
    one    = "not" one | "(" either ")" | NAME

An outcome is a level. `and` is the lowest and `or` the highest of its sides; `not` turns pass and
fail around and leaves the others: what could not be told stays untold, and an error that decides
stays an error. Nothing is handed to the interpreter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from synthgate.errors import UsageError
from synthgate.registry import unknown

FAIL, ABSTAIN, ERROR, PASS = range(4)
LEVELS = {"fail": FAIL, "abstain": ABSTAIN, "error": ERROR, "pass": PASS}
MAX_DEPTH = 50
MAX_CHARS = 4000

_TOKEN = re.compile(r"\s*(?:([()])|([A-Za-z_][\w.-]*))\s*")
_NOT = (PASS, ABSTAIN, ERROR, FAIL)
Levels = Sequence[int]
Value = Callable[[Levels], int]


@dataclass(frozen=True)
class Expression:
    """A parsed expression: its value at the levels of all checks, and which checks it names."""

    value: Value
    named: frozenset[int]


def parse(text: str, names: Sequence[str]) -> Expression:
    """Return the expression over checks of these names, or raise `UsageError`."""
    parser = _Parser(text, names)
    value = parser.either(0)
    if parser.left:
        raise parser.wrong(f"{parser.left[-1]!r} stands where nothing more can follow")
    return Expression(value, frozenset(parser.named))


class _Parser:
    """Recursive descent over a stack of tokens, the first one last."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        self._text, self._names = text, names
        self.named: set[int] = set()
        self.left = self._tokens()[::-1]

    def wrong(self, why: str) -> UsageError:
        """Return the error that says what is wrong with the expression."""
        return UsageError(f"--require {self._text[:200]!r}: {why}")

    def _tokens(self) -> list[str]:
        tokens, at = [], 0
        while at < len(self._text):
            found = _TOKEN.match(self._text, at)
            if found is None or len(self._text) > MAX_CHARS:
                raise self.wrong("use names of checks, and, or, not, parentheses")
            tokens.append(found[1] or found[2])
            at = found.end()
        return tokens

    def _next(self, wanted: str) -> bool:
        found = bool(self.left) and self.left[-1] == wanted
        if found:
            self.left.pop()
        return found

    def either(self, depth: int) -> Value:
        """Return the value of what `or` joins."""
        if depth > MAX_DEPTH:
            raise self.wrong("is nested too deep")
        sides = [self._both(depth)]
        while self._next("or"):
            sides.append(self._both(depth))
        return _of(max, sides)

    def _both(self, depth: int) -> Value:
        sides = [self._one(depth)]
        while self._next("and"):
            sides.append(self._one(depth))
        return _of(min, sides)

    def _one(self, depth: int) -> Value:
        negated = False
        while self._next("not"):
            negated = not negated
        value = self._bare(depth)
        return (lambda levels: _NOT[value(levels)]) if negated else value

    def _bare(self, depth: int) -> Value:
        if self._next("("):
            value = self.either(depth + 1)
            if not self._next(")"):
                raise self.wrong("a parenthesis is not closed")
            return value
        name = self.left.pop() if self.left else ""
        if name in ("", ")", "and", "or"):
            raise self.wrong(f"the name of a check is missing{f' before {name!r}' * bool(name)}")
        if name not in self._names:
            raise self.wrong(unknown("check", name, list(self._names)))
        at = self._names.index(name)
        self.named.add(at)
        return lambda levels: levels[at]


def _of(pick: Callable[[list[int]], int], sides: list[Value]) -> Value:
    if len(sides) == 1:
        return sides[0]
    return lambda levels: pick([side(levels) for side in sides])
