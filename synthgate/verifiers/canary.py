"""Checks that verify nothing, found before the first row is judged.

A check is tried on the first rows with their answer taken out, and with an answer that is the same
for all. One that passes such a row on every one of them is vacuous; so is one that passes some and
never says anything else of a row's own answer. The rows made for this are never recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row, content_id
from synthgate.verifiers import Outcome, Verdict, Verifier

ROWS = 8
# A constant answer may be a row's true one, but no two of them are.
TEXTS = {"a blank answer": (("",), ("   ",)), "any constant answer": (("x", "y"),)}
Judge = Callable[[Verifier, Shape, Row], Verdict]


def refuse_vacuous(
    head: Sequence[Row], shape: Shape, checks: Sequence[Verifier], judge: Judge
) -> None:
    """Raise `UsageError` for a check that passes what cannot be right.

    A costly check is tried on more than the first row only as long as it passes.
    """
    for check in checks:
        if check.canary:
            for what, answers in TEXTS.items():
                if any(_passes(check, head, shape, texts, judge) for texts in answers):
                    raise UsageError(f"check {check.name} passes {what}: it checks nothing")


def _passes(
    check: Verifier, head: Sequence[Row], shape: Shape, texts: tuple[str, ...], judge: Judge
) -> bool:
    """Tell whether a check is vacuous as far as these answers can show it."""
    passed: list[bool] = []
    for row in head:
        said = _of_each(check, row, shape, texts, judge)
        passed.append(said == "pass")
        if not passed[-1] and (check.costly or _depends(check, row, shape, said, judge)):
            return False
    if not any(passed):
        return False
    return all(passed) or not any(
        _depends(check, row, shape, "pass", judge)
        for row, each in zip(head, passed, strict=True)
        if each
    )


def _of_each(
    check: Verifier, row: Row, shape: Shape, texts: tuple[str, ...], judge: Judge
) -> Outcome:
    """Return the outcome for answers made up for a row: a pass only if each of them passes."""
    outcome: Outcome = "pass"
    for text in texts:
        outcome = judge(check, shape, _answered(row, shape, text)).outcome
        if outcome != "pass":
            break
    return outcome


def _depends(check: Verifier, row: Row, shape: Shape, said: Outcome, judge: Judge) -> bool:
    """Tell whether a check says something else of the row's own answer."""
    return judge(check, shape, row).outcome != said


def _answered(row: Row, shape: Shape, text: str) -> Row:
    """Return a row of its own with another answer, in its value and in its bytes."""
    value = shape.with_response(row.value, text)
    payload = json.dumps(value).encode()
    return Row(
        row.file,
        row.line,
        payload,
        value,
        row.marked(id=content_id(payload)).provenance,
        raw=payload,
    )
