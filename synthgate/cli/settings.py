"""The configuration file of a run: the one that is named, or the one that lies here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from synthgate.cli.options import Command, Streams
from synthgate.config import flags_of
from synthgate.errors import ConfigError, InputError, UsageError
from synthgate.jsonl import read_file
from synthgate.provenance import Stamp

CONFIG_FILES = {"synthgate.toml": (), "pyproject.toml": ("tool", "synthgate")}


@dataclass(frozen=True)
class Options:
    """The shared options of one run, with the defaults of their groups."""

    values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.values[name]


def declared(values: dict[str, Any], run: str, real: bool, role: str) -> Stamp:
    """Return what the options declare about rows without provenance."""
    made = values.get("generator", "") or values.get("generation", -1) > 0
    if values.get("real") is True and made:
        raise UsageError("--real says that people wrote the rows: no --generator, no --generation")
    prompts = real and role != "real"  # --source names the source of the answers, not theirs
    return Stamp(
        source="" if prompts else values.get("source", ""),
        source_field=values.get("source_field", ""),
        generator="" if real else values.get("generator", ""),
        generation=0 if real else values.get("generation", -1),
        real=real or values.get("real") is True,
        run=run,
    )


def load_config(path: str) -> dict[str, dict[str, Any]]:
    """Return the settings of the configuration file that is named or lies here."""
    for name in (path,) if path else CONFIG_FILES:
        if (path or os.path.isfile(name)) and (found := _settings(name)):
            return found
    return {}


def _settings(path: str) -> dict[str, dict[str, Any]]:
    from synthgate.configfile import load  # pydantic: only where there is a file to check

    table = CONFIG_FILES.get(os.path.basename(path), ())
    try:
        return load(path, decoded(path, read_file(path)), table, _shared())
    except InputError as error:
        raise ConfigError(str(error)) from None


def _shared() -> dict[str, dict[str, Any]]:
    """Return {table: options} that commands have beside the settings of their policies."""
    from synthgate.cli.app import modules  # every command: only where there is a file to check

    found: dict[str, dict[str, Any]] = {}
    for module in modules():
        spec: Command = module.COMMAND
        found.setdefault(spec.table or spec.stage, {}).update(beside(spec))
    return found


def beside(spec: Command) -> dict[str, Any]:
    """Return the options of a command that its policy does not have and a file may state."""
    every = (item for group in (*spec.groups, Streams) for item in flags_of(group).items())
    unstated = (*spec.without, "inputs", "config")
    return {name: kind for name, kind in every if name not in unstated}


def decoded(path: str, data: bytes) -> str:
    """Return the text of a small file, or raise `InputError` where it is no UTF-8."""
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: invalid UTF-8 at byte {error.start}") from None
