"""`[models]` of the configuration: what a generator was trained on, and whose kin it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from synthgate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from synthgate.cli.common import Session

Models = dict[str, dict[str, Any]]


def declared(io: Session) -> Models:
    """Return the models that the configuration of a run declares, {name: settings}."""
    from synthgate.cli.settings import load_config

    return load_config(io.options.config).get("models", {})


def generator_generation(io: Session, name: str, given: int) -> int:
    """Return the largest generation among the data that a model learned from, -1 if unknown.

    `given` is what the command line says; what `[models]` says counts beside it.
    """
    models = declared(io)
    if name not in models:
        return given
    found = depth(name, models, lambda path: _largest(io, path))
    return -1 if min(found, given) < 0 else max(found, given)


def depth(name: str, models: Models, largest: Callable[[str], int]) -> int:
    """Return the largest generation in a model's own training data; -1 where nobody knows.

    A model that is not declared counts as trained on the data of people. One that has a base was
    tuned: without `tuned_on`, `generation` or `teachers` nobody knows on what. What a teacher
    wrote is one generation further than what the teacher learned from. `largest(path)` reads the
    largest generation among the rows of a file. Raises `ConfigError` where models are their own
    ancestors.
    """
    return _depth(name, models, largest, ())


def _depth(name: str, models: Models, largest: Callable[[str], int], seen: tuple[str, ...]) -> int:
    if name in seen:
        raise ConfigError(f"models: {' -> '.join((*seen, name))}: a model is its own ancestor")
    given, seen = models.get(name), (*seen, name)
    if given is None:
        return 0
    learned = [given["generation"]] if "generation" in given else []
    learned += [largest(path) for path in given.get("tuned_on", ())]
    for teacher in given.get("teachers", ()):
        known = _depth(teacher, models, largest, seen)
        learned.append(known + 1 if known >= 0 else -1)
    if base := given.get("base"):
        learned = [*learned, _depth(base, models, largest, seen)] if learned else [-1]
    if not learned:
        return 0
    return -1 if min(learned) < 0 else max(learned)


def _largest(io: Session, path: str) -> int:
    found = [row.provenance.generation for row in io.records(path, "models")]
    if not found:
        raise ConfigError(f"models: {path}: holds no rows")
    if min(found) < 0:
        io.note(f"{path}: holds rows of unknown generation: so is what it was trained into")
        return -1
    return max(found)


def lineage(models: Models) -> str:
    """Return the models with a family as a table of lineages, "" where there is none."""
    lines = []
    for name, given in models.items():
        if family := given.get("family"):
            entry = {"match": name, "family": family}
            entry |= {key: given[key] for key in ("base", "teachers") if given.get(key)}
            said = (f"{key} = {_toml(value)}" for key, value in entry.items())
            lines.append("[[model]]\n" + "\n".join(said) + "\n")
    return "\n".join(lines)


def _toml(value: str | tuple[str, ...]) -> str:
    """Return a text or a list of texts as TOML, whose strings are those of JSON in ASCII."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)
