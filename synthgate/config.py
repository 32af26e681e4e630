"""Every setting and its default: one frozen policy per stage, from flags or `synthgate.toml`.

A field of a policy is at once a flag of its command, a key of its table in the configuration
and an environment variable (`SYNTHGATE_DEDUPE_ON`). Flags win over the environment, that over
the file, that over the defaults here. The help text of a flag is the help text of its field.
"""

from __future__ import annotations

import math
import operator
from typing import Any, get_type_hints

from synthgate.errors import UsageError
from synthgate.policies.audit import AuditPolicy
from synthgate.policies.base import Bound, Flag, Ge, Gt, Le, Lt, On, Settings, Share
from synthgate.policies.blend import BlendPolicy
from synthgate.policies.cluster_cap import ClusterCapPolicy
from synthgate.policies.dedupe import DedupePolicy
from synthgate.policies.demo import DemoPolicy
from synthgate.policies.generate import GeneratePolicy
from synthgate.policies.init import InitPolicy
from synthgate.policies.report import ReportPolicy
from synthgate.policies.run import RunPolicy
from synthgate.policies.scan import ScanPolicy
from synthgate.policies.trace import TracePolicy
from synthgate.policies.verify import Table, VerifyPolicy

__all__ = [
    "POLICIES",
    "AuditPolicy",
    "BlendPolicy",
    "Bound",
    "ClusterCapPolicy",
    "DedupePolicy",
    "DemoPolicy",
    "Flag",
    "Ge",
    "GeneratePolicy",
    "Gt",
    "InitPolicy",
    "Le",
    "Lt",
    "On",
    "ReportPolicy",
    "RunPolicy",
    "ScanPolicy",
    "Settings",
    "Share",
    "Table",
    "TracePolicy",
    "VerifyPolicy",
    "build",
    "flags_of",
    "settings",
    "shaping",
]

POLICIES: dict[str, type] = {
    "generate": GeneratePolicy,
    "dedupe": DedupePolicy,
    "cluster-cap": ClusterCapPolicy,
    "verify": VerifyPolicy,
    "scan": ScanPolicy,
    "audit": AuditPolicy,
    "blend": BlendPolicy,
    "report": ReportPolicy,
    "trace": TracePolicy,
    "run": RunPolicy,
    "demo": DemoPolicy,
    "init": InitPolicy,
}


# --- what a policy looks like ------------------------------------------------------------


def settings(policy: Any) -> dict[str, Any]:
    """Return a policy as the plain JSON object that manifests record."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in vars(policy).items()}


def shaping(policy: Any) -> dict[str, Any]:
    """Return the settings that decide what comes out, wherever files and servers may be."""
    flags = flags_of(type(policy))
    places = ("FILE", "DIR", "URL")
    return {
        name: value
        for name, value in settings(policy).items()
        if not flags[name][1].inert and flags[name][1].metavar not in places
    }


def flags_of(policy: type) -> dict[str, tuple[Any, Flag, Any]]:
    """Return {field: (type, how it is shown, default)} of a policy, in order."""
    found = {}
    for name, kind in get_type_hints(policy, include_extras=True).items():
        notes = getattr(kind, "__metadata__", ())
        shown = next((note for note in notes if isinstance(note, Flag)), Flag(""))
        found[name] = (kind, shown, getattr(policy, name))
    return found


_WORDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def build(policy: type, values: dict[str, Any]) -> Any:
    """Return the policy with these values, or raise `UsageError` naming the flag that is wrong.

    The values are of the right types already: those of flags by Typer, those of a file by `load`.
    """
    for name, (kind, shown, _) in flags_of(policy).items():
        if name in values:
            _within(name, values[name], getattr(kind, "__metadata__", ()))
            if shown.metavar == "REASON" and values[name] and not values[name].strip():
                raise UsageError(f"--{name.replace('_', '-')}: a blank is no reason")
    return policy(**values)


def _within(name: str, value: Any, notes: tuple[Any, ...]) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"--{name.replace('_', '-')} must be a number (got {value})")
    for bound in notes:
        if isinstance(bound, Bound) and not getattr(operator, bound.kind)(value, bound.value):
            flag = "--" + name.replace("_", "-")
            wanted = f"{_WORDS[bound.kind]} {bound.value:g}"
            raise UsageError(f"{flag} must be {wanted} (got {value!r})")
