"""A command on a Ray cluster: the files in parts, the parts' lines to the outputs, the counts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from synthgate.engine.parts import Job, Part
from synthgate.engine.ray_cluster import AHEAD, Cluster
from synthgate.errors import UsageError
from synthgate.jsonl import expand, splits
from synthgate.jsonl.splits import Split
from synthgate.manifest import Stream

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.formats import Shape

LEAST, MOST = 1 << 20, 16 << 20  # bytes of a part


class Spread:
    """One run of a command on a cluster: the parts of its files, and what becomes of them."""

    def __init__(self, io: Session, shape: Shape) -> None:
        self._io = io
        self._source = next(source for source in io.sources if not source.role)
        if io.options.limit:
            raise UsageError("--limit N reads the first rows only: leave out --engine ray")
        self.cluster = io.enter_context(Cluster(io.options.ray_address))
        self.job = Job(
            io.manifest.stage,
            io.declared(),
            shape,
            io.options.max_line,
            io.options.on_error == "reject",
            "rejects" in io.sinks,
            io.options.seed,
        )
        self._digests: list[str] = []
        self._files: list[int] = []  # of each split, the number of its file
        self.splits = self._cut()
        self._counts = [0] * len(self._digests)

    def _cut(self) -> list[Split]:
        """Return the parts of all files, in their order; each file is read once for it."""
        paths = self._source.paths
        size = sum(os.path.getsize(path) for path in paths)
        wanted = min(MOST, max(LEAST, size // (2 * AHEAD * self.cluster.processors)))
        found: list[Split] = []
        cuts = self.cluster.run(_cut, splits.named(paths), wanted)
        for number, cut in enumerate(cuts):
            self._digests.append(cut.sha256)
            self._files += [number] * len(cut.splits)
            found += cut.splits
        return found

    def seen(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Pass on the parts of all splits, in order, counting the rows that were read."""
        for number, part in zip(self._files, parts, strict=True):
            self._counts[number] += part.rows + part.bad
            self._source.rows += part.rows
            self._source.bad += part.bad
            self._source.edited += part.edited
            yield part
        paths = self._source.paths
        for (_, name), sha256, rows in zip(
            splits.named(paths), self._digests, self._counts, strict=True
        ):
            self._source.streams.append(Stream(name, sha256, rows, self._source.role))
        self._io.manifest.findings["engine"] = {
            "name": "ray",
            "nodes": self.cluster.nodes,
            "processors": self.cluster.processors,
            "parts": len(self.splits),
        }

    def settle(self, parts: Iterable[Part]) -> Iterator[Part]:
        """Write the lines of each part to the outputs, and pass it on."""
        io = self._io
        output, rejects = io.sinks["output"], io.sinks.get("rejects")
        for part in parts:
            for line in part.kept:
                output.write(line)
            if rejects is not None:
                for line in part.dropped:
                    rejects.write(line)
            io.manifest.rejects.update(part.reasons)
            part.kept.clear()  # before the next part comes
            part.dropped.clear()
            yield part
        io.manifest.rows_out = output.rows


def _cut(file: tuple[str, str], wanted: int) -> splits.Cut:
    return splits.cut(*file, wanted)


def refuse_pipes(io: Session) -> None:
    """Refuse inputs that only this process can read, before anything is opened."""
    if io.options.engine == "ray":
        splits.refuse_unsplittable(expand(io.options.inputs))
