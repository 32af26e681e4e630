"""What each check is worth, where it is known which rows are right; what an audit excludes.

Known from a field of the rows (`verify --truth`: gold), or from people. People label a random
sample of what passed, so precision can be measured; recall only where a sample of the rejects was
labelled, too (`audit draw --of rejects`). Then each label stands for as many rows as were drawn
from for each label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synthgate.findings import Found
from synthgate.stats.interval import at_most

ALPHA = 0.05
ALL = "all checks together"
Verdicts = Mapping[str, str]


@dataclass
class Labelled:
    """The labels of one audit: {row id: is it right}, drawn from `rows` rows.

    `planted` says that rows known to be wrong are among them, which are no rows of the set.
    """

    rows: int
    right: dict[str, bool] = field(default_factory=dict)
    planted: bool = False

    def lines(self, verdicts: Mapping[str, Verdicts]) -> list[tuple[str, float, bool]]:
        """Return (row id, rows that the label stands for, is it right) of each row of the set."""
        if self.planted or verdicts:
            known = {row_id: right for row_id, right in self.right.items() if row_id in verdicts}
        else:
            known = self.right
        return [(row_id, self.rows / len(known), right) for row_id, right in known.items()]


def of_gold(manifest: Mapping[str, Any] | None) -> Iterator[Found]:
    """Yield what verify itself measured by a field that says which rows are right."""
    findings = manifest["findings"] if manifest else {}
    named = [
        (each["name"], each["truth"]) for each in findings.get("checks", ()) if "truth" in each
    ]
    together = [(ALL, findings["combined"])] if "combined" in findings and len(named) > 1 else []
    for name, truth in (*named, *together):
        keys = ("rows", "precision", "recall", "lift")
        head = {"check": name, "truth": "gold", **{key: truth[key] for key in keys}}
        yield head | {"passes": truth["passes"], "base_rate": truth["base_rate"]}


def of_audit(
    passed: Labelled | None, rejected: Labelled | None, verdicts: Mapping[str, Verdicts]
) -> Iterator[Found]:
    """Yield what people's labels say of each check; `verdicts` is {row id: {check: verdict}}.

    Without labels of rejects there is neither recall nor lift: they are None.
    """
    audits = [audit.lines(verdicts) if audit else [] for audit in (passed, rejected)]
    whole, names = all(audits), sorted({name for said in verdicts.values() for name in said})
    for name in names:
        told = [
            (weight, right, verdicts[row_id].get(name) == "pass")
            for lines in audits
            for row_id, weight, right in lines
        ]
        if told:
            yield _measured(name, told, whole=whole)
    if audits[0] and len(names) != 1:
        told = [(w, right, not at) for at, lines in enumerate(audits) for _, w, right in lines]
        yield _measured(ALL, told, whole=whole)


def _measured(name: str, lines: Sequence[tuple[float, bool, bool]], *, whole: bool) -> Found:
    """Return the figures of a check from (weight, is right, passes) of each label."""
    passes = sum(w for w, _, p in lines if p)
    right = sum(w for w, r, _ in lines if r)
    hits = sum(w for w, r, p in lines if r and p)
    total = sum(w for w, _, _ in lines)
    precision = hits / passes if passes else None
    base = right / total if whole and total else None
    return {
        "check": name,
        "truth": "audit",
        "rows": len(lines),
        "precision": _rounded(precision),
        "recall": _rounded(hits / right if whole and right else None),
        "lift": _rounded(precision / base if precision is not None and base else None),
        "passes": sum(p for _, _, p in lines),
        "base_rate": _rounded(base),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def excludes(audit: Mapping[str, Any] | None) -> Found | None:
    """Return above which error the labels of an audit say the set is not, with 95 % confidence.

    Exact and one-sided (Clopper-Pearson). An audit may end at each point where its plan decides,
    and who stops at good news sees too many of them: so each of these looks spends its part of the
    5 %, and `above` holds wherever it ended. `above_fixed` is the bound for a number of labels that
    was fixed before the first one. Where every row has its label nothing is left to estimate.
    """
    if not audit or not audit.get("labels") or audit["verdict"] == "MEASURED":
        return None
    labels, failures = int(audit["labels"]), int(audit["failures"])
    looks = int(audit.get("stop_at_failures", 0)) + 1
    above = at_most(failures, labels, ALPHA / looks)
    fixed = at_most(failures, labels, ALPHA)
    words = _of_sample(failures, labels, above, fixed)
    if labels == audit.get("rows"):
        above = fixed = failures / labels
        looks, words = 1, _of_all(failures, labels)
    return {
        "labels": labels,
        "failures": failures,
        "above": round(above, 6),
        "above_fixed": round(fixed, 6),
        "looks": looks,
        "words": words,
    }


def _of_all(failures: int, labels: int) -> str:
    return (
        f"all {labels:,} rows were labelled and {failures:,} of them failed: the error is "
        f"{failures / labels:.1%}, counted and not estimated, as far as the labels are right"
    )


def _of_sample(failures: int, labels: int, above: float, fixed: float) -> str:
    return (
        f"{failures:,} of {labels:,} labels failed: this audit can exclude error above "
        f"{above:.1%} (95 %, wherever the labelling ended; above {fixed:.1%} if the number of "
        "labels was fixed before). Smaller error, and any error in a slice that the labels did not "
        "meet, it cannot exclude"
    )
