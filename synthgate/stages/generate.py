"""Make candidates: what a strategy asks, through a generator.

Shape: per row. Memory: the requests that the generator looks ahead; strategies whose answers lead
to further prompts hold those of some hundred rows. Nothing is ever a candidate that the generator
did not call an answer: every other candidate that was wanted is rejected with its cause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from synthgate.config import GeneratePolicy
from synthgate.formats import Shape
from synthgate.generators import Answer, Generator, Request
from synthgate.jsonl import MAX_LINE
from synthgate.provenance import emit
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, Brief, Origin, Strategy, all_rejected, rejected
from synthgate.strategies.plain import Plain

__all__ = ["Origin", "generate", "refuse"]

Noted = Callable[[Row, Ask, Answer], None]
Missed = Callable[[Ask, Answer], None]


class Barring(Protocol):
    """What is excluded; both return why, "" for what is not."""

    def ask(self, ask: Ask) -> str:
        """Return why a prompt is not asked."""

    def row(self, row: Row) -> str:
        """Return why a row that was made does not stay."""


_NO_PROMPT = Answer(reason="no_prompt", detail="the row holds no prompt that can be asked")
_NO_ANSWER = Answer(reason="no_answer", detail="the generator gave no answer")


def refuse(rows: Iterable[Row], shape: Shape, policy: GeneratePolicy) -> None:
    """Raise `UsageError` for the first prompt whose answer would have no place in its row."""
    Plain(Brief(policy)).refuse(rows, shape)


def generate(
    rows: Iterable[Row],
    shape: Shape,
    generator: Generator,
    policy: GeneratePolicy,
    origin: Origin = Origin(),  # noqa: B008 -- frozen
    strategy: Strategy | None = None,
    noted: Noted | None = None,
    missed: Missed | None = None,
    barring: Barring | None = None,
) -> Iterator[Decision]:
    """Yield one Decision for each candidate that was wanted: a new row, or a seed row rejected.

    `rows` must have passed the strategy's `refuse`; the strategy is `plain` unless one is given,
    and then policy and origin are those of its own. `noted` is told of each kept row and the
    answer that it was made of, `missed` of what was asked and not answered. A prompt that holds no
    text is rejected as `no_prompt`; one that `barring` gives a reason for is not asked, and
    rejected as `excluded`.
    """
    strategy = strategy or Plain(Brief(policy, origin))
    strategy.identity = generator.identity
    for asks in strategy.rounds(rows, shape):
        left: Iterable[Ask] = asks
        while left:
            later: list[Ask] = []
            for ask, answer in _answered(left, generator, barring):
                if missed is not None and answer.reason:
                    missed(ask, answer)
                for made in _settled(ask, answer, strategy, later):
                    decision = made if barring is None else _allowed(made, barring)
                    if noted is not None and not decision.reason:
                        noted(decision.row, ask, answer)
                    yield decision
            left = later


Waiting = deque[tuple[Ask, Answer | None]]  # the answer, of those that are not asked


def _answered(
    asks: Iterable[Ask], generator: Generator, barring: Barring | None
) -> Iterator[tuple[Ask, Answer]]:
    """Yield each ask with its answer, in order."""
    waiting: Waiting = deque()
    requests = _requests(asks, waiting, barring)
    for answer in generator.answers(requests):
        yield from _unasked(waiting)
        yield waiting.popleft()[0], answer
    deque(requests, maxlen=0)  # a generator that gave up early must not hide the asks behind
    while waiting:
        yield from _unasked(waiting)
        if waiting:
            yield waiting.popleft()[0], _NO_ANSWER


def _requests(asks: Iterable[Ask], waiting: Waiting, barring: Barring | None) -> Iterator[Request]:
    """Yield what to ask, and remember for what."""
    for ask in asks:
        if not ask.messages:
            waiting.append((ask, _NO_PROMPT))
        elif barring is not None and (why := barring.ask(ask)):
            waiting.append((ask, Answer(reason="excluded", detail=why)))
        else:
            waiting.append((ask, None))
            yield Request(ask.messages, ask.sample)


def _unasked(waiting: Waiting) -> Iterator[tuple[Ask, Answer]]:
    """Answer for the asks at the head of the line that are not asked."""
    while waiting and (said := waiting[0][1]) is not None:
        yield waiting.popleft()[0], said


def _settled(ask: Ask, answer: Answer, strategy: Strategy, later: list[Ask]) -> Iterator[Decision]:
    """Yield what came of an ask and put what it leads to into `later`: as much as it was worth."""
    if answer.reason:
        yield from all_rejected(ask, answer.reason, answer.detail)
        return
    owed = ask.worth
    for outcome in strategy.read(ask, answer.text):
        if isinstance(outcome, Ask):
            later.append(outcome)
            owed -= outcome.worth
        else:
            owed -= 1
            yield _within(ask, outcome)
    if owed:
        raise RuntimeError(f"strategy {strategy.name} lost {owed} of {ask.worth} candidates")


def _allowed(decision: Decision, barring: Barring) -> Decision:
    """Return the decision, a reject where the row is excluded."""
    why = "" if decision.reason else barring.row(decision.row)
    return Decision(decision.row, "excluded", why) if why else decision


def _within(ask: Ask, decision: Decision) -> Decision:
    """Return the decision, a reject where no later stage could read the row."""
    if len(decision.row.payload) < MAX_LINE // 2 or len(emit(decision.row)) <= MAX_LINE:
        return decision
    return rejected(ask, "too_large", f"the row would be longer than {MAX_LINE} bytes")
