"""What a key does: the reviewer as a pure machine of states, for the terminal and for tests.

A state is where the reviewer is and what they said; `press` returns the next one, what is to be
written to the label log, and what it needs from outside (a note, an edited row). The page in
`render/review.js` follows the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from synthgate.sample import AuditPlan
from synthgate.stages.audit import Verdict, judge

REASONS = (
    "wrong", "incomplete", "not what was asked", "made up", "unsafe", "wrong form",
    "says nothing", "wrong language", "other",
)  # fmt: skip
VERDICTS = {"p": "pass", "f": "fail", "u": "unsure"}
HELP = (
    ("p", "pass: right as it is"),
    ("f", "fail, then 1-9 for the reason"),
    ("e", "edit: right only as you write it"),
    ("u", "unsure: cannot tell"),
    ("n", "note on this row"),
    ("b", "back to the row before"),
    ("← →", "move without a verdict"),
    ("space", "next page of a long row; up, home and end too"),
    ("?", "these keys"),
    ("q", "end; the same command goes on from here"),
)
Mode = Literal["row", "reason", "help"]
Ask = Literal["", "edit", "note", "quit"]


class Mark(msgspec.Struct, frozen=True):
    """What a reviewer said about a row; of an edit, the new response or the whole new row."""

    verdict: str = ""
    reason: str = ""
    note: str = ""
    response: str | None = None
    row: str | None = None


NOTHING = Mark()


class State(msgspec.Struct, frozen=True):
    """Where a reviewer is (`at` counts from 0; at the end it is the number of rows).

    `marks` is what they said, by row id; `closed` are ids that they need not label, because
    somebody else did.
    """

    ids: tuple[str, ...]
    marks: Mapping[str, Mark] = {}
    closed: frozenset[str] = frozenset()
    at: int = 0
    mode: Mode = "row"
    trail: tuple[int, ...] = ()
    reasons: tuple[str, ...] = REASONS

    @property
    def ended(self) -> bool:
        """Whether no row is shown, because all have been."""
        return self.at >= len(self.ids)

    @property
    def mark(self) -> Mark:
        """What was said about the row that is shown."""
        return NOTHING if self.ended else self.marks.get(self.ids[self.at], NOTHING)

    def open(self, row_id: str) -> bool:
        """Tell whether a row still waits for this reviewer; one with a note alone does."""
        said = self.marks.get(row_id, NOTHING).verdict
        return said == "skip" or (not said and row_id not in self.closed)


class Step(msgspec.Struct, frozen=True):
    """What a key did: the new state, the mark to be written first, what is asked from outside."""

    state: State
    mark: Mark | None = None
    ask: Ask = ""


def start(
    ids: tuple[str, ...],
    marks: Mapping[str, Mark],
    closed: frozenset[str] = frozenset(),
    reasons: tuple[str, ...] = REASONS,
) -> State:
    """Return the state in which a reviewer begins or goes on: at the first row that waits."""
    state = State(ids, dict(marks), closed, reasons=reasons)
    return msgspec.structs.replace(state, at=_next(state, -1))


def press(state: State, key: str) -> Step:
    """Return what one key does. A key that means nothing here changes nothing."""
    if state.mode == "help":
        return Step(_with(state, mode="row"))
    if state.mode == "reason" and (step := _reason(state, key)):
        return step
    if key == "q":
        return Step(_with(state, mode="row"), ask="quit")
    if key == "?":
        return Step(_with(state, mode="help"))
    if key in ("b", "left", "right"):
        return Step(_moved(state, key))
    if state.ended:
        return Step(state)
    if key in VERDICTS:
        return _said(state, VERDICTS[key])
    if key in ("e", "E", "n"):
        return Step(_with(state, mode="row"), ask="note" if key == "n" else "edit")
    return Step(state)


def note(state: State, text: str) -> Step:
    """Return what a note on the shown row does; its verdict stays what it is.

    A row with a note and no verdict is on record as skipped, which is not a pass, until it has one.
    """
    if state.ended:
        return Step(state)
    verdict = state.mark.verdict or "skip"
    return _marked(state, msgspec.structs.replace(state.mark, note=text, verdict=verdict))


def edit(state: State, *, response: str | None = None, row: str | None = None) -> Step:
    """Return what an edit of the shown row does: it counts as not passed, and advances."""
    if state.ended:
        return Step(state)
    mark = Mark("edit", note=state.mark.note, response=response, row=row)
    step = _marked(state, mark)
    return Step(_advanced(step.state), mark)


def standing(plan: AuditPlan, state: State, others: Mapping[str, str]) -> Verdict | None:
    """Return what the plan says of all labels so far; `others` is what other reviewers said.

    Where two say different things about a row, the doubt counts, as in the gate. None where that
    would tell a reviewer which rows are planted, or where nothing is to pass.
    """
    if getattr(plan, "gold", 0) or not plan.pass_points:
        return None
    said = {row_id: mark.verdict for row_id, mark in state.marks.items() if mark.verdict}
    doubts = {i: verdict for i, verdict in others.items() if said.get(i, "pass") == "pass"}
    return judge(plan, {**said, **doubts})


def _reason(state: State, key: str) -> Step | None:
    """Return what a key does while a reason is asked for; None where it has its usual meaning."""
    if key in ("enter", "space", "esc"):
        return Step(_advanced(state))
    if key.isdecimal() and len(key) == 1 and 1 <= int(key) <= len(state.reasons):
        mark = msgspec.structs.replace(state.mark, reason=state.reasons[int(key) - 1])
        return Step(_advanced(_marked(state, mark).state), mark)
    return None


def _said(state: State, verdict: str) -> Step:
    mark = Mark(verdict, note=state.mark.note)
    step = _marked(state, mark)
    if verdict == "fail":
        return Step(_with(step.state, mode="reason"), mark)
    return Step(_advanced(step.state), mark)


def _marked(state: State, mark: Mark) -> Step:
    marks = {**state.marks, state.ids[state.at]: mark}
    return Step(_with(state, marks=marks), mark)


def _advanced(state: State) -> State:
    return _with(state, at=_next(state, state.at), trail=(*state.trail, state.at), mode="row")


def _next(state: State, at: int) -> int:
    """Return the next row that waits, from the start again behind the last; the end if none."""
    order = [*range(at + 1, len(state.ids)), *range(min(at + 1, len(state.ids)))]
    return next((each for each in order if state.open(state.ids[each])), len(state.ids))


def _moved(state: State, key: str) -> State:
    if key == "right":
        return _with(state, at=min(state.at + 1, len(state.ids)), mode="row")
    if key == "b" and state.trail:
        return _with(state, at=state.trail[-1], trail=state.trail[:-1], mode="row")
    return _with(state, at=max(state.at - 1, 0), mode="row")


def _with(state: State, **fields: object) -> State:
    return msgspec.structs.replace(state, **fields)
