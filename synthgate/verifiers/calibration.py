"""The measured precision of checks: what `audit gate` learns of them and `verify` says of a row.

Two things are measured on the labelled rows of an audit. A *pattern*: how many rows with just these
verdicts of just these checks are right. And a *check*: how many of the rows that it passed, and
that none of the checks beside it failed, are right. A row's confidence is the lower bound of its
own pattern where that was seen on 30 rows; else the least of its passing checks' bounds, each from
an audit whose checks all stand in this run too (a check that rejected rows there must reject them
here); else 0.0. A check with another fingerprint is another check.

Bounds are Clopper-Pearson's, at the confidence of the audit. Labels are looked at until the plan
decides, and who stops at good news sees too many of them. A plan can stop at its pass points, at
the end of its sample and at its last allowed failure, so each bound spends only alpha / looks, the
number of these: then it holds wherever the labelling ended. Over several audits looks multiply.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import floor, prod
from typing import Any

import msgspec

from synthgate.errors import BadLine, InputError
from synthgate.rows import parse
from synthgate.stats.interval import at_least
from synthgate.verifiers.memory import Check
from synthgate.version import __version__

ENOUGH = 30
DIGITS = 10_000
Confidence = Callable[[Sequence[str]], float]


class Measured(msgspec.Struct, frozen=True):
    """What one audit, known by its plan, found: `right` of `n` rows, in one of so many `looks`."""

    n: int
    right: int
    looks: int
    confidence: float


class Entry(msgspec.Struct, frozen=True):
    """What is known of one pattern or check: {check: fingerprint}, and either verdicts or a name.

    `n`, `right` and `bound` follow from the audits; they are written for people.
    """

    configs: dict[str, str]
    audits: dict[str, Measured]
    verdicts: dict[str, str] = {}
    check: str = ""
    n: int = 0
    right: int = 0
    bound: float = 0.0
    version: str = ""

    @property
    def key(self) -> str:
        """What is measured, as a text."""
        return json.dumps([self.check, self.verdicts, self.configs], sort_keys=True)

    @property
    def labels(self) -> int:
        """How many labelled rows stand behind it."""
        return sum(each.n for each in self.audits.values())

    def lower(self) -> float:
        """Return the share of right rows that the labels show at least, rounded down."""
        audits = self.audits.values()
        right = sum(each.right for each in audits)
        alpha = min(1 - each.confidence for each in audits) / prod(each.looks for each in audits)
        return floor(DIGITS * at_least(right, self.labels, alpha)) / DIGITS


class _Document(msgspec.Struct, frozen=True):
    calibration: int
    entries: list[Entry]


class Calibration:
    """All that was measured, by what it was measured of."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = {entry.key: entry for entry in entries}

    def of(self, checks: Sequence[Check]) -> Confidence:
        """Return what gives the confidence of a row from the outcomes of these checks."""
        configs = dict(checks)
        names = [name for name, _ in checks]
        patterns = {
            tuple(entry.verdicts[name] for name in names): entry.lower()
            for entry in self.entries.values()
            if entry.verdicts and entry.configs == configs and entry.labels >= ENOUGH
        }
        singles = self._singles(configs)
        found: dict[tuple[str, ...], float] = {}

        def confidence(outcomes: Sequence[str]) -> float:
            key = tuple(outcomes)
            if key not in found:
                bound = patterns.get(key)
                found[key] = _least(names, key, singles) if bound is None else bound
            return found[key]

        return confidence

    def _singles(self, configs: Mapping[str, str]) -> dict[str, float]:
        """Return the bound of each check, from the most labels where several audits differ."""
        found: dict[str, Entry] = {}
        for entry in sorted(self.entries.values(), key=lambda each: (each.labels, each.key)):
            if entry.check and entry.configs.items() <= configs.items():
                found[entry.check] = entry
        return {name: entry.lower() for name, entry in found.items()}

    def add(self, plan: str, entry: Entry, found: Measured) -> None:
        """Add what an audit found; the same audit again replaces what it said before."""
        known = self.entries.get(entry.key, entry)
        audits = {**known.audits, plan: found}
        entry = msgspec.structs.replace(known, audits=audits)
        right = sum(each.right for each in audits.values())
        self.entries[entry.key] = msgspec.structs.replace(
            entry, n=entry.labels, right=right, bound=entry.lower(), version=__version__
        )

    def document(self) -> bytes:
        """Return the file: JSON, the same bytes for the same measurements."""
        entries = [msgspec.to_builtins(self.entries[key]) for key in sorted(self.entries)]
        text = {"calibration": 1, "entries": [_brief(each) for each in entries]}
        return json.dumps(text, indent=2, sort_keys=True, ensure_ascii=True).encode()


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry without the key that does not apply: a pattern has no `check`."""
    return {key: value for key, value in entry.items() if value or key not in ("check", "verdicts")}


def _least(names: Sequence[str], outcomes: Sequence[str], singles: Mapping[str, float]) -> float:
    if "fail" in outcomes or "error" in outcomes:
        return 0.0
    passed = [name for name, said in zip(names, outcomes, strict=True) if said == "pass"]
    return min((singles.get(name, 0.0) for name in passed), default=0.0)


def read_calibration(text: str, path: str) -> Calibration:
    """Return what a file holds, or raise `InputError` where it is none of ours."""
    try:
        document = msgspec.convert(parse(text.encode()), _Document)
    except (BadLine, msgspec.ValidationError) as error:
        raise InputError(f"{path}: is not a calibration: {error}") from None
    for entry in document.entries:
        if not entry.audits or not all(_is_sound(each) for each in entry.audits.values()):
            raise InputError(f"{path}: is not a calibration: an entry has impossible counts")
        if entry.verdicts and entry.verdicts.keys() != entry.configs.keys():
            raise InputError(f"{path}: is not a calibration: an entry names other checks")
    return Calibration(document.entries)


def _is_sound(found: Measured) -> bool:
    return 0 <= found.right <= found.n and found.looks >= 1 and 0.5 < found.confidence < 1


# --- what an audit found ----------------------------------------------------------------


def measure(
    lines: Iterable[tuple[Sequence[Mapping[str, Any]], bool]], looks: int, confidence: float
) -> list[tuple[Entry, Measured]]:
    """Return what was found of each pattern and check; a line is (its checks, is it right)."""
    counts: dict[str, Counter[bool]] = {}
    entries: dict[str, Entry] = {}
    for checks, right in lines:
        for entry in _of_line(checks):
            entries[entry.key] = entry
            counts.setdefault(entry.key, Counter())[right] += 1
    return [
        (entry, Measured(counts[key].total(), counts[key][True], looks, confidence))
        for key, entry in entries.items()
    ]


def _of_line(checks: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """Return what one row tells something of: its pattern, and its passing checks."""
    configs = {each["check"]: each["config"] for each in checks}
    verdicts = {each["check"]: each["verdict"] for each in checks}
    entries = [Entry(configs, {}, verdicts)]
    if not {"fail", "error"} & set(verdicts.values()):
        passed = [name for name, said in verdicts.items() if said == "pass"]
        entries += [Entry(configs, {}, check=name) for name in passed]
    return entries
