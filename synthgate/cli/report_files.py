"""The files that a report looks into beside its rows: found through manifests, or named.

What a manifest names is used only if its digest is still the one on record.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthgate.errors import BadLine, InputError
from synthgate.findings.chain import PIPES
from synthgate.jsonl import Source, read_file
from synthgate.provenance import Stamp

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.rows import Row

Manifest = dict[str, Any]
_NAMED = re.compile(r"(\d+)-[a-z-]+\.json$")
_KEYS = ("stage", "settings", "inputs", "outputs", "rows_in", "rows_out", "rejects", "findings")


class NotShown(Exception):
    """What a section needs is not there; the text says why."""


# --- manifests --------------------------------------------------------------------------


def manifests(folder: str) -> list[Manifest]:
    """Return the manifests of a run folder in the order of the stages, reports and traces apart.

    One before which a number is missing says so in `missing_before`.
    """
    if not folder:
        return []
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such run folder")
    named = [(_NAMED.match(name), name) for name in os.listdir(folder)]
    found, before = [], 0
    for number, name in sorted((int(match[1]), name) for match, name in named if match):
        manifest = _manifest(os.path.join(folder, name))
        if number > before + 1:
            manifest["missing_before"] = before + 1
        before = number
        found.append(manifest)
    return [each for each in found if each["stage"] not in ("report", "trace")]


def _manifest(path: str) -> Manifest:
    found = document(path, "is no manifest")
    if any(key not in found for key in _KEYS):
        raise InputError(f"{path}: is no manifest: it lacks {', '.join(_KEYS[:2])} or others")
    return found


def document(path: str, what: str) -> dict[str, Any]:
    """Return a JSON object from a file, or raise `InputError` that says what it is not."""
    try:
        found = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: {what}: is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: {what}: is no JSON object")
    return found


# --- files of a manifest ----------------------------------------------------------------


def streams(manifest: Mapping[str, Any], key: str, role: str) -> list[Mapping[str, Any]]:
    """Return the streams of a role among the inputs or outputs of a manifest."""
    return [each for each in manifest[key] if each.get("role", "") == role]


def located(stream: Mapping[str, Any], folder: str) -> str:
    """Return where a file of a manifest lies: there, or beside the manifest, if it was moved."""
    path = str(stream["path"])
    if path in PIPES:
        raise NotShown("rows went through a pipe: name files that hold them with --candidates")
    beside = (folder, os.path.dirname(os.path.abspath(folder)))
    tried = [path, *(os.path.join(each, os.path.basename(path)) for each in beside)]
    for each in tried:
        if os.path.isfile(each):
            return each
    raise NotShown(f"{path} is not there any more")


def rows_of(io: Session, paths: Sequence[str]) -> Source:
    """Return the rows of files that are only looked into; records of lines that were no row go."""

    def on_bad(file: str, line: int, _raw: bytes, error: BadLine) -> None:
        if error.reason != "reject_record":
            raise error.at(file, line)

    stamp = Stamp().provenance
    return Source(paths, stamp, on_bad, max_line=io.options.max_line, role="check")


def unchanged(source: Source, wanted: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield the rows of files, and raise `NotShown` at the end where one is not as recorded."""
    try:
        yield from source
    except InputError as error:
        raise NotShown(str(error)) from None
    for stream, recorded in zip(source.streams, wanted, strict=True):
        if stream.sha256 != recorded["sha256"]:
            raise NotShown(f"{stream.path} was changed after it was written")
