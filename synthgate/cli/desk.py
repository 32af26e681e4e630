"""A reviewer at work: the rows, the state of the review, and the log that each key goes to."""

from __future__ import annotations

import time
from collections.abc import Mapping

from synthgate.errors import InputError
from synthgate.formats import Shape
from synthgate.labels import LabelLog
from synthgate.review import state as machine
from synthgate.review.edits import as_json, as_text, payload_of
from synthgate.review.marks import label_of
from synthgate.review.state import Ask, Mark, State, Step
from synthgate.review.words import plan_state, tally
from synthgate.rows import Row
from synthgate.sample import AuditPlan
from synthgate.stages.audit import Verdict


class Desk:
    """What a reviewer has before them. Every mark is on disk before the next row is shown."""

    def __init__(
        self,
        rows: list[Row],
        shape: Shape | None,
        plan: AuditPlan | None,
        log: LabelLog,
        reviewer: str,
        state: State,
        others: Mapping[str, str],
    ) -> None:
        self.rows, self.shape, self.plan, self.log = rows, shape, plan, log
        self.reviewer, self.state, self.others = reviewer, state, others
        self.said = 0
        self._since = time.monotonic()

    @property
    def row(self) -> Row | None:
        """The row that is shown."""
        return None if self.state.ended else self.rows[self.state.at]

    @property
    def verdict(self) -> str:
        """What the plan says of all labels so far: PASS, STOP or INCOMPLETE; "" if nothing."""
        found = self._found
        return found.verdict if found else ""

    @property
    def standing(self) -> str:
        """What the plan says of all labels so far, or the counts where there is no plan."""
        return plan_state(self.plan, self._found) if self.plan else tally(self.state)

    @property
    def _found(self) -> Verdict | None:
        return machine.standing(self.plan, self.state, self.others) if self.plan else None

    @property
    def counts(self) -> str:
        """How many rows this reviewer gave each verdict."""
        return tally(self.state)

    def press(self, key: str) -> Ask:
        """Do what a key does; return what it asks for."""
        return self._take(machine.press(self.state, key))

    def note(self, text: str) -> None:
        """Keep a note on the shown row."""
        self._take(machine.note(self.state, text))

    def draft(self, whole: bool) -> tuple[str, bool]:
        """Return (what is to be edited, whether it is JSON): the response, or the whole row."""
        row, text = self.rows[self.state.at], None
        mark = self.state.mark
        if not whole and mark.row is None:
            text = mark.response if mark.response is not None else as_text(row, self.shape)
        if text is not None:
            return text, False
        return mark.row if mark.row is not None else as_json(row.payload), True

    def edit(self, text: str, json: bool) -> str:
        """Take an edited row; return why it cannot be taken, "" where it is."""
        row = self.rows[self.state.at]
        mark = Mark(row=text) if json else Mark(response=text)
        try:
            payload = payload_of(row, self.shape, mark)
        except InputError as error:
            return str(error)
        if payload == row.payload or (json and as_json(payload) == as_json(row.payload)):
            return "nothing was changed: no verdict"
        given = {"row": payload.decode()} if json else {"response": text}
        self._take(machine.edit(self.state, **given))
        return ""

    def _take(self, step: Step) -> Ask:
        """Write what was said, then move on."""
        if step.mark is not None:
            verdict, more = label_of(step.mark)
            milliseconds = round(1000 * (time.monotonic() - self._since))
            position = {"position": self.state.at + 1} if self.plan is not None else {}
            row_id = self.state.ids[self.state.at]
            self.log.append(row_id, verdict, self.reviewer, **position, **more, ms=milliseconds)
            self.said += 1
        if step.state.at != self.state.at:
            self._since = time.monotonic()
        self.state = step.state
        return step.ask
