"""One command, from what was typed to its exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from synthgate import config
from synthgate.cli import settings
from synthgate.cli.common import Session
from synthgate.cli.options import Command
from synthgate.errors import UsageError


def execute(spec: Command, run: Callable[..., int | None], given: dict[str, Any]) -> int:
    """Run one command: settle its settings, open its outputs, record what it did."""
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
    given = {key: value for key, value in given.items() if value is not None}
    path = given.pop("inputs", "") if spec.config_input else ""
    if path and given.setdefault("config", path) != path:
        raise UsageError(f"two configurations: {path} and --config {given['config']}")
    table = spec.table or spec.stage
    kind = config.POLICIES[table]
    file = settings.load_config(given.get("config", "")).get(table, {})
    known, beside = config.flags_of(kind), settings.beside(spec)
    values = {key: v for key, v in {**file, **given}.items() if key in known}
    policy = config.build(kind, values)
    file = {key: value for key, value in file.items() if key in beside}
    shared = {key: value for key, value in {**file, **given}.items() if key not in known}
    with Session(spec, policy, shared) as io:
        io.stated = frozenset(values)
        code = run(io, policy)
        io.finish()
    return code or 0
