"""Judge the labels of a random sample by its plan, and release the rows of a set that passed.

Shape: whole. Memory: 80 bytes a row (its id), the sample, and its labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import msgspec

from synthgate.rows import Decision, Row
from synthgate.sample import AuditPlan, Labels


class Verdict(msgspec.Struct, frozen=True):
    """What the labels prove: PASS, STOP or INCOMPLETE.

    `labels` and `failures` count the whole sample; a PASS came at label `at`, with `at_failures`;
    `missing` is how many more labels a PASS needs at least, `next` the first position without one.
    """

    verdict: str
    labels: int
    failures: int
    at: int = 0
    at_failures: int = 0
    missing: int = 0
    next: int = 0


def judge(plan: AuditPlan, verdicts: Mapping[str, str]) -> Verdict:
    """Follow the labels in the order of the sample to the first point where the plan decides.

    Rows without a label are taken as passed: a point that is then reached is a PASS if there are
    none before it, and else what INCOMPLETE still needs; where even so none is reached, STOP is
    certain, whatever the missing labels would say.
    """
    said = [verdicts.get(row_id, "") for row_id in plan.sample]
    labels, wrong = sum(map(bool, said)), sum(each not in ("", "pass") for each in said)
    holes = failures = 0
    for number, each in enumerate(said, 1):
        holes, failures = holes + (not each), failures + (each not in ("", "pass"))
        if failures >= plan.stop_at_failures:
            break
        if number < plan.pass_points[failures]:
            continue
        if holes:
            return Verdict("INCOMPLETE", labels, wrong, missing=holes, next=said.index("") + 1)
        return Verdict("PASS", labels, wrong, number, failures)
    return Verdict("STOP", labels, wrong)


def release(rows: Iterable[Row], verdicts: Mapping[str, str]) -> Iterator[Decision]:
    """Yield one decision per row of a set that passed, in input order.

    What a reviewer did not pass is rejected, and so is a row that needs a person of its own
    (`needs: human`) and was not in the sample.
    """
    for row in rows:
        said = verdicts.get(row.id, "")
        if said and said != "pass":
            yield Decision(row, f"audit:{said}")
        elif not said and row.provenance.needs == "human":
            yield Decision(row, "audit:needs_human", "released only with a label of its own")
        else:
            yield Decision(row)


def without(ids: Iterable[bytes], removed: Counter[bytes]) -> Iterator[bytes]:
    """Yield the ids in their order, each as often as it is left when `removed` are gone."""
    left = Counter(removed)
    for each in ids:
        if left[each]:
            left[each] -= 1
        else:
            yield each


def bound(plan: AuditPlan) -> str:
    """Return in words what a PASS of this plan proves."""
    times = float(100 * (1 - Fraction(str(plan.confidence))))
    return (
        f"If fewer than {_percent(plan.min_pass)} of the {plan.rows:,} rows were right, this audit "
        f"would have passed at most {_count(times, 'time')} in 100."
    )


def words(plan: AuditPlan, found: Verdict) -> str:
    """Return the verdict in plain words."""
    if found.verdict == "PASS":
        text = f"{bound(plan)} Passed at label {found.at} with "
        text += f"{_count(found.at_failures, 'failure')}."
        more, failed = found.labels - found.at, found.failures - found.at_failures
        return text + (f" Of {_count(more, 'label')} after it, {failed} did not pass." * bool(more))
    if found.verdict == "STOP":
        share = 1 - found.failures / found.labels
        link = ", but" if share >= plan.min_pass else ";"
        return (
            f"{found.failures} of {_count(found.labels, 'reviewed row')} did not pass; the plan "
            f"allows {plan.stop_at_failures - 1}. Best estimate {100 * share:.0f} % right{link} "
            f"{_percent(plan.min_pass)} is not shown. Nothing was written."
        )
    return (
        f"{found.labels} of {len(plan.sample)} sampled rows are labelled and {found.failures} did "
        f"not pass. A PASS needs at least {_count(found.missing, 'more label')}, the next for "
        f"position {found.next}. Nothing was written."
    )


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'s' * (number != 1)}"


def certificate(
    plan: AuditPlan, labels: Labels, found: Verdict, released: int, released_digest: str
) -> dict[str, Any]:
    """Return what a PASS proves, of which set, by whom, and which rows it let through."""
    return {
        "verdict": found.verdict,
        "bound": bound(plan),
        "set_digest": plan.set_digest,
        "rows": plan.rows,
        "released_digest": released_digest,
        "released": released,
        "plan": plan.plan,
        "attempt": plan.attempt,
        "min_pass": plan.min_pass,
        "confidence": plan.confidence,
        "passed_at": found.at,
        "failures": found.at_failures,
        "labels": found.labels,
        "labels_failed": found.failures,
        "labels_digest": labels.digest,
        "reviewers": labels.reviewers,
    }
