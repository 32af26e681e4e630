"""Which stages ran, and whether each read just what an earlier one wrote.

Manifests chain by the digests of what they read and wrote. A pipe that was cut, a file that was
changed, a stage without a manifest: each is a link that is "not shown", and says which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Manifest = Mapping[str, Any]
Stream = Mapping[str, Any]
PIPES = ("-", "/dev/stdin", "/dev/stdout")


def funnel(manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
    """Return the rows in and out and the rejects of each stage, in their order."""
    keys = ("stage", "rows_in", "rows_out", "rejects")
    return [{key: manifest[key] for key in keys} for manifest in manifests]


def links(manifests: Sequence[Manifest], rows: Sequence[Stream] = ()) -> Iterator[dict[str, str]]:
    """Yield, for each stage and for the `rows` of the report, whether what it read is shown.

    `read` is "shown" where the digests of all that it read as rows are digests of what stages
    before it wrote; else "not shown", and `why` says what is missing.
    """
    written: list[tuple[str, Stream]] = []
    rejected: list[tuple[str, Stream]] = []  # only an audit may read what a stage threw away
    for number, manifest in enumerate(manifests):
        if gap := manifest.get("missing_before"):
            yield _link(f"{gap}-*.json", f"manifest {gap} is missing from the run folder")
        if number and manifest["stage"] != "generate":  # prompts come from outside
            read = [each for each in manifest["inputs"] if not each.get("role")]
            audits = manifest["stage"].startswith("audit-")
            yield _link(manifest["stage"], _why(read, [*written, *rejected * audits]))
        for each in manifest["outputs"]:
            if each["sha256"]:
                kind = rejected if each.get("role") == "rejects" else written
                kind.append((manifest["stage"], each))
    if manifests and rows:
        yield _link("report", _why(rows, written))


def _link(stage: str, why: str) -> dict[str, str]:
    return {"stage": stage, "read": "not shown" if why else "shown", "why": why}


def _why(read: Sequence[Stream], written: Sequence[tuple[str, Stream]]) -> str:
    """Return why it is not shown that what was read was written by a stage before, "" if it is."""
    if not read:
        return "it names nothing that it read"
    known = {each["sha256"] for _, each in written}
    return next((_of(each, written) for each in read if each["sha256"] not in known), "")


def _of(stream: Stream, written: Sequence[tuple[str, Stream]]) -> str:
    path, rows = stream["path"], stream["rows"]
    pipe = path in PIPES
    name = "the pipe" if pipe else path
    if not stream["sha256"]:
        return f"{name} was not read to its end"
    same = [
        each for each in written if (each[1]["path"] in PIPES if pipe else each[1]["path"] == path)
    ]
    if not same:
        return f"no stage here wrote {name}: the one that did left no manifest"
    stage, other = same[-1]
    if rows < other["rows"]:
        return f"{name} held {rows:,} of the {other['rows']:,} rows that {stage} wrote: it was cut"
    if rows > other["rows"]:
        more = rows - other["rows"]
        return f"{name} held {more:,} rows more than the {other['rows']:,} that {stage} wrote"
    return f"{name} is not what {stage} wrote: its {rows:,} rows were changed after it"
