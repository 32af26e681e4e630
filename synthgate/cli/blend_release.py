"""The real rows of the last release: are they all in this one? Accumulate, do not replace."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synthgate.errors import BadLine, InputError
from synthgate.rows import Value, lot, parse

if TYPE_CHECKING:
    from synthgate.cli.common import Session


@dataclass(frozen=True)
class Compared:
    """How many real rows the last release had, and how many of them are missing now."""

    counts: dict[str, int]
    words: str


def missing(io: Session, path: str, kept: Any, given: Any) -> Compared:
    """Compare the last release with the lots of real rows that are kept, and that were given."""
    seed = io.options.seed
    last = {
        lot(seed, row.id)
        for name in _outputs(io, path)
        for row in io.records(name, "against")
        if not row.provenance.synthetic
    }
    lots = np.array(sorted(last), np.uint64)
    lost = lots[~np.isin(lots, kept)]
    absent = int((~np.isin(lost, given)).sum())
    counts = {"real": len(lots), "missing": len(lost), "not_given": absent}
    if not len(lost):
        return Compared(counts, "")
    return Compared(
        counts,
        f"{len(lost):,} of {len(lots):,} real rows of the last release are not in this one "
        f"({absent:,} were not given): a release that replaces real data instead of adding to "
        "it lets the model narrow",
    )


def _outputs(io: Session, path: str) -> list[str]:
    """Return the files of rows that a manifest of blend says it wrote."""
    try:
        manifest = parse(io.text(path, "last-release").encode())
    except BadLine as error:
        raise InputError(f"{path}: is not a manifest: {error}") from None
    if manifest.get("stage") != "blend" or type(manifest.get("outputs")) is not list:
        raise InputError(f"{path}: is not the manifest of a blend")
    return [_found(path, each) for each in manifest["outputs"] if _holds_rows(each)]


def _holds_rows(output: Value) -> bool:
    return type(output) is dict and output.get("role") in ("output", "validation")


def _found(manifest: str, output: Value) -> str:
    """Return where an output lies: where it was written, else beside its manifest."""
    path = str(output.get("path"))
    beside = os.path.join(os.path.dirname(manifest), os.path.basename(path))
    for each in (path, beside):
        if os.path.isfile(each):
            return each
    raise InputError(f"{manifest}: its rows, {path}, are not there any more")
