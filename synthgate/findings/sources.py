"""What each source did in every check, and whether it differs from the others.

A weak score of single rows is strong over all rows of a source. Each source is tested against the
others by Fisher's exact test; the chances are corrected for all tests of the table (Benjamini and
Hochberg).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from synthgate.findings import Found, missing
from synthgate.stats.compare import benjamini_hochberg, more_often, wilson

ALPHA = 0.01
_LIFT = 1.5  # a rate this much over that of the others is worth a word
_MOST = 200
DUPLICATES = ("exact", "near", "fuzzy", "same_output", "same_prompt")


@dataclass
class Account:
    """How many rows of each source went into a check, and how many it counted against them."""

    name: str
    rows: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)


def sources(present: Mapping[str, int], accounts: Mapping[str, Account]) -> Found:
    """Return the table: a line a source, the most suspicious first.

    `present` counts the rows of the report by source; `accounts` are those of the checks, known
    ones among them `duplicates`, `rejected` (by verify), `flags` (of scan) and `audit_failed`.
    """
    names = [*present, *(name for each in accounts.values() for name in each.rows)]
    names = list(dict.fromkeys(names))
    if not names:
        return missing("no rows")
    tests = _tests(accounts)
    table = [_line(name, present, accounts, tests.get(name, [])) for name in names]
    table.sort(key=lambda each: (not each["suspicious"], -each["rows"], each["source"]))
    more = max(0, len(table) - _MOST)
    return {"shown": True, "correction": "Benjamini-Hochberg", "table": table[:_MOST], "more": more}


def _tests(accounts: Mapping[str, Account]) -> dict[str, list[Found]]:
    """Return the tests of each source that has others beside it."""
    found: list[tuple[str, Found]] = []
    for account in accounts.values():
        rows, hits = account.rows.total(), account.hits.total()
        if len(account.rows) < 2:
            continue
        for source, of in account.rows.items():
            counted = account.hits[source]
            low, high = wilson(counted, of)
            others = (hits - counted) / (rows - of)
            told = {"check": account.name, "rows": of, "hits": counted, "others": round(others, 4)}
            told |= {"rate": round(counted / of, 4), "low": round(low, 4), "high": round(high, 4)}
            found.append((source, {**told, "p": more_often(counted, of, hits, rows)}))
    corrected = benjamini_hochberg([told["p"] for _, told in found])
    by_source: dict[str, list[Found]] = {}
    for (source, told), chance in zip(found, corrected, strict=True):
        told["p"] = float(f"{chance:.3g}")
        by_source.setdefault(source, []).append(told)
    return by_source


def _line(
    name: str, present: Mapping[str, int], accounts: Mapping[str, Account], tests: list[Found]
) -> Found:
    def of(check: str, *, all_rows: bool = False) -> int | None:
        account = accounts.get(check)
        if account is None or not (name in account.rows or name in account.hits):
            return None
        return (account.rows if all_rows else account.hits)[name]

    judged, rejected = of("rejected", all_rows=True), of("rejected")
    accepted = None if judged is None or rejected is None else judged - rejected
    bad = [each for each in tests if _stands_out(each)]
    return {
        "source": name,
        "rows": present.get(name, 0),
        "accepted": accepted,
        "rejected": rejected,
        "duplicates": of("duplicates"),
        "flags": of("flags"),
        "audited": of("audit_failed", all_rows=True),
        "audit_failed": of("audit_failed"),
        "suspicious": bool(bad),
        "why": "; ".join(
            f"{e['check']}: {e['rate']:.1%} of its rows, {e['others']:.1%} of the others'"
            for e in bad
        ),
        "tests": tests,
    }


def _stands_out(test: Found) -> bool:
    return bool(test["p"] < ALPHA and test["rate"] >= _LIFT * test["others"])
