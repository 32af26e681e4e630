"""The run folders of a trace: their rows, and which of their sets hold what goes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from synthgate.descent import Barred, excluded, kin_of
from synthgate.errors import BadLine, InputError
from synthgate.exclusions import Exclusion
from synthgate.jsonl import Source, read_file
from synthgate.provenance import Stamp

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import TracePolicy
    from synthgate.rows import Row

_NAME = re.compile(r"(\d+)-[a-z-]+\.json$")
_ROWS = ("", "real", "output", "rejects", "validation")
_MADE = ("output", "validation")
Json = dict[str, Any]


class Runs:
    """The run folders that are named, and the rows that they lead to beside the command's own."""

    def __init__(self, io: Session, policy: TracePolicy, own: Sequence[str]) -> None:
        self._io = io
        first = policy.run_dir or os.environ.get("SYNTHGATE_RUN_DIR", "")
        self.folders = [folder for folder in (first, *policy.earlier_run) if folder]
        self.manifests = [each for folder in self.folders for each in _manifests(folder)]
        seen = {os.path.realpath(path) for path in own}
        again = bool(policy.lineage)
        self._sources = [self._source(path, again=again) for path in self._paths(seen)]

    def _paths(self, seen: set[str]) -> Iterator[str]:
        for place, manifest in self.manifests:
            for stream in (*manifest["inputs"], *manifest["outputs"]):
                path = _found(place, stream) if stream.get("role", "") in _ROWS else ""
                if path and os.path.realpath(path) not in seen:
                    seen.add(os.path.realpath(path))
                    yield path

    def _source(self, path: str, *, again: bool) -> Source:
        source = Source([path], Stamp().provenance, _leave, again=again, role="run")
        self._io.sources.append(source)
        return source

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the run folders' files; lines that are none are left out."""
        for source in self._sources:
            yield from source

    def journals(self) -> Iterator[str]:
        """Yield the journals of the run folders that are there."""
        for place, manifest in self.manifests:
            path = manifest["settings"].get("journal", "")
            if type(path) is str and path and (found := _found(place, {"path": path})):
                yield found

    # --- what was made of it --------------------------------------------------------------

    def sets(self, exclusions: list[Exclusion]) -> list[Json]:
        """Return every training set and certificate, with how many rows of it are excluded."""
        named = Barred(exclusions)
        sources = {each.value for each in exclusions if each.kind == "source"}
        return [_judged(each, named, sources) for each in self._named_sets()]

    def _named_sets(self) -> Iterator[Json]:
        for place, manifest in self.manifests:
            made = {stream.get("role", ""): stream for stream in manifest["outputs"]}
            for role in _MADE if manifest["stage"] == "blend" else ():
                if role in made:
                    yield _set("training set", place, manifest, made[role], made[role])
            if manifest["stage"] == "audit-gate" and {"certificate", "output"} <= made.keys():
                yield _set("certificate", place, manifest, made["certificate"], made["output"])


def _set(what: str, place: str, manifest: Json, named: Json, rows: Json) -> Json:
    return {
        "what": what, "path": str(named["path"]), "manifest": place, "rows": rows["rows"],
        "file": _found(place, rows), "sha256": rows["sha256"], "findings": manifest["findings"],
    }  # fmt: skip


def _judged(each: Json, named: Barred, sources: set[str]) -> Json:
    """Return what is known of a set: from its rows, else from what its manifest says of sources."""
    path, digest, findings = each.pop("file"), each.pop("sha256"), each.pop("findings")
    if path:
        source = Source([path], Stamp().provenance, _leave, role="run")
        found = len(excluded([kin_of((row.provenance for row in source), named)], named))
        as_written = source.streams[0].sha256 == digest
        return {**each, "excluded": found, "shown_by": "rows" if as_written else "changed rows"}
    sides = [findings[side] for side in ("synthetic", "real") if type(findings.get(side)) is dict]
    if not sources or not sides:
        return {**each, "excluded": None, "shown_by": ""}
    counts = (side.get("sources", {}).get(name, {}) for side in sides for name in sources)
    found = sum(count.get("out", 0) for count in counts)
    return {**each, "excluded": found, "shown_by": "manifest"}


def _manifests(folder: str) -> Iterator[tuple[str, Json]]:
    """Yield (path, manifest) of the stages of a run folder, in their order."""
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: no such run folder")
    named = [(_NAME.match(name), name) for name in os.listdir(folder)]
    for _, name in sorted((int(match[1]), name) for match, name in named if match):
        path = os.path.join(folder, name)
        try:
            manifest = json.loads(read_file(path))
        except ValueError as error:
            raise InputError(f"{path}: is no manifest: {error}") from None
        if _is_manifest(manifest):
            yield path, manifest


def _is_manifest(value: Any) -> bool:
    if type(value) is not dict or type(value.get("stage")) is not str:
        return False
    streams = [value.get("inputs"), value.get("outputs")]
    kinds = {type(value.get(name)) for name in ("findings", "settings")}
    return kinds == {dict} and all(
        type(each) is list and all(type(s) is dict and type(s.get("path")) is str for s in each)
        for each in streams
    )


def _found(manifest: str, stream: Json) -> str:
    """Return where a file of a manifest lies: where it was written, else beside it, else ""."""
    path = stream["path"]
    beside = os.path.join(os.path.dirname(manifest), os.path.basename(path))
    return next((each for each in (path, beside) if os.path.isfile(each)), "")


def _leave(_file: str, _line: int, _raw: bytes, _error: BadLine) -> None:
    """Leave a line that is no row: the stage that read it has told of it."""
