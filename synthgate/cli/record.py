"""The record of a run: the manifest as a document, where it goes, and the last line on stderr."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from synthgate.config import flags_of
from synthgate.errors import OutputError
from synthgate.jsonl import Source
from synthgate.manifest import Manifest, Stream
from synthgate.verifiers.specs import files_of

REFERENCES = ("check", "against", "labels", "models", "run")  # roles of what is only consulted


def document(manifest: Manifest) -> bytes:
    """Return the manifest as JSON."""
    return json.dumps(manifest.as_json(), indent=2, ensure_ascii=True).encode()


def run_folder(*, dry: bool) -> str:
    """Return the run folder of the environment, "" without one or for a dry run.

    Raises `OutputError` where no record can be put there: better before the work than after it.
    """
    folder = "" if dry else os.environ.get("SYNTHGATE_RUN_DIR", "")
    above = os.path.abspath(folder)
    while folder and not os.path.lexists(above):
        above = os.path.dirname(above)
    if folder and not os.path.isdir(above):
        raise OutputError(f"{folder}: $SYNTHGATE_RUN_DIR must be a folder: {above} is a file")
    if folder and not os.access(above, os.W_OK):
        raise OutputError(f"{folder}: $SYNTHGATE_RUN_DIR cannot be written: permission denied")
    return folder


def slot(folder: str, stage: str) -> str:
    """Return the next free `<n>-<stage>.json` of a run folder: stages end in their order."""
    os.makedirs(folder, exist_ok=True)
    taken = {name.split("-")[0] for name in os.listdir(folder)}
    for number in range(1, 10_000):
        if str(number) not in taken:
            return os.path.join(folder, f"{number}-{stage}.json")
    raise OutputError(f"{folder}: holds 9999 manifests: start another run folder")


def remarks(sources: Iterable[Source], streams: Sequence[Stream]) -> Iterator[str]:
    """Yield what is odd about the inputs: edited rows, and rows compared with themselves."""
    if edited := sum(source.edited for source in sources):
        yield f"{edited} rows were edited after they were stamped: nothing verifies them"
    own = {each.sha256 for each in streams if each.sha256 and each.role not in REFERENCES}
    for each in streams:
        if each.sha256 in own and each.role in ("against", "check"):
            yield f"{each.path}: the same bytes as the input, compared with themselves"


def headline(manifest: Manifest, text: str, *, dry: bool) -> str:
    """Return the line that a command ends with: its own words, or the counts."""
    if not text:
        reasons = ", ".join(f"{name} {count}" for name, count in manifest.rejects.most_common())
        dropped = f"{manifest.rejected} rejected" + (f" ({reasons})" if reasons else "")
        text = f"{manifest.rows_in} rows in, {manifest.rows_out} out, {dropped}"
    return f"{manifest.stage}: {text}" + (" (dry run: nothing written)" if dry else "")


def files_named(settings: Any, values: Mapping[str, Any]) -> Iterator[str]:
    """Yield every file that the values of some settings name; a check names one after its colon."""
    for name, (_, flag, _) in flags_of(settings).items():
        if flag.metavar not in ("FILE", "SPEC"):
            continue
        value = values.get(name, "")
        for each in (value,) if isinstance(value, str) else value:
            paths = (each,) if flag.metavar == "FILE" else files_of(each)
            yield from (path for path in paths if path not in ("", "-"))


def conserve(manifest: Manifest, looked_at: int) -> None:
    """Check that rows in = rows out + rejects; anything else is a bug in synthgate.

    Rows that were written more than once on purpose are `repeats`; those that were only
    `looked_at` are not counted.
    """
    owed = manifest.rows_in + int(manifest.findings.get("repeats", 0)) - looked_at
    if owed != manifest.rows_out + manifest.rejected:
        raise RuntimeError(
            f"{manifest.stage} lost rows: {manifest.rows_in} in, {manifest.rows_out} out, "
            f"{manifest.rejected} rejected"
        )
