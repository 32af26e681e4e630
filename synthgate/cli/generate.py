"""Make candidates from prompts: several answers for each, none lost, none paid for twice.

Prompts times samples through an OpenAI-compatible server, a program, or a local model. Each sample
ends as a row (the prompt row with its other fields, plus the answer) or as a reject with its cause;
--strategy says what else is asked. The journal keeps every raw answer: the same command continues
after a crash, and --offline replays. Memory: the answers in flight, and about 250 bytes for each
answer in the journal.

Example: synthgate generate p.jsonl --journal j.jsonl --base-url http://localhost:8080 --model m
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command, Prompting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synthgate.cli.common import Session
    from synthgate.config import GeneratePolicy
    from synthgate.generators import Bench
    from synthgate.generators.journal import Journal
    from synthgate.rows import Decision

COMMAND = Command("generate", groups=(Prompting,))
_EVERY = 30.0  # seconds between signs of life


def run(io: Session, policy: GeneratePolicy) -> int:
    """Read prompts, ask for answers, return 7 when there were prompts and not one answer."""
    from synthgate.cli.asking import Telling, chosen, named_model, shapes_of, with_generation
    from synthgate.generators import Bench
    from synthgate.stages import generate as stage

    policy = with_generation(io, named_model(policy))
    _refuse(policy)
    secret = _secret(policy)
    rows, shape = io.read(again=True, real=True, shapes=shapes_of(policy))
    journal = _journal(io, policy)
    strategy = chosen(io, policy, rows)
    strategy.refuse(rows, shape)  # the whole input is read before anything is paid for
    prompts = io.sources[0]
    wanted = strategy.wanted(prompts.rows)
    io.manifest.rows_in = wanted + prompts.bad
    bench = Bench(policy, io.options.seed, secret, journal)
    generator = _generator(io, bench)
    telling = Telling(io, policy, strategy)
    decisions = stage.generate(
        rows, shape, generator, policy, strategy=strategy, noted=telling.noted
    )
    io.settle(_watched(io, telling.watched(decisions), wanted))
    telling.finish()
    return _outcome(io, bench, wanted)


def _refuse(policy: GeneratePolicy) -> None:
    """Refuse settings that cannot work together, and say what to type."""
    from synthgate.errors import UsageError

    if policy.unknown_sampling and not policy.offline:
        raise UsageError("--unknown-sampling replays a journal: it needs --offline")
    if policy.offline and not policy.journal:
        raise UsageError("--offline answers from a journal: add --journal FILE")
    if policy.generator == "chat" and not policy.base_url and not policy.offline:
        raise UsageError(
            "no server to ask: add --base-url URL (http://127.0.0.1:8080, https://host/v1), "
            "or replay a journal with --offline --journal FILE"
        )
    if not policy.model and (policy.generator == "chat" or policy.offline):
        raise UsageError("no model: add --model NAME, as the server or the journal calls it")


def _secret(policy: GeneratePolicy) -> str:
    """Return the API key, which only a run that asks a server needs."""
    import os

    from synthgate.generators.keys import api_key

    return "" if policy.offline else api_key("--api-key-env", policy.api_key_env, os.environ.get)


def _journal(io: Session, policy: GeneratePolicy) -> Journal | None:
    """Open the journal: for writing only if this run may add to it."""
    import os

    from synthgate.errors import OutputError
    from synthgate.generators.journal import open_journal

    path, dry = policy.journal, io.options.dry_run
    if not path:
        if not policy.offline and not dry:
            io.note("no --journal: what is paid for is lost if the run does not end")
        return None
    if os.path.realpath(path) in map(os.path.realpath, io.sources[0].paths):
        raise OutputError(f"{path}: is also an input: a journal must be a file of its own")
    if dry and not policy.offline and not os.path.exists(path):
        return None
    journal = io.enter_context(open_journal(path, write=not policy.offline and not dry))
    if journal.damaged:
        io.note(f"{path}: {journal.damaged} damaged lines skipped")
    return journal


def _generator(io: Session, bench: Bench) -> Any:
    from synthgate import registry
    from synthgate.generators.replay import Rehearsal, Replay

    if bench.policy.offline:
        return Replay(bench)
    if io.options.dry_run:
        return Rehearsal(bench)
    return io.enter_context(registry.find("generators", bench.policy.generator)(bench))


def _watched(io: Session, decisions: Iterator[Decision], wanted: int) -> Iterator[Decision]:
    """Pass the decisions on, with a sign of life where somebody may be waiting."""
    import sys
    import time

    last = time.monotonic()
    told = not io.quiet and (io.options.verbose or sys.stderr.isatty())
    for done, decision in enumerate(decisions, 1):
        yield decision
        if told and time.monotonic() - last > _EVERY:
            last = time.monotonic()
            io.say(f"generate: {done} of {wanted} so far, {io.manifest.rejected} rejected")


def _outcome(io: Session, bench: Bench, wanted: int) -> int:
    """Say what it took, and return the exit code."""
    calls, replayed = bench.counts["calls"], bench.counts["replayed"]
    io.manifest.findings |= {"wanted": wanted, "calls": calls, "replayed": replayed}
    would = "would be made" if io.options.dry_run else "made"
    io.note(f"{replayed} answers from the journal, {calls} calls {would}")
    if io.manifest.rows_out or not wanted or io.options.dry_run:
        return 0
    reasons = ", ".join(f"{name} {count}" for name, count in io.manifest.rejects.most_common())
    io.manifest.notes.append(f"no usable answer: {reasons}")
    io.say(f"synthgate: not one of {wanted} answers is usable: {reasons}")
    return 7
