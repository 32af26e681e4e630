"""The sections of a report that need files beside the rows and the run folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from synthgate.cli.report_files import NotShown, document, manifests
from synthgate.errors import InputError, UsageError
from synthgate.findings import Found, missing
from synthgate.findings.independence import independence
from synthgate.findings.sample import LONGEST, Drawn, Lots
from synthgate.findings.slices import LENGTH, OF_ROW, TOKEN
from synthgate.findings.texts import Fields, Texts
from synthgate.rows import lot
from synthgate.stages.report import NO_REAL, Tally, last, report

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import ReportPolicy
    from synthgate.verifiers.lineage import Lineages

OURS = (TOKEN, LENGTH, *OF_ROW)


def refuse(policy: ReportPolicy) -> None:
    """Refuse settings that contradict each other, before anything is read."""
    for name in policy.slice:
        if name in OURS:
            raise UsageError(f"--slice {name}: {', '.join(OURS)} are looked at without being named")
    if policy.tee and policy.json_file == "-":
        raise UsageError("--tee writes the rows to stdout: name a file for --json")
    if policy.max_narrowing and not policy.real:
        raise UsageError("--max-narrowing: name the real rows with --real FILE")
    for flag, path in (("--html", policy.html), ("--markdown", policy.markdown)):
        if path == "-":
            raise UsageError(f"{flag} -: name a file")


def refuse_unseen(asked: Sequence[str], tally: Tally, seen: set[str]) -> None:
    """Refuse a slice that no row has: a slip of the pen must not look like a clean slice.

    Of dotted fields only the first name is known of every row; the rest is known of a sample.
    """
    known = {*tally.keys, *tally.slices.seen, *seen}
    for name in asked if tally.rows else ():
        if name not in known and name.partition(".")[0] not in tally.keys:
            raise UsageError(f"--slice {name}: no row has this field")


# --- narrowing --------------------------------------------------------------------------


def narrowing_of(io: Session, policy: ReportPolicy, tally: Tally, texts: Texts) -> Found:
    """Return how far the sampled rows are narrower than the real ones."""
    if not policy.real:
        return missing(NO_REAL)
    real = _real(io, policy, texts)
    if not len(real) or not len(tally.sample):
        return missing("there are no rows to compare")
    from synthgate.measures import Sample
    from synthgate.measures.narrowing import narrowing

    names = sorted(tally.slices.seen)
    rows, known = (
        Sample([_text(row, policy.on) for row in each], _values(each, names))
        for each in (tally.sample, real)
    )
    limit = policy.max_narrowing or None
    found = narrowing(rows, known, str(io.options.seed), limit=limit)
    return {**found, "on": policy.on, "of": tally.sampled, "sampled": tally.sample.cut}


def _real(io: Session, policy: ReportPolicy, texts: Texts) -> Lots:
    """Return a sample of the real rows."""
    lots, fields = Lots(), Fields(policy.slice)
    for row in chain.from_iterable(io.records(path, "against") for path in policy.real):
        drawn = lot(io.options.seed, row.id)
        if lots.wants(drawn):
            prompt, response = texts(row.value)
            values = dict(fields.of(row.value))
            lots.add(drawn, Drawn(prompt[:LONGEST], response[:LONGEST], values))
    return lots


def _text(row: Drawn, on: str) -> str:
    both = "\n".join(filter(None, (row.prompt, row.response)))
    return {"prompt": row.prompt, "response": row.response}.get(on, both)


def _values(rows: Lots, names: Sequence[str]) -> dict[str, list[str]]:
    return {name: [row.values.get(name, "") for row in rows] for name in names}


# --- independence -----------------------------------------------------------------------


def independence_of(io: Session, past: Sequence[dict[str, Any]], tally: Tally) -> Found:
    """Return whether the checks of the run are independent of the generators of the rows."""
    from synthgate.verifiers.specs import read_spec

    verify = last(past, "verify")
    specs = verify["settings"].get("check", ()) if verify else ()
    judges = {}
    for text in specs:
        try:
            spec = read_spec(text)
        except UsageError:
            continue
        kind, _, model = spec.check.partition(":")
        judges[spec.name or kind] = model if kind == "judge" else ""
    return independence(verify, list(tally.fields["generator"]), judges, _lineages(io, verify))


def _lineages(io: Session, verify: Any) -> Lineages:
    """Return the table of lineages that the run had."""
    from synthgate.cli.models import declared, lineage
    from synthgate.verifiers.lineage import shipped

    table = shipped()
    if own := lineage(declared(io)):
        table = table.extended("[models]", own)
    path = str(verify["settings"].get("lineage", "")) if verify else ""
    return table.extended(path, io.text(path, "check")) if path and os.path.isfile(path) else table


# --- other runs -------------------------------------------------------------------------


def earlier_of(policy: ReportPolicy) -> Iterator[Found]:
    """Yield the point in the trend of each earlier run: of its report, else of its manifests."""
    for folder in policy.earlier_run:
        if not os.path.isdir(folder):
            raise InputError(f"{folder}: no such run folder")
        name = os.path.basename(os.path.normpath(folder))
        try:
            found = _report_in(folder)
        except NotShown:
            found = report(Tally(), manifests(folder))
        yield {**found["collapse"]["trend"][-1], "run": name}


def _report_in(folder: str) -> Found:
    """Return the report that lies in a run folder; the last by name where there are several."""
    for name in sorted(os.listdir(folder), reverse=True):
        if not name.endswith(".json"):
            continue
        try:
            found = document(os.path.join(folder, name), "is no report")
        except InputError:
            continue
        if is_report(found) and (found.get("collapse") or {}).get("trend"):
            return found
    raise NotShown("no report")


def is_report(found: Found) -> bool:
    """Tell whether a JSON object is a report."""
    return isinstance(found.get("report"), int) and "mix" in found and "funnel" in found


def earlier_report(path: str) -> Found | None:
    """Return the earlier report that is named, or raise `InputError` where the file is none."""
    if not path:
        return None
    found = document(path, "is no report")
    if not is_report(found):
        raise InputError(f"{path}: is no report: write one with report --json FILE")
    return found
