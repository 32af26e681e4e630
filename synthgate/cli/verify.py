"""Check every candidate with something other than its generator; keep what passes.

A row is kept when no check fails or errs and at least one passes, or as --require says. Memory: a
window of rows, and what the checks hold.

Example: synthgate verify raw.jsonl -o good.jsonl --rejects bad.jsonl --check answer

--check exec                            programs, against the tests of their rows
--check schema:invoice.json             JSON of this shape; schema:@FIELD for each row's own
--check rule:rules.toml                 lengths, patterns, relations, IFEval constraints
--check answer:gold                     the final answer is the one in the field `gold`
--check retrieve:corpus.jsonl           every claim stands in a trusted text
--check judge:llama-3.1-8b --judge-url http://127.0.0.1:8080       another model says yes
--check agree:others.jsonl              other models give the same answer
--check human:labels.jsonl              a person passed this row
--check leak:real.jsonl                 nothing of it stands in real data
--check 'style=command:./lint.py -q'    any program, here under a name of its own
--check arithmetic                      what is calculated is right (weak)
--check auto                            exec, schema and answer, as the rows have fields for them
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command, Declaring, Shaping, Spreading, Stamping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from synthgate.cli.common import Session
    from synthgate.config import VerifyPolicy
    from synthgate.formats import Shape
    from synthgate.rows import Row
    from synthgate.verifiers import Verifier
    from synthgate.verifiers.calibration import Calibration
    from synthgate.verifiers.tally import Tally

    Chosen = tuple[Sequence[Verifier], Iterable[Row], Shape, Sequence[str]]

COMMAND = Command("verify", groups=(Shaping, Stamping, Declaring, Spreading))
_SHOWN = 5


def run(io: Session, policy: VerifyPolicy) -> int:
    """Build the checks, read rows, keep those that pass; return 7 if a check gave no verdict."""
    from synthgate.cli.evidence import open_evidence
    from synthgate.stages.verify import verify
    from synthgate.verifiers.tally import Tally

    if io.options.engine == "ray":
        return _on_ray(io, policy)
    calibration = _calibration(io, policy)
    checks, rows, shape, _ = _checks(io, policy)
    record, memory = open_evidence(io, policy.evidence, checks)
    tally = Tally(checks, policy.truth, policy.by, calibrated=calibration is not None)
    io.settle(
        verify(
            rows,
            shape,
            checks,
            record,
            require=policy.require,
            workers=policy.workers,
            memory=memory,
            calibration=calibration,
            watch=tally.add,
        )
    )
    return _report(io, policy, checks, tally)


def _on_ray(io: Session, policy: VerifyPolicy) -> int:
    from synthgate.cli.on_ray import refuse_pipes
    from synthgate.cli.verify_on_ray import judge

    refuse_pipes(io)
    checks, head, shape, specs = _checks(io, policy)
    return _report(io, policy, checks, judge(io, policy, specs, checks, head, shape))


def _checks(io: Session, policy: VerifyPolicy) -> Chosen:
    """Return the checks and the rows, with the outputs opened.

    The checks come first: their files must be known before an output is opened over one. What
    `auto` stands for is known only when the first rows are.
    """
    from synthgate.verifiers.auto import wants_auto
    from synthgate.verifiers.combine import Combination

    if wants_auto(policy.check):
        return _auto(io, policy)
    checks = _assembled(io, policy, policy.check)
    Combination(policy.require, checks)  # a mistake in it ends the run here
    rows, shape = io.read(again=any(check.looks_ahead for check in checks))
    return checks, rows, shape, policy.check


def _auto(io: Session, policy: VerifyPolicy) -> Chosen:
    """Return the checks with those that the rows call for in the place of `auto`."""
    from synthgate.formats import DETECT_ROWS
    from synthgate.verifiers.auto import chosen
    from synthgate.verifiers.head import Headed

    rows, shape = io.read(again=len(policy.check) > 1)  # no check of its own choice looks ahead
    headed = Headed(rows, DETECT_ROWS)
    found = chosen(headed.head, shape)
    for spec, why in found.items():
        io.note(f"auto: {spec} ({why})")
    at = policy.check.index("auto")
    specs = tuple(dict.fromkeys([*policy.check[:at], *found, *policy.check[at + 1 :]]))
    return _assembled(io, policy, specs), headed, shape, specs


def _assembled(io: Session, policy: VerifyPolicy, specs: Iterable[str]) -> Sequence[Verifier]:
    """Return the checks, each of which is closed however the run ends."""
    import os

    from synthgate.cli.models import declared, lineage
    from synthgate.verifiers import Bench, assemble

    bench = Bench(
        policy,
        rows=lambda path: io.reference(path, "check"),
        text=lambda path: io.text(path, "check"),
        records=lambda path: io.records(path, "check"),
        seed=io.options.seed,
        secret=lambda name: os.environ.get(name, ""),
        note=io.note,
        dry=io.options.dry_run,
        lineages=lineage(declared(io)),
    )
    checks = assemble(specs, bench)
    for check in checks:
        io.callback(check.close)
    return checks


def _calibration(io: Session, policy: VerifyPolicy) -> Calibration | None:
    from synthgate.verifiers.calibration import read_calibration

    path = policy.calibration
    return read_calibration(io.text(path, "calibration"), path) if path else None


# --- the end of a run -------------------------------------------------------------------


def _report(io: Session, policy: VerifyPolicy, checks: Sequence[Verifier], tally: Tally) -> int:
    """Record what was measured, say what has to be said, and return the exit code."""
    from synthgate.errors import Unreachable

    _refuse_unseen(policy, tally)
    io.manifest.slices = tally.slices.as_json()
    io.manifest.findings |= {"require": policy.require, **tally.as_json()}
    for check in checks:
        for line in check.notes():
            io.note(line if line.startswith(check.name) else f"{check.name}: {line}")
    for line in (*tally.silent(), *tally.lines(), *_starved(tally), *_uncalibrated(tally)):
        io.note(line)
    broken = list(tally.broken())
    for line in broken:
        io.manifest.notes.append(line)
        io.say(f"synthgate: {line}")
    return Unreachable.exit_code if broken else 0


def _refuse_unseen(policy: VerifyPolicy, tally: Tally) -> None:
    """Refuse a field that was named and that no row has."""
    from synthgate.errors import UsageError

    if tally.rows and policy.truth and not tally.measured:
        wanted = "true, false, 1, 0, pass or fail"
        raise UsageError(f"--truth {policy.truth}: no row has {wanted} there")
    for name in sorted(tally.slices.unseen) if tally.rows else ():
        raise UsageError(f"--by {name}: no row has this field")


def _starved(tally: Tally) -> Iterator[str]:
    """Yield a line for the slices that hardly anything is left of, five at most."""
    from itertools import islice

    found = tally.slices.starved()
    for name, seen, kept in islice(found, _SHOWN):
        yield f"starved: {name} keeps {kept:,} of {seen:,} rows"
    if more := sum(1 for _ in found):
        yield f"starved: and {more} more slices; the manifest has all counts"


def _uncalibrated(tally: Tally) -> Iterator[str]:
    if tally.uncalibrated:
        yield f"uncalibrated: {tally.uncalibrated:,} rows pass with verdicts that no audit measured"
