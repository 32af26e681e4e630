"""Batch files of `generate`: requests written in parts, results put on record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.generators import Bench, Generator


def writing(io: Session, bench: Bench) -> Generator:
    """Return what writes requests instead of making them."""
    from synthgate.generators.batch import BatchOut, Parts, numbered
    from synthgate.jsonl import Output

    def begin(number: int) -> Output:
        role = "batch" if number == 1 else f"batch-{number}"
        return io.open(role, numbered(bench.policy.batch_out, number))

    begin(1)  # before anything else is done: it may not be writable
    return BatchOut(bench, Parts(begin))


def taking(io: Session, bench: Bench, inner: Generator) -> Generator:
    """Return a generator that looks at the results of batches first, where there are some."""
    from synthgate.generators.batch import BatchIn, Results
    from synthgate.jsonl import open_log

    paths, journal = bench.policy.batch_in, bench.journal
    if not paths or io.options.dry_run or journal is None:
        return inner
    logs = [io.enter_context(open_log(path, write=False)) for path in paths]
    results = Results(logs)
    io.note(f"{len(results)} batch results, {results.unanswered} without an answer")
    return BatchIn(bench, journal, results, inner)


def told(io: Session, bench: Bench) -> Iterator[str]:
    """Yield what to say about batch files at the end."""
    if bench.policy.batch_in:
        yield f"{bench.counts['taken']} batch results taken into the journal"
    if bench.policy.batch_out:
        files = sum(role.startswith("batch") for role in io.sinks)
        yield f"{bench.counts['written']} requests written to {files} batch files"
