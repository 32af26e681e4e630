"""Names that users type, and the objects behind them, imported on first use.

Built-ins are `"module:attribute"` strings, so that `--help` imports none of them. Plug-ins
register entry points in the group `synthgate.<kind>` and win over nothing: a built-in name
cannot be taken over.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Any

from synthgate.errors import UsageError

BUILTIN: dict[str, dict[str, str]] = {
    "verifiers": {
        "agree": "synthgate.verifiers.agree:build",
        "answer": "synthgate.verifiers.answer:build",
        "arithmetic": "synthgate.verifiers.arithmetic:build",
        "human": "synthgate.verifiers.human:build",
        "judge": "synthgate.verifiers.judge:build",
        "leak": "synthgate.verifiers.leak:build",
        "command": "synthgate.verifiers.command:build",
        "exec": "synthgate.verifiers.exec:build",
        "retrieve": "synthgate.verifiers.retrieve:build",
        "rule": "synthgate.verifiers.rule:build",
        "schema": "synthgate.verifiers.schema:build",
    },
    "embedders": {
        "sentence-transformers": "synthgate.embedders.sentences:build",
        "static": "synthgate.embedders.static:build",
        "tfidf": "synthgate.embedders.tfidf:build",
    },
    "generators": {
        "chat": "synthgate.generators.chat:build",
        "command": "synthgate.generators.command:build",
        "local": "synthgate.generators.local:build",
    },
    "strategies": {
        "attributes": "synthgate.strategies.attributes:Attributes",
        "critique": "synthgate.strategies.critique:Critique",
        "edge-cases": "synthgate.strategies.edge_cases:EdgeCases",
        "evolve": "synthgate.strategies.evolve:Evolve",
        "exercises": "synthgate.strategies.exercises:Exercises",
        "gaps": "synthgate.strategies.gaps:Gaps",
        "label": "synthgate.strategies.label:Label",
        "plain": "synthgate.strategies.plain:Plain",
        "schema": "synthgate.strategies.schema:Schema",
        "self-instruct": "synthgate.strategies.self_instruct:SelfInstruct",
        "stand-in": "synthgate.strategies.stand_in:StandIn",
        "verbalized": "synthgate.strategies.verbalized:Verbalized",
    },
}

_SINGULAR = {
    "embedders": "embedder",
    "generators": "generator",
    "strategies": "strategy",
    "verifiers": "verifier",
}


def find(kind: str, name: str) -> Any:
    """Return the object registered under `name`, or refuse and list the known names."""
    builtin = BUILTIN[kind]
    if name in builtin:
        return _load(builtin[name])
    plugins = _plugins(kind)
    if name in plugins:
        return plugins[name].load()
    raise UsageError(unknown(_SINGULAR[kind], name, [*builtin, *plugins]))


def unknown(what: str, name: str, known: list[str]) -> str:
    """Return the message for a name that nobody registered, the nearest known name first."""
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {name!r}: known are {', '.join(sorted(known))}{guess}"


def _load(path: str) -> Any:
    module, attribute = path.split(":")
    return getattr(import_module(module), attribute)


def _plugins(kind: str) -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"synthgate.{kind}")}
