"""The settings of `init`."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Settings


# fmt: off
class InitPolicy(Settings):
    """A working gate for a project."""

    github: Annotated[bool, Flag("a GitHub workflow: draws with a secret nonce, and gates every pull request")] = False
    make: Annotated[bool, Flag("synthgate.mk: a training set that exists only if the gate lets it")] = False
    pre_commit: Annotated[bool, Flag("a pre-commit hook: no commit of rows that the labels do not prove")] = False
    folder: Annotated[str, Flag("the project's folder", (), "DIR")] = "."
