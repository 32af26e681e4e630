"""The check `judge:MODEL`: another model answers yes-or-no questions about each candidate.

A judge must be of another lineage than every generator in the input; that is looked up before the
first call. Before its first row it is tried on answers of known worth, and a judge that fails them
ends the run. Memory: the rows in flight, and about 250 bytes for each answer in the journal.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from synthgate.errors import SynthgateError, Unreachable, UsageError
from synthgate.formats import Shape, field
from synthgate.rows import Row
from synthgate.verifiers import Bench, Verdict, Verifier
from synthgate.verifiers.independence import (
    CONSENT,
    PERSON,
    lineages,
    maker,
    relation,
    shared,
    unknown,
)
from synthgate.verifiers.judging import canaries
from synthgate.verifiers.judging.canaries import Heard
from synthgate.verifiers.judging.connection import connect, refuse
from synthgate.verifiers.judging.criteria import DEFAULT, Canary, Sheet, read_sheet
from synthgate.verifiers.judging.panel import Panel, Ruling
from synthgate.verifiers.judging.prompt import TEMPLATE
from synthgate.verifiers.judging.trial import Judged, heard, not_sent, pair, single

PAIRS = "prompt/chosen/rejected"
_SHOWN = 120  # characters of a quote, a reason or a name in the evidence
_ANSWERS = 12  # that the evidence shows; the journal has all
_rejected = field("rejected")


def build(argument: str, bench: Bench) -> Judge:
    """Return the check by one model; nothing is asked yet."""
    refuse(argument, bench.policy)
    path = bench.policy.criteria
    return Judge(argument, read_sheet(path, bench.text(path)) if path else DEFAULT, bench)


class Judge(Verifier):
    """Asks a model of another lineage, and takes only answers that quote the candidate."""

    name = "judge"
    kind = "judge"
    costly = True
    looks_ahead = True

    def __init__(self, model: str, sheet: Sheet, bench: Bench) -> None:
        policy = bench.policy
        self.model, self._sheet, self._bench = model, sheet, bench
        self.at_once = policy.judge_concurrency
        self._table = lineages(bench)
        allowed = " ".join(policy.allow_dependent.split())
        self._override = f"allow-dependent: {allowed}" if allowed else ""
        self.config = {
            "model": model,
            "criteria": sheet.digest,
            "template": TEMPLATE,
            "samples": policy.judge_samples,
            "seed": bench.seed,
            "lineage": self._table.digest,
            "override": self._override,
        }
        self._stack = ExitStack()
        self._starting = threading.Lock()
        self._panel: Panel | None = None
        self._broken: SynthgateError | None = None
        self._counts: Counter[str] = Counter()
        self._notes: list[str] = []

    # --- independence -------------------------------------------------------------------

    def prepare(self, rows: Iterable[Row], shape: Shape) -> None:  # noqa: ARG002
        """Refuse the input if the judge's own kin, or nobody knows who, made any row of it."""
        for row in () if self._override else rows:
            self._refuse(row)

    def _refuse(self, row: Row) -> None:
        """Raise `UsageError` where this judge may not vouch for a row."""
        if self._override:
            return
        ours = maker(row.provenance)
        how = relation(ours, self.model, self._table)
        if how == "independent":
            return
        start = f"judge:{self.model}: {row.file}:{row.line}"
        if how == "same":
            raise UsageError(f"{start}: the judge made this row itself; {CONSENT}")
        if how == "family":
            kin = shared(ours, self.model, self._table)
            raise UsageError(
                f"{start}: {ours!r} made this row, and both go back to {kin}; {CONSENT}"
            )
        known = ours == PERSON or self._table.kin(ours)
        side = ("the judge's answers", self.model) if known else ("this row", ours)
        raise UsageError(f"{start}: {unknown(*side)}; {CONSENT}")

    # --- verdicts -----------------------------------------------------------------------

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass where every criterion is met, fail where one is not, else abstain.

        Raises `UsageError` for a row of the judge's kin and `Unreachable` where nobody answers or
        the judge does not know good answers from bad ones.
        """
        self._refuse(row)
        prompt, answers = shape.prompt(row.value) or "", self._answers(row, shape)
        said = not_sent(prompt, answers)
        if said is None:
            said = self._judged(self._ready(len(answers) > 1), row.id, prompt, answers)
        outcome, reason, rulings = said
        return Verdict(outcome, reason, self._evidence(rulings), self._override)

    def _answers(self, row: Row, shape: Shape) -> tuple[str, ...]:
        """Return the answer that is judged, and the rejected one of a pair."""
        response = shape.response(row.value) or ""
        if shape.name == PAIRS:
            return response, _rejected(row.value) or ""
        return (response,)

    def _judged(self, panel: Panel, row_id: str, prompt: str, answers: Sequence[str]) -> Judged:
        draw, criteria = (self._bench.seed, row_id), self._sheet.criteria
        if len(answers) > 1:
            return pair(panel, draw, criteria, prompt, (answers[0], answers[1]))
        return single(panel, draw, criteria, prompt, answers[0])

    def _evidence(self, rulings: Sequence[Ruling]) -> dict[str, Any]:
        """Return what was said; `served_by` is the server's own word, and proves nothing."""
        said = [(ruling.name, each) for ruling in rulings for each in ruling.said]
        shown = [
            {
                "criterion": name,
                "answer": each.choice or each.fault,
                "quote": each.quote[:_SHOWN],
                "reason": (each.reason or each.detail)[:_SHOWN],
                "key": each.key,
            }
            for name, each in said[:_ANSWERS]
        ]
        served = sorted({each.served for _, each in said} - {""})
        evidence: dict[str, Any] = {"model": self.model}
        return (
            evidence | {"served_by": " ".join(served)[:_SHOWN], "answers": shown}
            if shown
            else evidence
        )

    # --- the start of a run -------------------------------------------------------------

    def _ready(self, pairs: bool) -> Panel:
        """Return the judge, tried on known answers before the first row; raises `Unreachable`."""
        with self._starting:
            if self._broken:
                raise self._broken
            try:
                return self._panel or self._start(pairs)
            except SynthgateError as error:
                self._broken = error
                raise

    def _start(self, pairs: bool) -> Panel:
        generator, self._counts = self._stack.enter_context(connect(self.model, self._bench))
        panel = Panel(self.model, generator, self._bench.policy.judge_samples)
        if not self._bench.dry:
            self._try_out(panel, DEFAULT, canaries.BUILT_IN, pairs)
            if self._sheet.canaries and not pairs:
                self._try_out(panel, self._sheet, self._sheet.canaries, False)
        self._panel = panel
        return panel

    def _try_out(self, panel: Panel, sheet: Sheet, known: tuple[Canary, ...], pairs: bool) -> None:
        def hear(canary: Canary) -> Heard:
            drawn = hashlib.sha256(f"{canary.prompt}\0{canary.response}".encode()).hexdigest()
            draw = (self._bench.seed, drawn)
            if pairs:
                both = (canary.response, canaries.counterpart(canary))
                said = pair(panel, draw, sheet.criteria, canary.prompt, both)
            else:
                said = single(panel, draw, sheet.criteria, canary.prompt, canary.response)
            return heard(said, pairs, len(sheet.criteria))

        tally = canaries.try_out(known, hear, self.at_once)
        if tally.void:
            raise Unreachable(f"judge:{self.model}: the run is void: {tally.void}")
        whose = f" of {sheet.path}" if sheet.path else ""
        self._notes.append(f"judge {self.model}: canaries{whose}: {tally.words()}")

    def notes(self) -> list[str]:
        """Return how the judge did on known answers, and what was asked of it."""
        if self._panel is None:
            return []
        calls, replayed = self._counts["calls"], self._counts["replayed"]
        would = "would be made" if self._bench.dry else "made"
        served = " ".join(sorted(self._panel.served - {""}))
        named = f"; the server calls itself {served}, which proves nothing" if served else ""
        asked = f"judge {self.model}: {calls} calls {would}, {replayed} answers from the journal"
        untried = canaries.of(self._sheet)
        return [*self._notes, f"{asked}{named}", *([untried] if untried else [])]

    def close(self) -> None:
        self._stack.close()
