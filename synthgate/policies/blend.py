"""The settings of `blend`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Settings, Share


# fmt: off
class BlendPolicy(Settings):
    """Mix verified synthetic rows with real ones at an exact fraction."""

    real: Annotated[tuple[str, ...], Flag("real rows; repeatable", (), "FILE")] = ()
    real_fraction: Annotated[Share, Flag("real share of the output rows")] = 0.5
    on_shortage: Annotated[Literal["cap", "repeat", "error"], Flag("too few real rows: cut the synthetic ones, repeat real ones, or refuse")] = "cap"
    max_repeats: Annotated[int, Ge(1), Flag("uses of one real row with --on-shortage repeat")] = 4
    certificate: Annotated[str, Flag("certificate of the audit [default: $SYNTHGATE_RUN_DIR/certificate.json]", (), "FILE")] = ""
    unaudited: Annotated[str, Flag("blend without an audit, and record why", (), "REASON")] = ""
    no_real: Annotated[str, Flag("blend without real rows, and record why", (), "REASON")] = ""
