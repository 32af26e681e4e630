"""One command, from what was typed to its exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synthgate import config
from synthgate.cli.common import Session
from synthgate.cli.options import Command
from synthgate.cli.settings import load_config


def execute(spec: Command, run: Callable[..., int | None], given: dict[str, Any]) -> int:
    """Run one command: settle its settings, open its outputs, record what it did."""
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
    given = {key: value for key, value in given.items() if value is not None}
    if spec.config_input and given.get("inputs"):
        given["config"] = given.pop("inputs")[0]
    table = spec.table or spec.stage
    kind = config.POLICIES[table]
    file = load_config(given.get("config", ""))
    known = config.flags_of(kind)
    values = {**file.get(table, {}), **{key: v for key, v in given.items() if key in known}}
    policy = config.build(kind, values)
    shared = {key: value for key, value in given.items() if key not in known}
    with Session(spec, policy, shared) as io:
        io.stated = frozenset(values)
        code = run(io, policy)
        io.finish()
    return code or 0
