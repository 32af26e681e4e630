"""What every command does around its stage: settings, streams, counts, manifest, exit code.

A command's `run(io, policy)` reads through `io`, hands rows to its stage and settles the
decisions; everything that ends up on disk, on stdout or on stderr passes here.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from synthgate import config
from synthgate.cli import record
from synthgate.cli.again import Again, glance, refuse_line
from synthgate.cli.options import Command, Streams
from synthgate.cli.process import heed
from synthgate.cli.progress import Progress
from synthgate.cli.settings import Options, declared, decoded
from synthgate.errors import BadLine, UsageError
from synthgate.formats import DETECT_ROWS, EMPTY, SHAPES, Shape
from synthgate.jsonl import FilePages, Output, Sink, Source, open_shards, open_sink, read_file
from synthgate.manifest import Manifest, Stream, settings_digest
from synthgate.provenance import Stamp, emit, run_hash
from synthgate.rejects import bad_line, reject_line
from synthgate.rows import Decision, Row
from synthgate.shapes import find_shape, reference_shape
from synthgate.text import printable


class Session(contextlib.ExitStack):
    """The streams and counts of one run. Outputs become visible at its end, or not at all."""

    def __init__(self, spec: Command, policy: Any, given: dict[str, Any]) -> None:
        super().__init__()
        values: dict[str, Any] = {"real": False}
        for group in (Streams, *spec.groups):
            values |= {k: default for k, (_, _, default) in config.flags_of(group).items()}
            checked = {k: v for k, v in given.items() if k in config.flags_of(group)}
            config.build(group, checked)
        self.options = Options(values | given)
        settings = config.settings(policy)
        if spec.fields is not None:
            settings = {name: settings[name] for name in spec.fields}
        settings["seed"] = self.options.seed
        self.manifest = Manifest(spec.stage, settings)
        shaping = {k: v for k, v in config.shaping(policy).items() if k in settings}
        shaping["seed"] = self.options.seed
        self.run = run_hash(settings_digest(spec.stage, shaping))
        self.sources: list[Source] = []
        self.consulted: list[Stream] = []
        self.sinks: dict[str, Output] = {}
        self._records: list[Sink] = []
        self._named = list(record.files_named(type(policy), vars(policy)))
        for group in (Streams, *spec.groups):
            self._named += record.files_named(group, self.options.values)
        self.quiet: bool = self.options.quiet
        self.withheld = False
        self.stated: frozenset[str] = frozenset()  # settings given by flag, environment or file
        self.headline = ""  # what the summary line says, where counts alone would mislead
        self.looked_at = 0  # rows that this command only looks at: it is no filter for them
        self._started = time.monotonic()
        self._progress: Progress | None = None

    # --- streams ------------------------------------------------------------------------

    def source(
        self, inputs: Iterable[str] = (), *, again: bool = False, role: str = "", real: bool = False
    ) -> Source:
        """Return the rows of some inputs, stamped as declared; the default is the command's own.

        A source with a role `check`, `against` or `labels` is reference material: its rows are not
        counted, limited, rejected or stamped with what is declared about the command's own.
        """
        paths = list(inputs) or list(self.options.inputs)
        if not paths and sys.stdin is not None and sys.stdin.isatty():
            raise UsageError("no input: name a file, or pipe rows in; --help shows how")
        self.refuse_stdin(paths)
        consulted = role in record.REFERENCES
        stamp = Stamp(run=self.run) if consulted else self.declared(real, role)
        source = Source(
            paths,
            stamp.provenance,
            refuse_line if consulted else self._bad_line,
            limit=0 if consulted else self.options.limit,
            max_line=self.options.max_line,
            again=again,
            role=role,
        )
        self.sources.append(source)
        return source

    def declared(self, real: bool = False, role: str = "") -> Stamp:
        """Return what is declared about rows without provenance."""
        return declared(self.options.values, self.run, real, role)

    def read(
        self, *, again: bool = False, real: bool = False, shapes: tuple[Shape, ...] = SHAPES
    ) -> tuple[Iterable[Row], Shape]:
        """Open the outputs and return the command's rows and the shape they were found to have."""
        source = self.source(again=again, real=real)
        self.open_outputs()
        elsewhere = self.options.values.get("engine") == "ray"  # others read them, and count them
        rows = glance(source, self.options.on_error) if elsewhere else iter(source)
        head = list(islice(rows, DETECT_ROWS))
        shape = self._shape(head, shapes) if head else EMPTY
        if elsewhere:
            return head, shape
        first = self.watched(chain(head, rows))
        return (Again(first, source) if again else first), shape

    def pages(self) -> tuple[FilePages, Shape, Stamp]:
        """Open the outputs and return the command's rows as pages, their shape and their stamp."""
        source = self.source(again=True)
        self.open_outputs()
        pages = FilePages(source)
        head = pages.head(DETECT_ROWS, strict=self.options.on_error == "error")
        return pages, self._shape(head, SHAPES) if head else EMPTY, self.declared()

    def records(self, path: str, role: str) -> Iterable[Row]:
        """Return the rows of a file that is only consulted, whatever their shape."""
        self.refuse_stdin([path], self.options.inputs or ("-",))
        return iter(self.source([path], role=role))

    def refuse_stdin(self, paths: Iterable[str], others: Iterable[str] = ()) -> None:
        """Refuse a second reader of stdin: it would find nothing there, and say nothing."""
        taken = {path for source in self.sources for path in source.paths}
        if "-" in paths and "-" in {*taken, *others, *(each.path for each in self.consulted)}:
            raise UsageError("-: stdin holds other rows; name a file")

    def reference(self, path: str, role: str) -> tuple[Iterable[Row], Shape]:
        """Return the rows of a file that is only consulted, and their own shape."""
        rows = iter(self.records(path, role))
        head = list(islice(rows, DETECT_ROWS))
        if not head:
            return (), EMPTY
        shape, how = reference_shape(head, self.options.values)
        if how:
            self.note(f"format of {path}: {how}")
        return chain(head, rows), shape

    def text(self, path: str, role: str) -> str:
        """Return the text of a small file that is consulted; the manifest names it."""
        self.refuse_stdin([path], self.options.inputs or ("-",))
        data = read_file("/dev/stdin" if path == "-" else path)
        self.consulted.append(Stream(path, hashlib.sha256(data).hexdigest(), 0, role))
        return decoded(path, data)

    def _shape(self, head: list[Row], shapes: tuple[Shape, ...]) -> Shape:
        shape, how = find_shape(head, shapes, self.options.values)
        self.note(f"format: {how}")
        return shape

    def watched(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Pass the rows on, with a sign of life on stderr where somebody may be waiting."""
        if self.quiet or not (self.options.verbose or sys.stderr.isatty()):
            return rows
        self._progress = self._progress or self.enter_context(Progress(self.manifest.stage))
        return self._progress.watch(rows)

    def open_outputs(self) -> None:
        """Open rows and rejects, before anything is paid for."""
        self.open("output", self.options.output)
        if self.options.rejects:
            self.open("rejects", self.options.rejects)

    def open(self, role: str, path: str, *, whole: bool = False, force: bool = False) -> Output:
        """Open one more output, kept apart from every input and every other output."""
        if role not in self.sinks:
            self._open_summary()
            force = force or self.options.force
            if rows := self.options.shard_rows if role == "output" else 0:
                shards = open_shards(path, rows, force=force, **self._apart(path))
                self.sinks[role] = self.enter_context(shards)
            else:
                self.sinks[role] = self._sink(path, force=force, whole=whole)
        return self.sinks[role]

    def _sink(self, path: str, *, force: bool, whole: bool) -> Sink:
        return self.enter_context(open_sink(path, force=force, whole=whole, **self._apart(path)))

    def _apart(self, path: str) -> dict[str, Any]:
        """Return what an output must not be, and whether it is opened for a dry run."""
        apart = ["/dev/stdin" if p == "-" else p for s in self.sources for p in s.paths]
        apart += [sink.path for sink in (*self.sinks.values(), *self._records)]
        apart += self._named
        if path in self._named:
            apart.remove(path)  # the option that names this output; a second one is a mistake
        return {"apart": tuple(apart), "dry": self.options.dry_run}

    def _open_summary(self) -> None:
        """Open --summary beside the first output, so that a mistake costs no run."""
        record.run_folder(dry=self.options.dry_run)
        if self.options.summary and not self._records:
            self._open_record(self.options.summary, force=self.options.force)

    def _open_record(self, path: str, *, force: bool = False) -> None:
        self._records.append(self._sink(path, force=force, whole=True))

    # --- rows ---------------------------------------------------------------------------

    def settle(self, decisions: Iterable[Decision]) -> None:
        """Write every kept row to the output and every other one to the rejects."""
        write = self.sinks["output"].write
        for decision in decisions:
            heed()
            if decision.reason:
                self.reject(decision)
            else:
                write(emit(decision.row))
        self.manifest.rows_out = self.sinks["output"].rows

    def write(self, lines: bytes, rows: int, rejects: bytes, reasons: Counter[str]) -> None:
        """Write the lines of many rows, and of rejects, which are counted by their reasons."""
        heed()
        self.sinks["output"].write_lines(lines, rows)
        self.manifest.rows_out = self.sinks["output"].rows
        self.manifest.rejects.update(reasons)
        if "rejects" in self.sinks:
            self.sinks["rejects"].write_lines(rejects, reasons.total())

    def reject(self, decision: Decision) -> None:
        """Count a dropped row and write it, with its reason, to the rejects."""
        self.manifest.rejects[decision.reason] += 1
        if "rejects" in self.sinks:
            self.sinks["rejects"].write(reject_line(decision, self.manifest.stage))

    def _bad_line(self, file: str, line: int, raw: bytes, error: BadLine) -> None:
        """Treat a line that is no row as the user asked: end here, or reject it and go on."""
        if self.options.on_error == "error":
            raise error.at(file, line)
        self.manifest.rejects[error.reason] += 1
        if "rejects" in self.sinks:
            self.sinks["rejects"].write(bad_line(file, line, self.manifest.stage, raw, error))

    # --- the end ------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Say one thing on stderr and in the manifest."""
        self.manifest.notes.append(text)
        if not self.quiet:
            self.say(f"{self.manifest.stage}: {text}")

    def say(self, text: str) -> None:
        """Write one line to stderr, nothing in it able to steer a terminal."""
        if self._progress is not None:
            self._progress.stop()
        with contextlib.suppress(OSError):
            sys.stderr.write(printable(text) + "\n")

    @property
    def live(self) -> bool:
        """Whether a live line on a terminal shows how far the run is."""
        return self._progress is not None and self._progress.live

    def tell(self, text: str, *, stays: bool = False) -> None:
        """Show how far the run is, on the live line or as one of its own; or what `stays` above."""
        if self._progress is not None and self._progress.live:
            self._progress.tell(printable(text), stays=stays)
        elif not self.quiet:
            self.say(f"{self.manifest.stage}: {text}")

    def withhold(self) -> None:
        """Let nothing flow: a gate said no, so every output is dropped, but for its findings."""
        self.withheld = True

    def finish(self) -> None:
        """Make the outputs visible, check that no row was lost, and record the run."""
        manifest = self.manifest
        own = [source for source in self.sources if source.role not in record.REFERENCES]
        manifest.rows_in = manifest.rows_in or sum(source.seen for source in own)
        if not self.withheld:
            record.conserve(manifest, self.looked_at)
        flowing = {k: v for k, v in self.sinks.items() if k == "findings" or not self.withheld}
        for sink in reversed(flowing.values()):
            sink.complete()  # the rows last: where a disk is full, nothing has gone out
        for role, sink in flowing.items():
            manifest.outputs += sink.streams(role)
        own += [source for source in self.sources if source.role in record.REFERENCES]
        manifest.inputs += [stream for source in own for stream in source.streams]
        for text in record.remarks(own, manifest.inputs):
            self.note(text)
        manifest.inputs += self.consulted
        manifest.seconds = time.monotonic() - self._started
        self._release(record.document(manifest), flowing)
        if not self.quiet:
            self.say(record.headline(manifest, self.headline, dry=self.options.dry_run))

    def _release(self, said: bytes, flowing: dict[str, Output]) -> None:
        """Make all outputs visible, once everything is on disk, and the record of the run."""
        output, folder = self.sinks.get("output"), record.run_folder(dry=self.options.dry_run)
        self._open_summary()
        if output is not None and output.replaces and not self.withheld:
            self._open_record(f"{output.path}.manifest.json", force=True)
        if folder:
            self._open_record(record.slot(folder, self.manifest.stage), force=True)
        for sink in self._records:
            sink.write(said)
            sink.complete()
        heed()
        for each in (*flowing.values(), *self._records):
            each.commit()
