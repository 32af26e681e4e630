"""The settings of `report`."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Settings


# fmt: off
class ReportPolicy(Settings):
    """Show what the pipeline did."""

    run_dir: Annotated[str, Flag("folder of manifests [default: $SYNTHGATE_RUN_DIR]", (), "DIR")] = ""
    json_file: Annotated[str, Flag("write the report as JSON; - writes its findings as JSONL to stdout", ("--json",), "FILE")] = ""
    tee: Annotated[bool, Flag("pass the rows through to stdout unchanged")] = False
