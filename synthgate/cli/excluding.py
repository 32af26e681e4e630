"""The exclusions that a command honours: `--exclude FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.descent import Barred


def excluding(io: Session, paths: Sequence[str]) -> Barred | None:
    """Return what some files exclude, None without files; the manifest names each by its digest."""
    if not paths:
        return None
    from synthgate import exclusions
    from synthgate.descent import Barred

    found = []
    for path in paths:
        listed, sealed = exclusions.read(path, io.text(path, "exclude"))
        io.note(f"exclusions in {path}: {len(listed):,}{'' if sealed else ', not sealed'}")
        found += listed
    return Barred(found)
