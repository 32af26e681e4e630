"""Tokens and money: what calls cost, and the hard stop before one that the budget cannot pay.

What a call will cost is not known before it is made. So calls go side by side only while the budget
can pay the most that each of them can cost: a token for each byte of the request, and an answer as
long as it may be. Then they go one at a time, each taken to cost its prompt and as long an answer
as the longest so far. So a budget is overdrawn by one call at most, and by no more than that can
cost beyond this. Calls that failed are counted: by the usage that the server reports, and by the
estimate where a server may have worked for nothing (a timeout, a cut connection, a 5xx).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from synthgate.config import GeneratePolicy
from synthgate.errors import BadLine, Unreachable
from synthgate.generators.faults import Reply
from synthgate.rows import parse

_BYTES_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt + other.prompt, self.completion + other.completion)

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call is taken to cost, and the most that it can."""

    expected: Usage
    most: Usage


def usage_of(body: str | dict[str, Any]) -> Usage | None:
    """Return the usage that a body reports; None where it reports none, or zero as some do."""
    if isinstance(body, str):
        if '"usage"' not in body:
            return None
        try:
            body = parse(body.encode())
        except (BadLine, UnicodeEncodeError):
            return None
    said = body.get("usage")
    if not isinstance(said, dict):
        return None
    found = Usage(
        _tokens(said, "prompt_tokens", "input_tokens"),
        _tokens(said, "completion_tokens", "output_tokens"),
    )
    return found if found.total else None


def _tokens(said: dict[str, Any], *names: str) -> int:
    for name in names:
        if type(said.get(name)) is int and said[name] > 0:
            return int(said[name])
    return 0


class Spending:
    """What the calls of a run cost, and whether one more can be paid."""

    def __init__(self, policy: GeneratePolicy) -> None:
        self._prices = (policy.price_in, policy.price_out)
        self._dollars, self._tokens = policy.budget_usd, policy.budget_tokens
        self._limited = bool(self._dollars or self._tokens)
        self.spent = self._reserved = Usage()
        self._calls = 0
        self._longest = 0
        self._changed = asyncio.Event()

    @property
    def usd(self) -> float:
        """The money spent so far, in dollars."""
        return self._cost(self.spent)

    def estimate(self, content: bytes, max_tokens: int) -> Estimate:
        """Return what a call is taken to cost.

        The most is what a server can bill that keeps to `max_tokens`, or strays no further than
        before.
        """
        prompt, longest = len(content) // _BYTES_A_TOKEN, self._longest or max_tokens
        return Estimate(
            Usage(prompt, min(longest, max_tokens)),
            Usage(len(content), max(max_tokens, self._longest)),
        )

    async def reserve(self, wanted: Estimate) -> None:
        """Wait until the budget can pay a call; raises `Unreachable` when it cannot any more."""
        while self._limited and not self._affordable(wanted):
            if not self._calls:
                raise Unreachable(self._why())
            self._changed.clear()
            await self._changed.wait()
        self._reserved += wanted.most
        self._calls += 1

    def _affordable(self, wanted: Estimate) -> bool:
        if self._within(self.spent + self._reserved + wanted.most):
            return True
        # Not whatever it costs. Alone it may go where it is likely to be paid; the very first one,
        # when nothing is known yet of how long answers are, where any answer is.
        alone = wanted.expected if self._longest else Usage(wanted.expected.prompt, 1)
        return not self._calls and self._within(self.spent + alone)

    def _within(self, all_in_all: Usage) -> bool:
        if self._tokens and all_in_all.total > self._tokens:
            return False
        return not self._dollars or self._cost(all_in_all) <= self._dollars

    def settle(self, reserved: Estimate, reply: Reply) -> Usage:
        """Count what a call did cost, and return it."""
        actual = usage_of(reply.body) or _presumed(reserved.expected, reply)
        self.spent += actual
        if reply.meant == 200:
            self._longest = max(self._longest, actual.completion)
        self.release(reserved)
        return actual

    def release(self, reserved: Estimate) -> None:
        """Give back what was reserved for a call that is over."""
        self._reserved += Usage(-reserved.most.prompt, -reserved.most.completion)
        self._calls -= 1
        self._changed.set()

    def _cost(self, usage: Usage) -> float:
        """Return dollars; prices are for a million tokens."""
        return (usage.prompt * self._prices[0] + usage.completion * self._prices[1]) / 1e6

    def _why(self) -> str:
        spent = f"{self.spent.total} tokens"
        if self._dollars:
            return (
                f"the budget of {self._dollars:g} USD cannot pay another call: "
                f"{self.usd:.6f} USD spent ({spent}); raise --budget-usd to go on"
            )
        return (
            f"the budget of {self._tokens} tokens cannot pay another call: {spent} spent; "
            "raise --budget-tokens to go on"
        )


def _presumed(reserved: Usage, reply: Reply) -> Usage:
    """Return what a call is taken to have cost whose reply reports nothing."""
    if reply.meant == 200 and not reply.error:
        return Usage(reserved.prompt, max(1, len(reply.body) // _BYTES_A_TOKEN))
    if reply.detail.startswith("ConnectError"):  # nobody was there to work for it
        return Usage()
    if reply.error in ("timeout", "connection") or reply.meant >= 500 or reply.meant == 200:
        return reserved
    return Usage()
