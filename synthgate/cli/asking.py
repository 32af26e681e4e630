"""The strategy of `generate`: which one, with which texts, and what is told about its rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from synthgate import config
from synthgate.cli.spread import Spread
from synthgate.errors import UsageError
from synthgate.formats import PROMPTS, Shape
from synthgate.generators import Answer
from synthgate.generators.replay import NOT_CALLED
from synthgate.rows import Decision, Row
from synthgate.strategies import Ask, Brief, Origin, Strategy, build
from synthgate.strategies.plain import Plain

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import GeneratePolicy

HINT = "every sample of a prompt asks the same: name attributes with --attribute to spread them"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def named_model(policy: GeneratePolicy) -> GeneratePolicy:
    """Return the policy with the model's name, where the generator knows it by itself."""
    if policy.model or policy.generator not in ("command", "local"):
        return policy
    from synthgate.generators import command, local

    found = (command if policy.generator == "command" else local).identity(policy)
    named: GeneratePolicy = config.build(type(policy), {**vars(policy), "model": found})
    return named


def with_generation(io: Session, policy: GeneratePolicy) -> GeneratePolicy:
    """Return the policy with what `[models]` says of the generator's training data."""
    from synthgate.cli.models import generator_generation
    from synthgate.provenance import run_hash

    given = policy.generator_generation
    found = generator_generation(io, policy.model, given)
    if found == given:
        return policy
    io.run = run_hash(f"{io.run}\n{found}")  # it shapes rows as any setting does
    io.manifest.findings["generator_generation"] = found
    values = {**vars(policy), "generator_generation": found}
    known: GeneratePolicy = config.build(type(policy), values)
    return known


def shapes_of(policy: GeneratePolicy) -> tuple[Shape, ...]:
    """Return the shapes that the seed rows of the named strategy may have."""
    from synthgate import registry

    found = registry.find("strategies", policy.strategy) if policy.strategy else None
    return getattr(found, "shapes", PROMPTS)


def chosen(io: Session, policy: GeneratePolicy, rows: Iterable[Row]) -> Strategy:
    """Return the strategy that is named; else `attributes` where one is, else `plain`."""
    naming = sum("attributes" in row.value for row in rows)  # all are read before any call
    name = policy.strategy or ("attributes" if naming or policy.attribute else "plain")
    origin = Origin(io.options.source or "synthetic", io.run)
    overrides = _overrides(io, policy.templates)
    made = build(name, Brief(policy, origin, io.options.seed, io.text, overrides))
    if policy.templates and not set(made.templates) & set(overrides):
        known = ", ".join(f"{each}.j2" for each in made.templates) or "none"
        raise UsageError(f"{policy.templates}: no template of {name}: its own are {known}")
    if made.sends_real and not _stays_here(io, policy):
        raise UsageError(
            f"{name} sends real rows to the generator: run one on this machine "
            "(--generator local), or add --send-real"
        )
    if isinstance(made, Plain) and name == "plain" and policy.samples > 1:
        io.note(HINT)
    return made


def _stays_here(io: Session, policy: GeneratePolicy) -> bool:
    """Tell whether no row leaves this machine, or the user agreed that it may."""
    if policy.send_real or policy.offline or io.options.dry_run or policy.generator == "local":
        return True
    return policy.generator == "chat" and urlsplit(policy.base_url).hostname in _LOOPBACK


def _overrides(io: Session, folder: str) -> dict[str, str]:
    """Return the user's own templates, {name: text}."""
    if not folder:
        return {}
    if not os.path.isdir(folder):
        raise UsageError(f"--templates {folder}: is no folder")
    names = sorted(name for name in os.listdir(folder) if name.endswith(".j2"))
    return {name[:-3]: io.text(os.path.join(folder, name), "template") for name in names}


class Telling:
    """What is told of the rows beside them: the line for each in `--origins`, and the summary."""

    def __init__(self, io: Session, policy: GeneratePolicy, strategy: Strategy) -> None:
        self._io, self._policy, self._strategy = io, policy, strategy
        self._spread = Spread(strategy, policy.output_field, io.options.seed)
        self._sink = io.open("origins", policy.origins) if policy.origins else None
        self._further: int | None = 0  # calls that a dry run cannot count, at most

    def noted(self, row: Row, ask: Ask, answer: Answer) -> None:
        """Write where a row came from; its id is the key."""
        if self._sink is not None:
            self._sink.write(orjson.dumps(self._line(row, ask, answer)))

    def missed(self, ask: Ask, answer: Answer) -> None:
        """Count what an answer that a dry run does not ask for would lead to."""
        if answer.reason == NOT_CALLED:
            more = self._strategy.further(ask)
            known = self._further is not None and more is not None
            self._further = (self._further or 0) + (more or 0) if known else None

    def calls(self, counted: int) -> str:
        """Return in words how many calls a run would make of which a dry run counted some."""
        if self._further == 0:
            return f"{counted} calls would be made"
        most = "" if self._further is None else f", at most {counted + self._further}"
        return f"at least {counted} calls would be made{most}: later ones depend on answers"

    def _line(self, row: Row, ask: Ask, answer: Answer) -> dict[str, Any]:
        policy, seed = self._policy, self._io.options.seed
        sampling = {"temperature": policy.temperature, "top_p": policy.top_p, "seed": seed}
        return {
            "id": row.id,
            "journal": answer.key,
            "generator": policy.generator,
            "model": row.provenance.generator,
            "served": answer.served,
            "fingerprint": getattr(answer, "fingerprint", ""),
            "strategy": self._strategy.name,
            "step": ask.step,
            "templates": self._strategy.texts.digests,
            "prompt": row.provenance.prompt,
            "sample": ask.sample,
            "sampling": sampling,
            "parents": row.provenance.parents.split(),
            "generation": row.provenance.generation,
        }

    def watched(self, decisions: Iterable[Decision]) -> Iterator[Decision]:
        """Pass the decisions on and look at the rows among them."""
        for decision in decisions:
            if not decision.reason:
                self._spread.add(decision.row)
            yield decision

    def finish(self) -> None:
        """Say how spread out the rows are."""
        self._io.manifest.findings |= self._spread.findings()
        if self._io.manifest.rows_out:
            self._io.note(self._spread.words())
