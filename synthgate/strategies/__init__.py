"""What a strategy is: which prompts are asked, and what rows their answers become.

One strategy a file, with its prompt templates. A strategy asks in rounds: all asks of a round are
answered and read before the next round is made, and what it reads may ask further. It opens no
file and draws by `hash(seed, id)` alone, so that the same journal gives the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

from synthgate import registry
from synthgate.config import GeneratePolicy
from synthgate.formats import PROMPTS, Shape
from synthgate.generators import Message
from synthgate.provenance import child
from synthgate.rows import Decision, Provenance, Row, Value, content_id
from synthgate.strategies.templates import Templates

BLOCK = 512  # seed rows whose chains of prompts are followed at a time


@dataclass(frozen=True)
class Origin:
    """What the run declares about the rows that it makes."""

    source: str = "synthetic"
    run: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One answer that is wanted, for sample `sample` of a seed row.

    `worth` is how many candidates must come of it: each ends as a row or a reject, also where no
    answer comes. Without messages there is nothing to ask. `step` names the prompt within the
    strategy, and `state` is what the strategy needs again when it reads the answer.
    """

    messages: tuple[Message, ...]
    row: Row
    sample: int = 0
    worth: int = 1
    step: str = ""
    state: Any = None


Outcome = Decision | Ask


def _no_text(path: str, _role: str) -> str:
    raise FileNotFoundError(path)


@dataclass(frozen=True)
class Brief:
    """What a strategy may use: settings, seed, and where its rows say they are from.

    `text(path, role)` reads a small file that a setting names; `overrides` are the user's own
    templates, {name: text}.
    """

    policy: GeneratePolicy
    origin: Origin = Origin()
    seed: int = 0
    text: Callable[[str, str], str] = _no_text
    overrides: dict[str, str] = field(default_factory=dict)


class Strategy:
    """One configured strategy. A new one sets `name` and writes `rounds` and `read`."""

    name: ClassVar[str] = ""
    shapes: ClassVar[tuple[Shape, ...]] = PROMPTS
    """The shapes that its seed rows may have."""
    templates: ClassVar[dict[str, str]] = {}
    """Its prompts, {name: Jinja2}; `--templates` overrides them by name."""
    says: ClassVar[tuple[str, ...]] = ()
    """The fields beside the answer whose texts it made."""
    sends_real: ClassVar[bool] = False
    """Whether real rows are sent to the generator, which needs consent."""

    def __init__(self, brief: Brief) -> None:
        self.brief, self.policy = brief, brief.policy
        self.texts = Templates(self.templates, brief.overrides)
        self.identity = ""  # of the generator, once it is known

    def refuse(self, rows: Iterable[Row], shape: Shape) -> None:
        """Raise `UsageError` for seed rows that cannot be used; all are seen before any call."""

    def wanted(self, rows: int) -> int:
        """Return how many candidates will be asked for with this many seed rows."""
        return rows * self.policy.samples

    def rounds(self, rows: Iterable[Row], shape: Shape) -> Iterator[Iterable[Ask]]:
        """Yield the asks of one round after the other."""
        raise NotImplementedError

    def read(self, ask: Ask, text: str) -> Iterable[Outcome]:
        """Yield what an answer becomes: decisions on rows and further asks, worth the ask in sum.

        Never raises for anything that an answer can hold.
        """
        raise NotImplementedError

    def further(self, ask: Ask) -> int | None:  # noqa: ARG002 -- for those that know
        """Return how many calls the answer to an ask leads to at most; None where nobody knows."""
        return None

    def axes(self) -> dict[str, tuple[str, ...]]:
        """Return the fields that it spreads rows over, each with the values that it was given."""
        return {}

    # --- for the strategies ---------------------------------------------------------------

    def messages(self, template: str, **values: Any) -> tuple[Message, ...]:
        """Return a template as one user message, behind the system message of the policy."""
        return self.said(self.texts.render(template, values))

    def said(self, text: str) -> tuple[Message, ...]:
        """Return a text as one user message, behind the system message of the policy."""
        system = self.policy.system
        opening = ({"role": "system", "content": system},) if system else ()
        return (*opening, {"role": "user", "content": text})

    def made(
        self,
        ask: Ask,
        content: tuple[bytes, Value],
        parents: Iterable[Provenance] = (),
        *,
        needs: str = "",
    ) -> Row:
        """Return a new row with this payload and value; its parent is the seed row by default."""
        payload, value = content
        lineage = list(parents) or [ask.row.provenance]
        provenance = Provenance(
            content_id(payload),
            self.source,
            generator=self.identity,
            prompt=self.texts.hash(ask.messages, ask.step),
            parents=" ".join(dict.fromkeys(parent.id for parent in lineage)),
            generation=child(lineage, self.policy.generator_generation),
            run=self.brief.origin.run,
            needs=needs,
        )
        return Row(ask.row.file, ask.row.line, payload, value, provenance)

    @property
    def source(self) -> str:
        """What rows say they are from."""
        return self.brief.origin.source


def rejected(ask: Ask, reason: str, detail: str) -> Decision:
    """Return the seed row of an ask, rejected for what came of it."""
    step = f"{ask.step}: " if ask.step else ""
    return Decision(ask.row, reason, f"sample {ask.sample}: {step}{detail}")


def all_rejected(ask: Ask, reason: str, detail: str) -> list[Decision]:
    """Return a reject for each candidate that an ask was to give."""
    return [rejected(ask, reason, detail)] * ask.worth


def blocks(asks: Iterable[Ask], size: int = BLOCK) -> Iterator[list[Ask]]:
    """Yield asks in rounds of bounded size, for strategies whose answers lead to further asks."""
    left = iter(asks)
    while block := list(islice(left, size)):
        yield block


def build(name: str, brief: Brief) -> Strategy:
    """Return the strategy of that name, or raise `UsageError` and list the known ones."""
    from synthgate.errors import UsageError

    made = registry.find("strategies", name)(brief)
    if not isinstance(made, Strategy):
        raise UsageError(f"strategy {name} is no synthgate.strategies.Strategy")
    return made
