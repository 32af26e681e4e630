"""One trace: the rows as they are looked at, and all that is found."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from synthgate import exclusions
from synthgate.cli.trace_family import Family
from synthgate.cli.trace_runs import Runs
from synthgate.descent import Barred
from synthgate.errors import BadLine, InputError, UsageError
from synthgate.exclusions import KINDS, Exclusion
from synthgate.jsonl.raw import shown
from synthgate.stages.trace import trace
from synthgate.tracing.origins import KIND as ORIGINS
from synthgate.tracing.ranking import Tally

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import TracePolicy
    from synthgate.jsonl.reading import BadLineSink
    from synthgate.rows import Row
    from synthgate.tracing.query import Query

VERSION = 1
MATCHES = "matches"
_EXAMPLES = 3


def refuse(policy: TracePolicy, stated: frozenset[str]) -> None:
    """Refuse settings that cannot work together, and say what to type."""
    asked = [name for name in ("match", "like", "ids", "verify_exclusion") if name in stated]
    if len(asked) > 1:
        flags = " and ".join("--" + name.replace("_", "-") for name in asked)
        raise UsageError(f"{flags}: one at a time")
    if not asked and not policy.lineage:
        raise UsageError(
            "nothing to look for: add --match REGEX, --like TEXT, --ids FILE, --lineage ID, "
            "or --verify-exclusion FILE"
        )
    if (policy.exclude or policy.exclude_out) and (not asked or policy.verify_exclusion):
        raise UsageError("an exclusion needs --match, --like or --ids: what it was that was seen")
    if policy.rows and policy.json_file == "-":
        raise UsageError("--rows and --json -: stdout holds the one or the other; name a file")
    if policy.field and not {"match", "like"} & stated:
        raise UsageError("--field FIELD goes with --match or --like")


def chosen(policy: TracePolicy) -> list[Exclusion]:
    """Return what `--exclude` names, the matching rows apart."""
    found = []
    for each in policy.exclude:
        kind, _, value = each.partition(":")
        if each == MATCHES:
            continue
        if kind not in KINDS or not value:
            known = ", ".join(f"{kind}:" for kind in KINDS)
            raise UsageError(
                f"--exclude {each}: is neither {MATCHES} nor one of {known} with a name"
            )
        found.append(Exclusion(kind, value, reason_of(policy)))
    return found


def reason_of(policy: TracePolicy) -> str:
    """Return why rows are excluded: what the user says, else what they were found by."""
    how = next((name for name in ("like", "ids") if getattr(policy, name)), "match")
    return shown(policy.reason or f"{how} {getattr(policy, how)}")


def open_document(io: Session, policy: TracePolicy) -> None:
    """Open where what is found goes as JSON, where that is not in the place of the rows."""
    path = policy.json_file
    if path and (path != "-" or io.options.output != "-"):
        io.open("trace", path, whole=True)


def leaving_records(io: Session, otherwise: BadLineSink) -> BadLineSink:
    """Return what leaves out the records of bad lines in a rejects file: they are no rows."""

    def on_bad(file: str, line: int, raw: bytes, error: BadLine) -> None:
        if error.reason == "reject_record":
            io.looked_at += 1
        else:
            otherwise(file, line, raw, error)

    return on_bad


class Looking:
    """The rows of one trace; `look` reads them, `document` says what was found."""

    def __init__(self, io: Session, policy: TracePolicy, query: Query | None) -> None:
        self._io, self._policy, self._query = io, policy, query
        self._exclusions = chosen(policy)
        named = Barred(self._exclusions)
        wanted = not policy.exclude or MATCHES in policy.exclude
        matches = named.also(f"{MATCHES}: {reason_of(policy)}") if wanted else -1
        self._source = io.source(again=bool(policy.lineage))
        self._source.on_bad = leaving_records(io, self._source.on_bad)
        self._runs = Runs(io, policy, self._source.paths)
        io.open_outputs()
        open_document(io, policy)
        if policy.exclude_out:
            io.open("exclusions", policy.exclude_out, whole=True)
        self.writes_rows = policy.rows or io.options.output != "-"
        self._tally, self._family = Tally(policy.slice), Family(named, matches)
        self._examples: list[dict[str, Any]] = []

    # --- row by row ---------------------------------------------------------------------

    def look(self) -> None:
        """Read all rows, those of the run folders after the command's own."""
        io, written = self._io, 0
        for row, matched, fresh in self._asked(io.watched(iter(self._source)), self._tally):
            self._family.add(row, matched, counted=True)
            if matched and self.writes_rows:
                io.sinks["output"].write(row.raw)
                written += 1
            if matched and fresh and len(self._examples) < _EXAMPLES:
                self._examples.append(self._example(row))
        io.manifest.rows_out = written
        io.looked_at += self._source.rows - written
        for row, matched, _ in self._asked(self._runs.rows(), Tally()):
            self._family.add(row, matched)
        self._check()

    def _asked(self, rows: Iterator[Row], tally: Tally) -> Iterator[tuple[Row, bool | None, bool]]:
        if self._query is None:
            return ((row, False, False) for row in rows)
        return trace(rows, self._query, tally)

    def _check(self) -> None:
        """Refuse a field that no row has, and a name that no row has: most likely a slip."""
        policy = self._policy
        if self._query is not None and policy.field and self._tally.rows and not self._query.looked:
            raise InputError(f"no row has text in {', '.join(policy.field)}")
        for each in self._exclusions:
            known = self._family.values(each.kind)
            if known is not None and each.value not in known:
                near = get_close_matches(each.value, known, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise UsageError(f"--exclude {each.kind}:{each.value}: no row has it{hint}")

    def _example(self, row: Row) -> dict[str, Any]:
        said = row.provenance
        text = self._query.excerpt(row) if self._query is not None else ""
        where = {"id": row.id, "file": row.file, "line": row.line}
        return {**where, "source": said.source, "generator": said.generator, "text": text}

    # --- what was found -----------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """Return what was found, with its stable keys; write the exclusion where it is wanted."""
        io, tally, policy = self._io, self._tally, self._policy
        found: dict[str, Any] = {"trace": VERSION}
        if self._query is not None:
            gone = self._family.gone()
            found["query"] = self._words()
            origins, sources = self._family.origins()
            compared = tally.compared() | ({ORIGINS: sources} if sources else {})
            found["matched"] = {
                "rows": tally.rows, "matched": tally.matched, "untold": tally.untold,
                "compared": compared,
            }  # fmt: skip
            found["ranking"] = [each._asdict() for each in tally.ranking(origins)]
            found["examples"] = self._examples
            found["exclusion"] = self._exclude(gone)
            found["sets"] = self._runs.sets(self._full(gone.ids)) if gone.ids else []
            io.headline = f"{tally.matched:,} of {tally.rows:,} rows match"
        if policy.lineage:
            from synthgate.cli.trace_lineage import lineage

            found["lineage"] = lineage(policy.lineage, self._source, self._runs, self._family)
            io.headline = io.headline or f"{len(found['lineage'])} rows in the lineage"
        io.manifest.findings = {key: found[key] for key in ("matched", "exclusion") if key in found}
        return found

    def _words(self) -> dict[str, Any]:
        policy = self._policy
        how = next((name for name in ("like", "ids") if getattr(policy, name)), "match")
        words: dict[str, Any] = {how: getattr(policy, how)}
        if how == "like":
            words["threshold"] = policy.like_threshold
        return words | ({"field": list(policy.field)} if policy.field else {})

    def _full(self, ids: list[str]) -> list[Exclusion]:
        reason = reason_of(self._policy)
        return [*self._exclusions, *(Exclusion("id", row_id, reason) for row_id in ids)]

    def _exclude(self, gone: Any) -> dict[str, Any]:
        """Return what goes with the exclusion, and write it where a file is named."""
        policy, path = self._policy, self._policy.exclude_out
        said = {
            "exclude": list(policy.exclude) or [MATCHES], "ids": len(gone.ids), "named": gone.named,
            "descendants": len(gone.ids) - gone.named, "ids_digest": gone.digest,
        }  # fmt: skip
        if path:
            if not gone.ids:
                raise InputError("no row matches: there is nothing to exclude")
            about = {"query": self._words(), "reason": reason_of(policy), **said}
            text = exclusions.write(self._full(gone.ids), about)
            self._io.sinks["exclusions"].write(text.removesuffix(b"\n"))
            said["file"] = os.fspath(path)
        return said
