"""What a later stage of a run would refuse, found before the first one is paid for.

Only what is certain: names of checks and files that are read. What depends on rows is left to the
stages.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

Tables = Mapping[str, Mapping[str, Any]]
_READ = (
    ("dedupe", "against"), ("cluster-cap", "against"), ("scan", "real"), ("blend", "real"),
    ("run", "exclude"),
)  # fmt: skip


def look_ahead(settings: Tables) -> None:
    """Refuse an unknown check, no check at all, and a file of a later stage that is not there.

    `settings` are the tables of the configuration. Raises `UsageError` or `InputError`.
    """
    from synthgate import registry
    from synthgate.errors import InputError, UsageError
    from synthgate.jsonl import expand
    from synthgate.verifiers.specs import AUTO, read_spec

    checks = settings.get("verify", {}).get("check", ())
    if not checks and not os.environ.get("SYNTHGATE_VERIFY_CHECK"):
        raise UsageError('run needs a check: [verify] check = ["answer"]')
    for check in checks:
        if check != AUTO:
            registry.find("verifiers", read_spec(check).check.partition(":")[0])
    for path in _files(settings):
        for each in expand([path]):
            if not os.path.exists(each):
                raise InputError(f"{each}: no such file or directory")


def _files(settings: Tables) -> Iterator[str]:
    for stage, key in _READ:
        yield from settings.get(stage, {}).get(key, ())
