"""What a generator is: requests in, answers out, in the same order. One generator a file.

`build(bench)` is a context manager: what a generator holds (connections, a thread, a process) is
released when the command ends, however it ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from synthgate.config import GeneratePolicy
from synthgate.generators.meter import Meter

if TYPE_CHECKING:
    from synthgate.generators.journal import Journal

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One answer that is wanted: sample number `sample` (from 0) of one conversation.

    `schema` is the JSON Schema that the answer must fit, where the run's own is not meant.
    """

    messages: tuple[Message, ...]
    sample: int = 0
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: a text, or the reason why there is none.

    `reason` is empty for a usable answer; otherwise the cause (`truncated`, `refused`,
    `not_in_journal`, ...), with `detail` in words. `key` is the journal key of the raw answer;
    `served` is what the server says the model is, which proves nothing, and `fingerprint` what it
    says of its system. `reasoning` is what the model thought aloud, never a part of the answer.
    """

    text: str = ""
    reason: str = ""
    detail: str = ""
    key: str = ""
    served: str = ""
    reasoning: str = ""
    fingerprint: str = ""


class Generator(Protocol):
    """A source of answers; `identity` goes into every row that it made."""

    identity: str

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield one answer for each request, in order; whatever went wrong is an `Answer` too.

        Raises `Unreachable` where going on is futile for every other request as well.
        """
        ...


@dataclass(frozen=True)
class Bench:
    """What a generator may use: its settings, the run's seed, a secret, the journal.

    `counts` is where it says what it did: `calls` made, answers `replayed` from the journal;
    `meter` where it says what it is doing. `schema` is what every answer must fit.
    """

    policy: GeneratePolicy
    seed: int = 0
    api_key: str = field(default="", repr=False)
    journal: Journal | None = None
    counts: Counter[str] = field(default_factory=Counter)
    meter: Meter = field(default_factory=Meter)
    schema: dict[str, Any] | None = None


Build = Callable[[Bench], AbstractContextManager[Generator]]
