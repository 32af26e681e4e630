"""What verify, dedupe and the audit said of rows: read from their files, as far as these are there.

Each file is read once, the rejects of verify twice (for examples).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthgate.cli.evidence import read_evidence
from synthgate.cli.report_audits import Audits, audits_of, verdicts_of
from synthgate.cli.report_files import NotShown, located, rows_of, streams, unchanged
from synthgate.errors import InputError
from synthgate.findings import Found, missing
from synthgate.findings.inherited import Examples, Judged, inherited, looked_for
from synthgate.findings.judged import Evidence, judged
from synthgate.findings.slices import Slices
from synthgate.findings.sources import DUPLICATES, Account
from synthgate.findings.texts import NONE, Texts
from synthgate.findings.worth import excludes, of_audit, of_gold
from synthgate.jsonl import read_file
from synthgate.rejects import record_of
from synthgate.stages.report import NO_RUN, audit_of, last, scan_of

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import ReportPolicy
    from synthgate.jsonl import Source
    from synthgate.rows import Row

Manifest = Mapping[str, Any]
_OF = {"rejected": "rejected by verify", "duplicates": "duplicates", "audit_failed": "audit"}


@dataclass
class Gathered:
    """What was gathered: the section `inherited`, its slices, and an account for each check."""

    inherited: Found
    slices: Slices | None = None
    accounts: dict[str, Account] = field(default_factory=dict)


def gather(
    io: Session, policy: ReportPolicy, folder: str, past: Sequence[Manifest], texts: Texts
) -> Gathered:
    """Read what is there; what is missing or was changed is said to be not shown, and why."""
    verify = last(past, "verify")
    audits = audits_of(folder, past)
    found = Gathered(missing(NO_RUN))
    try:
        found = _candidates(io, policy, folder, verify, audits, texts)
    except NotShown as error:
        found.inherited = missing(str(error))
        if verify is not None:
            found.accounts |= _of_manifest(verify)
    duplicates = _duplicates(io, folder, last(past, "dedupe"))
    if duplicates is not None:
        found.accounts["duplicates"] = duplicates
    flags = _flags(scan_of(past), found.accounts.get("rejected"))
    if flags is not None:
        found.accounts["flags"] = flags
    found.inherited["excludes"] = excludes(audit_of(past))
    found.inherited["checks"] = [
        *of_gold(verify),
        *of_audit(audits.passed, audits.rejected, verdicts_of(policy, folder, verify, audits)),
    ]
    return found


# --- the rows that verify judged --------------------------------------------------------


def _candidates(
    io: Session,
    policy: ReportPolicy,
    folder: str,
    verify: Manifest | None,
    audits: Audits,
    texts: Texts,
) -> Gathered:
    evidence = Evidence()
    if policy.evidence:
        text = read_file(policy.evidence)  # a name that is wrong is a mistake, not a gap
        for line in read_evidence(policy.evidence):
            evidence.add(line)
        if text.strip() and not len(evidence):
            raise InputError(f"{policy.evidence}: no line of it is evidence of verify")
    if policy.candidates:
        source = failing = rows_of(io, policy.candidates)
        rows: Iterable[Row] = source
    else:
        source, rows, failing = _recorded(io, folder, verify)
    slices, accounts = Slices(policy.slice, texts), _Accounts(audits)
    unknown = 0
    for each in judged(rows, evidence):
        if each is None:
            unknown += 1
            continue
        slices.add(each[0], each[1])
        accounts.add(each)
    if not slices.whole.rows:
        raise NotShown("no row among the candidates says whether it passed")
    examples = Examples(slices, looked_for(slices), io.options.seed, texts)
    for each in judged(failing, evidence):
        if each is not None:
            examples.add(each)
    io.sources.append(source)
    found = inherited(slices, examples)
    return Gathered({**found, "unknown": unknown}, slices, accounts.found())


def _recorded(
    io: Session, folder: str, verify: Manifest | None
) -> tuple[Source, Iterator[Row], Source]:
    """Return the files of verify, the rows of its output and rejects, and its rejects alone."""
    if verify is None:
        raise NotShown(NO_RUN)
    outputs = streams(verify, "outputs", "output")
    rejects = streams(verify, "outputs", "rejects")
    if not rejects and sum(verify["rejects"].values()):
        raise NotShown("verify kept no rejects: run it with --rejects FILE, or name --candidates")
    named = [*outputs, *rejects]
    source = rows_of(io, [located(each, folder) for each in named])
    paths = source.paths[len(outputs) :]
    return source, unchanged(source, named), rows_of(io, paths) if paths else source


class _Accounts:
    """The accounts of each source, as rows pass."""

    def __init__(self, audits: Audits) -> None:
        self._said = audits.said
        self._rejected = Account(_OF["rejected"])
        self._audit = Account(_OF["audit_failed"])
        self._checks: dict[str, Account] = {}

    def add(self, each: Judged) -> None:
        """Count one row that verify judged."""
        row, fate, why = each
        source = row.provenance.source or NONE
        self._rejected.rows[source] += 1
        if fate != "accepted":
            self._rejected.hits[source] += 1
            if why.startswith("fail:"):
                name = why.removeprefix("fail:").partition(":")[0]
                account = self._checks.setdefault(name, Account(f"verify: {name}"))
                account.hits[source] += 1
        elif row.id in self._said:
            self._audit.rows[source] += 1
            self._audit.hits[source] += not self._said[row.id]

    def found(self) -> dict[str, Account]:
        """Return the accounts that have rows."""
        for account in self._checks.values():
            account.rows = self._rejected.rows
        found = {"rejected": self._rejected, **self._checks}
        return {**found, "audit_failed": self._audit} if self._audit.rows else found


def _of_manifest(verify: Manifest) -> dict[str, Account]:
    """Return the account of verify from its counts by source, where its rows are not there."""
    account = Account(_OF["rejected"])
    for name, counts in verify.get("slices", {}).items():
        kind, _, value = name.partition("=")
        if kind == "source" and "rows_out" in counts:
            account.rows[value] = counts["rows_in"]
            account.hits[value] = counts["rows_in"] - counts["rows_out"]
    return {"rejected": account} if account.rows else {}


def _duplicates(io: Session, folder: str, dedupe: Manifest | None) -> Account | None:
    """Return how many rows of each source repeat others, None where that cannot be told."""
    if dedupe is None:
        return None
    named = [*streams(dedupe, "outputs", "output"), *streams(dedupe, "outputs", "rejects")]
    if len(named) < 2 and sum(dedupe["rejects"].values()):
        return None
    account = Account(_OF["duplicates"])
    try:
        source = rows_of(io, [located(each, folder) for each in named])
        for row in unchanged(source, named):
            name = row.provenance.source or NONE
            account.rows[name] += 1
            account.hits[name] += record_of(row.raw).get("reason") in DUPLICATES
    except NotShown:
        return None
    return account


def _flags(scan: Manifest | None, verified: Account | None) -> Account | None:
    """Return how many rows of each source scan's findings are about, of those that it read.

    A row of several findings counts for each of them, up to the rows that there are.
    """
    if scan is None:
        return None
    account = Account("flags of scan")
    if verified is not None and scan["rows_in"] == verified.rows.total() - verified.hits.total():
        account.rows = verified.rows - verified.hits
    for each in scan["findings"].get("findings", ()):
        account.hits.update(each.get("sources", {}))
    for name, rows in account.rows.items():
        account.hits[name] = min(account.hits[name], rows)
    return account
