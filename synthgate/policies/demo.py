"""The settings of `demo`."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Settings


# fmt: off
class DemoPolicy(Settings):
    """The gate on real model output."""

    folder: Annotated[str, Flag("where the demo's files go", (), "DIR")] = "synthgate-demo"
