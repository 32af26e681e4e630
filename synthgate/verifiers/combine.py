"""How the verdicts of a row's checks become one decision.

Whatever `require` says, a fail of a strong kind rejects the row, and so does its error, which may
hide a fail; and a row that nothing passed is not accepted. A person's pass outvotes no strong
fail: where the two disagree, one of them is wrong, and a row that was disputed trains nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthgate.errors import UsageError
from synthgate.verifiers import Verdict, Verifier
from synthgate.verifiers.require import ERROR, FAIL, LEVELS, Expression, parse
from synthgate.verifiers.require import PASS as PASSES

STRONG = frozenset({"execution", "answer", "schema", "rule", "human", "leak"})
_REJECTING = ("fail", "error")
Decided = tuple[str, str]


class Combination:
    """What `require` asks of some checks, ready for one row's verdicts after the other.

    `all` is no fail, no error and at least one pass; `any` is at least one pass; an expression
    has to be definitely true, so that a verdict that could not be given makes nothing true.
    """

    def __init__(self, require: str, checks: Sequence[Verifier]) -> None:
        self.names = tuple(check.name for check in checks)
        self._kinds: tuple[str, ...] = tuple(check.kind for check in checks)
        self._counts = tuple(check.canary or check.kind == "human" for check in checks)
        if not any(self._counts):
            raise UsageError(
                f"{' and '.join(self.names)} cannot accept a row alone: no check of the answer "
                "is beside it"
            )
        self._all = require.strip() == "all"
        self._needed = self._expression(require.strip())
        levels = [PASSES] * len(checks)
        self.accepts_all_passed = self._needed.value(levels) == PASSES

    def _expression(self, require: str) -> Expression:
        if require not in ("all", "any"):
            return parse(require, self.names)
        pick = max if require == "any" else min
        named = [at for at, counts in enumerate(self._counts) if counts or self._all]
        return Expression(lambda levels: pick(levels[at] for at in named), frozenset(named))

    def decide(self, verdicts: Sequence[Verdict]) -> Decided:
        """Return ("", "") for a row that is kept, else the reason of its reject and the detail."""
        rejecting = self._rejecting(verdicts)
        if rejecting is not None:
            return self._said(rejecting, verdicts)
        passed = any(
            verdict.outcome == "pass" and counts
            for verdict, counts in zip(verdicts, self._counts, strict=True)
        )
        value = PASSES if self._all else self._value(verdicts)
        if value == PASSES and passed:
            return "", ""
        at = self._first(value, verdicts)
        if value in (FAIL, ERROR):
            return self._said(at, verdicts) if at >= 0 else ("fail:require", self._each(verdicts))
        return "abstain", self._each(verdicts)

    def _value(self, verdicts: Sequence[Verdict]) -> int:
        return self._needed.value([LEVELS[verdict.outcome] for verdict in verdicts])

    def _rejecting(self, verdicts: Sequence[Verdict]) -> int | None:
        """Return which verdict rejects its row whatever the others say, the first fail first.

        Under `all` each fail and error does, and the first of either is named.
        """
        if self._all:
            said = (at for at, each in enumerate(verdicts) if each.outcome in _REJECTING)
            return next(said, None)
        for outcome in _REJECTING:
            for at, verdict in enumerate(verdicts):
                if verdict.outcome == outcome and (verdict.kind or self._kinds[at]) in STRONG:
                    return at
        return None

    def _first(self, level: int, verdicts: Sequence[Verdict]) -> int:
        """Return the first check that `require` names and whose verdict has a level, or -1."""
        named = sorted(self._needed.named)
        return next((at for at in named if LEVELS[verdicts[at].outcome] == level), -1)

    def _said(self, at: int, verdicts: Sequence[Verdict]) -> Decided:
        return f"{verdicts[at].outcome}:{self.names[at]}", detail(verdicts[at])

    def _each(self, verdicts: Sequence[Verdict]) -> str:
        said = zip(self.names, verdicts, strict=True)
        return "; ".join(f"{name}: {detail(each) or each.outcome}" for name, each in said)


def detail(verdict: Verdict) -> str:
    """Return a check's reason and what is plain in its evidence in one line of words."""
    plain = {k: v for k, v in verdict.evidence.items() if not isinstance(v, list | dict)}
    shown = ", ".join(f"{key} {value}" for key, value in plain.items())
    text = f"{verdict.reason}: {shown}" if shown else verdict.reason
    return text.encode("utf-8", "replace").decode()
