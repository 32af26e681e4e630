"""How a check is named: `SPEC`, `NAME=SPEC`, or a table of a configuration file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from synthgate.config import Table
from synthgate.errors import UsageError

AUTO = "auto"
RESERVED = ("and", "or", "not", "all", "any", "require", AUTO)
NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_NAMED = re.compile(rf"({NAME})=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Spec:
    """One wanted check: `kind:argument`, the name it goes by, settings of its own."""

    check: str
    name: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def read_spec(text: str) -> Spec:
    """Return what a specification says, or raise `UsageError` for a name that cannot be one."""
    if isinstance(text, Table):
        settings = json.loads(text)
        spec = Spec(settings.pop("check"), settings.pop("name", ""), settings)
    elif found := _NAMED.fullmatch(text):
        spec = Spec(found[2], found[1])
    else:
        spec = Spec(text)
    if why := refusal(spec.name):
        raise UsageError(f"--check {spec.name}={spec.check}: {why}")
    return spec


def refusal(name: str) -> str:
    """Return why a name cannot be that of a check, "" for one that can, or for none."""
    if name in RESERVED:
        return f"{name!r} cannot be the name of a check: it means something else"
    if name and not re.fullmatch(NAME, name):
        return f"{name!r} cannot be a name: use letters, digits, _ and -, and begin with no digit"
    return ""


def files_of(text: str) -> Iterator[str]:
    """Yield every text of a specification that may name a file."""
    spec = read_spec(text)
    yield spec.check.partition(":")[2]
    yield from (value for value in spec.settings.values() if isinstance(value, str))
