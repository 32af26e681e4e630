"""What a generator is: requests in, answers out, in the same order. One generator a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One answer that is wanted: sample number `sample` (from 0) of one conversation."""

    messages: tuple[Message, ...]
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: a text, or the reason why there is none.

    `reason` is empty for a usable answer; otherwise the cause (`truncated`, `refused`,
    `not_in_journal`, ...), with `detail` in words. `key` is the journal key of the raw answer.
    """

    text: str = ""
    reason: str = ""
    detail: str = ""
    key: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


class Generator(Protocol):
    """A source of answers; `identity` goes into every row that it made."""

    identity: str

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield one answer for each request, in order."""
        ...
