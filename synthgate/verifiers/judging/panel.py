"""Asks a judge, once more where its answer is of no use, and as often as samples are wanted."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from synthgate.errors import Unreachable
from synthgate.generators import Answer, Generator, Request
from synthgate.verifiers.judging.prompt import Question, repair
from synthgate.verifiers.judging.reading import Said, Unreadable, read

_IN_A_ROW = 3  # calls that fail for good, one after the other: then it is not the rows
_NAMES = 5  # of the model, as the server calls it, that the summary tells
_REPEATED = 4000  # characters of a useless answer that are shown to the judge again
# What one row may cause alone: its length, its content, or what the judge makes of it.
_OWN = {
    "truncated", "refused", "content_filter", "empty", "reasoning", "tool_calls", "unfinished",
    "not_text", "key_in_answer", "http_400", "http_413", "http_422", "not_in_journal", "not_called",
}  # fmt: skip
_REFUSED = frozenset({"refused", "content_filter"})
# Where a judge could not tell, or was not asked; any other fault is the rig's.
DOUBTS = frozenset({"judge_disagrees", "quote_not_found", "judge_refused", "not_called"})


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a judge says to one question: a choice that all samples made, or why there is none."""

    name: str
    said: tuple[Said, ...]

    @property
    def choice(self) -> str:
        """The choice, "" where there is none that counts."""
        return "" if self.fault else self.said[0].choice

    @property
    def fault(self) -> str:
        """Why there is no choice: what is broken before what is only doubtful."""
        faults = [each.fault for each in self.said if each.fault]
        disagreed = "judge_disagrees" if len({each.choice for each in self.said}) > 1 else ""
        doubt = faults[0] if faults else disagreed
        return next((fault for fault in faults if fault not in DOUBTS), doubt)


class Panel:
    """One judge. Called from several threads."""

    def __init__(self, name: str, generator: Generator, samples: int) -> None:
        self.name, self._generator, self._samples = name, generator, samples
        self._lock = threading.Lock()
        self._failed = 0
        self.served: set[str] = set()

    def ask(self, question: Question, samples: int = 0) -> Ruling:
        """Return what the judge says; raises `Unreachable` where nobody answers any more."""
        opening = ({"role": "user", "content": question.text},)
        requests = [Request(opening, number) for number in range(samples or self._samples)]
        answers = list(self._generator.answers(requests))
        pairs = zip(requests, answers, strict=True)
        return Ruling(question.name, tuple(self._said(question, *pair) for pair in pairs))

    def _said(self, question: Question, request: Request, answer: Answer) -> Said:
        """Return what an answer says, after one chance to say it properly."""
        if answer.reason:
            return self._fault(answer)
        self._worked(answer)
        try:
            return _signed(read(question, answer.text), answer)
        except Unreadable as error:
            why = str(error)
        again = (
            *request.messages,
            {"role": "assistant", "content": answer.text[:_REPEATED]},
            {"role": "user", "content": repair(question, why)},
        )
        (second,) = self._generator.answers([Request(again, request.sample)])
        if second.reason:
            return self._fault(second)
        try:
            return _signed(read(question, second.text), second)
        except Unreadable as error:
            if error.unproven:
                return _signed(replace(error.unproven, fault="quote_not_found"), second)
            return _signed(Said(fault="unusable_answer", detail=str(error)), second)

    def _worked(self, answer: Answer) -> None:
        with self._lock:
            self._failed = 0
            if len(self.served) < _NAMES:
                self.served.add(answer.served)

    def _fault(self, answer: Answer) -> Said:
        """Return what a call without an answer means for its row, or give the run up."""
        fault = "judge_refused" if answer.reason in _REFUSED else answer.reason
        if answer.reason not in _OWN:
            with self._lock:
                self._failed += 1
                futile = self._failed >= _IN_A_ROW
            if futile or answer.detail.startswith("ConnectError"):
                raise Unreachable(f"judge:{self.name}: {answer.reason}: {answer.detail}")
        detail = answer.detail.replace("--max-tokens", "--judge-max-tokens")
        return Said(fault=fault, detail=detail, key=answer.key)


def _signed(said: Said, answer: Answer) -> Said:
    return replace(said, key=answer.key, served=answer.served)
