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
    from synthgate.jsonl import Source
    from synthgate.rows import Decision

COMMAND = Command("generate", groups=(Prompting,))
_EXPECTED = ("not_in_journal", "not_called", "in_batch")  # no bad sample, only none yet


def run(io: Session, policy: GeneratePolicy) -> int:
    """Read prompts, ask for answers, return 7 when there were prompts and not one answer."""
    from synthgate.cli.asking import Telling, chosen, named_model, shapes_of, with_generation
    from synthgate.cli.batches import taking
    from synthgate.cli.generate_excluding import exclusions
    from synthgate.generators import Bench
    from synthgate.stages import generate as stage

    policy = with_generation(io, named_model(policy))
    _refuse(policy)
    _refuse_unheeded(policy, io.stated)
    secret, schema = _secret(policy), _schema(io, policy)
    rows, shape = io.read(again=True, real=True, shapes=shapes_of(policy))
    if (barred := exclusions(io, policy, rows)) is not None:
        rows = barred.rows
    journal = _journal(io, policy)
    strategy = chosen(io, policy, rows)
    if barred is not None:
        barred.refuse(strategy, policy.model, io.run)
    strategy.refuse(rows, shape)  # the whole input is read before anything is paid for
    prompts = _prompts(io)
    gone = barred.gone if barred is not None else 0
    wanted = strategy.wanted(prompts.rows - gone)
    io.manifest.rows_in = wanted + prompts.bad + gone
    bench = Bench(policy, io.options.seed, secret, journal, schema=schema)
    generator = taking(io, bench, _generator(io, bench))
    telling = Telling(io, policy, strategy)
    decisions = stage.generate(
        rows, shape, generator, policy, strategy=strategy,
        noted=telling.noted, missed=telling.missed, barring=barred,
    )  # fmt: skip
    bad: list[str] = []
    io.settle(_watched(io, bench, telling.watched(decisions), wanted, bad))
    telling.finish()
    made = f"{bench.counts['calls']} calls made"
    made = telling.calls(bench.counts["calls"]) if io.options.dry_run else made
    return _outcome(io, bench, wanted, bad, made)


def _prompts(io: Session) -> Source:
    """Return the command's own input, among files that were read before it."""
    return next(source for source in io.sources if not source.role)


def _refuse(policy: GeneratePolicy) -> None:
    """Refuse settings that cannot work together, and say what to type."""
    from synthgate.errors import UsageError

    chat = policy.generator == "chat"
    asks = (policy.base_url or not chat) and not policy.offline and not policy.batch_out
    if policy.unknown_sampling and not policy.offline:
        raise UsageError("--unknown-sampling replays a journal: it needs --offline")
    if (policy.offline or policy.batch_in) and not policy.journal:
        flag = "--offline answers from" if policy.offline else "--batch-in adds to"
        raise UsageError(f"{flag} a journal: add --journal FILE")
    if not (asks or policy.offline or policy.batch_out or policy.batch_in):
        raise UsageError(
            "no server to ask: add --base-url URL (http://127.0.0.1:8080, https://host/v1), "
            "or replay a journal with --offline --journal FILE"
        )
    if not chat and (policy.batch_out or policy.batch_in):
        raise UsageError("--batch-out and --batch-in are for --generator chat")
    if policy.offline and policy.batch_out:
        raise UsageError("--offline asks for nothing: leave it or --batch-out out")
    if not policy.model and (chat or policy.offline):
        raise UsageError("no model: add --model NAME, as the server or the journal calls it")
    if policy.budget_usd and not (policy.price_in or policy.price_out):
        raise UsageError("--budget-usd needs --price-in and --price-out: dollars a million tokens")
    _extra(policy.extra_body)


_OF = {  # option: what chooses who heeds it, and whom
    "command": ("generator", "command"),
    "weights": ("generator", "local"),
    "principles": ("strategy", "critique"),
    "gaps": ("strategy", "gaps"),
}


def _refuse_unheeded(policy: GeneratePolicy, stated: frozenset[str]) -> None:
    """Refuse what only another generator or strategy would heed, where none was chosen.

    Otherwise `--command PROGRAM --base-url URL` would pay a server and never run the program.
    """
    from synthgate.errors import UsageError

    for name, (choice, value) in _OF.items():
        if getattr(policy, name) and choice not in stated:
            raise UsageError(f"--{name} is for --{choice} {value}: add it")


def _extra(text: str) -> None:
    """Refuse what cannot be put into a request."""
    import json

    from synthgate.errors import UsageError

    try:
        extra = json.loads(text or "{}")
    except ValueError as error:
        raise UsageError(f"--extra-body is no JSON: {error}") from None
    if not isinstance(extra, dict):
        raise UsageError("--extra-body must be a JSON object")
    if taken := extra.keys() & {"model", "messages", "n", "stream"}:
        raise UsageError(f"--extra-body cannot set {', '.join(sorted(taken))}")


def _secret(policy: GeneratePolicy) -> str:
    """Return the API key, which only a run that asks a server needs."""
    import os

    from synthgate.errors import UsageError
    from synthgate.generators.keys import api_key, key_in
    from synthgate.jsonl import read_file

    if policy.api_key_env and policy.api_key_file:
        raise UsageError("--api-key-env and --api-key-file: one key is enough")
    if policy.offline or policy.batch_out or not policy.base_url:
        return ""
    if policy.api_key_file:
        return key_in(read_file(policy.api_key_file), policy.api_key_file)
    return api_key("--api-key-env", policy.api_key_env, os.environ.get)


def _schema(io: Session, policy: GeneratePolicy) -> dict[str, Any] | None:
    """Return the JSON Schema that answers must fit."""
    from synthgate.generators.schemas import read_schema

    if not policy.schema:
        return None
    return read_schema(policy.schema, io.text(policy.schema, "schema"))


def _journal(io: Session, policy: GeneratePolicy) -> Journal | None:
    """Open the journal: for writing only if this run may add to it."""
    import os

    from synthgate.errors import OutputError
    from synthgate.generators.journal import open_journal

    path, dry = policy.journal, io.options.dry_run
    adds = not dry and (bool(policy.batch_in) or not (policy.offline or policy.batch_out))
    if not path:
        if adds:
            io.note("no --journal: what is paid for is lost if the run does not end")
        return None
    if os.path.realpath(path) in map(os.path.realpath, _prompts(io).paths):
        raise OutputError(f"{path}: is also an input: a journal must be a file of its own")
    if not adds and not policy.offline and not os.path.exists(path):
        return None
    journal = io.enter_context(open_journal(path, write=adds))
    if journal.damaged:
        io.note(f"{path}: {journal.damaged} damaged lines skipped")
    return journal


def _generator(io: Session, bench: Bench) -> Any:
    from synthgate import registry
    from synthgate.cli.batches import writing
    from synthgate.generators.replay import Rehearsal, Replay

    policy = bench.policy
    chat = policy.generator == "chat"
    if policy.offline or (chat and not (policy.base_url or policy.batch_out)):
        return Replay(bench)
    if io.options.dry_run:
        return Rehearsal(bench)
    if policy.batch_out:
        return writing(io, bench)
    return io.enter_context(registry.find("generators", policy.generator)(bench))


def _watched(
    io: Session, bench: Bench, decisions: Iterator[Decision], wanted: int, bad: list[str]
) -> Iterator[Decision]:
    """Pass the decisions on, show how far the run is, and what the first bad sample looks like."""
    from synthgate.cli.pulse import EVERY, LIVE, Clock, Pulse, Seen, line

    clock, done, policy = Clock(), 0, bench.policy

    def tell() -> None:
        manifest, rows = io.manifest, io.sinks["output"].rows
        calls = bench.counts["calls"]
        seen = Seen(done, wanted, rows, manifest.rejects.copy(), calls, clock.seconds)
        io.tell(line(seen, bench.meter, priced=bool(policy.price_in or policy.price_out)))

    with Pulse(tell, LIVE if io.live else EVERY):
        for done, decision in enumerate(decisions, 1):  # noqa: B007 - `tell` reads it
            if decision.reason and not bad:
                bad.append(_bad(decision))
                if decision.reason not in _EXPECTED:
                    io.tell(f"first reject: {bad[0]}", stays=True)
            yield decision


def _bad(decision: Decision) -> str:
    return f"{decision.row.file}:{decision.row.line}: {decision.reason}: {decision.detail}"


def _outcome(io: Session, bench: Bench, wanted: int, bad: list[str], made: str) -> int:
    """Say what it took, and return the exit code; `made` says how many calls."""
    from synthgate.cli.batches import told

    meter, counts, findings = bench.meter, bench.counts, io.manifest.findings
    findings |= {"wanted": wanted, "calls": counts["calls"], "replayed": counts["replayed"]}
    findings |= {"prompt_tokens": meter.prompt_tokens, "answer_tokens": meter.completion_tokens}
    findings |= {"usd": round(meter.usd, 6), "repeated": dict(meter.retried)}
    said = f"{counts['replayed']} answers from the journal, {made}"
    tokens = meter.prompt_tokens + meter.completion_tokens
    cost = f", {meter.usd:.4f} USD" if meter.usd else ""
    io.note(said + (f", {tokens:,} tokens{cost}" if tokens else ""))
    for text in (*meter.told, *told(io, bench)):
        io.note(text)
    if io.manifest.rows_out or not wanted or io.options.dry_run or bench.policy.batch_out:
        return 0
    reasons = ", ".join(f"{name} {count}" for name, count in io.manifest.rejects.most_common())
    io.manifest.notes.append(f"zero yield: no usable answer: {reasons}")
    first = f"; the first one: {bad[0]}" if bad else ""
    io.say(f"synthgate: zero yield: not one of {wanted} answers is usable: {reasons}{first}")
    return 7
