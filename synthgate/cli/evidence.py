"""The evidence of a run of `verify`, and what a killed run leaves of it in `E.partial`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from synthgate.errors import InputError, OutputError
from synthgate.jsonl import Source, open_log
from synthgate.provenance import Stamp
from synthgate.verifiers import Verifier, fingerprint
from synthgate.verifiers.memory import Memory

if TYPE_CHECKING:
    from synthgate.cli.common import Session

PARTIAL = ".partial"
_LONGEST = 1 << 28  # bytes of a line of evidence
Record = Callable[[bytes], None]


def open_evidence(
    io: Session, path: str, checks: Sequence[Verifier]
) -> tuple[Record | None, Memory | None]:
    """Return (where lines of evidence go, the verdicts of costly checks that are known).

    While a costly check runs, its verdicts are kept in `E.partial`; that goes when `E` is
    complete. Both are read first, so that nothing is run or paid for twice. Raises `Locked` while
    another run writes them.
    """
    if not path:
        return None, None
    sink = io.open("evidence", path)
    if not sink.replaces or not any(check.costly for check in checks):
        return sink.write, None
    partial = path + PARTIAL
    _keep_apart(io, partial)
    memory = Memory(io.enter_context(open_log(partial, write=True)))
    io.push(lambda failed, *_: None if failed else _remove(partial))
    if os.path.exists(path):  # it is replaced by --force: its verdicts still hold
        costly = [(check.name, fingerprint(check)) for check in checks if check.costly]
        memory.add(read_evidence(path), costly)
    if len(memory):
        io.note(f"{len(memory):,} verdicts of an earlier run are on record")
    return sink.write, memory


def read_evidence(path: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of an evidence file; what is no line of it is left out."""
    stamp = Stamp().provenance
    with suppress(InputError):  # it ends early, or is something else
        for row in Source([path], stamp, lambda *_: None, max_line=_LONGEST):
            yield row.value


def _keep_apart(io: Session, partial: str) -> None:
    """Refuse a name for kept verdicts that is taken by something else."""
    taken = [path for source in io.sources for path in source.paths]
    taken += [sink.path for sink in io.sinks.values()]
    if os.path.realpath(partial) in map(os.path.realpath, taken):
        raise OutputError(f"{partial}: is kept for verdicts of this run; choose another name")


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
