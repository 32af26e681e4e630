"""Say in plain words what labels prove, and release the rows of a set that passed.

Shape: whole. Memory: 80 bytes a row (its id), the sample, and its labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from synthgate.rows import Decision, Row
from synthgate.sample import AuditPlan, Labels
from synthgate.sample.pace import LEAST, OF_A_CHARACTER, Pace, paces
from synthgate.sample.verdict import Assessment, GoldFound, SliceFound, Verdict, judge
from synthgate.stats.interval import share_within

__all__ = ["Verdict", "bound", "certificate", "judge", "release", "report", "without", "words"]
NOT_WRITTEN = "Nothing was written."
_SAME = (
    "lineage", "risk", "policy_digest", "nonce_from", "slices", "gold", "agreement", "reviewers",
    "verdicts_changed", "changed_to_pass", "pace", "warnings",
)  # fmt: skip


def release(rows: Iterable[Row], verdicts: Mapping[str, str]) -> Iterator[Decision]:
    """Yield one decision per row of a set that passed, in input order.

    What a reviewer did not pass is rejected, and so is a row that needs a person of its own
    (`needs: human`) and has no label.
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


# --- words ------------------------------------------------------------------------------


def bound(plan: AuditPlan) -> str:
    """Return in words what a PASS of this plan proves."""
    return (
        f"If fewer than {_percent(plan.min_pass)} of the {plan.rows:,} rows were right, this audit "
        f"would have passed at most {_count(round(100 * plan.risk, 6), 'time')} in 100."
    )


def words(plan: AuditPlan, found: Verdict, more: Assessment | None = None) -> str:
    """Return the verdict in plain words; `more` is what slices and planted rows say."""
    if found.verdict == "PASS":
        return " ".join([_passed(plan, found), *_beside(plan, more)])
    if found.verdict == "STOP":
        return f"{'; '.join(_stopped(plan, more.main if more else found, more))} {NOT_WRITTEN}"
    if found.verdict == "MEASURED":
        return _measured(plan, found)
    return _incomplete(plan, found)


def _incomplete(plan: AuditPlan, found: Verdict) -> str:
    wanting = "The count" if plan.of == "rejects" else "A PASS"
    where = f", the next for position {found.next}" if found.next else ""
    return (
        f"{found.labels} of {plan.drawn} sampled rows are labelled and {found.failures} did not "
        f"pass. {wanting} needs at least {_count(found.missing, 'more label')}{where}. "
        f"{NOT_WRITTEN}"
    )


def _passed(plan: AuditPlan, found: Verdict) -> str:
    text = f"{bound(plan)} Passed at label {found.at} with "
    text += f"{_count(found.at_failures, 'failure')}."
    more, failed = found.labels - found.at, found.failures - found.at_failures
    text += f" Of {_count(more, 'label')} after it, {failed} did not pass." * bool(more)
    if found.labels == plan.rows:
        right = plan.rows - found.failures
        text += f" Every row was labelled: {right:,} of {plan.rows:,} are right, exactly."
    return text


def _beside(plan: AuditPlan, more: Assessment | None) -> Iterator[str]:
    """Yield what limits the claim of a PASS: the attempts so far, and what reviewers overlook."""
    if plan.attempt > 1 and plan.spend == "lineage":
        whole = _count(round(100 * (1 - plan.confidence), 6), "time")
        yield (
            f"This is attempt {plan.attempt} on its lineage; all attempts on it together pass "
            f"a bad set at most {whole} in 100."
        )
    elif plan.attempt > 1:
        many = _count(round(100 * plan.risk * plan.attempt, 6), "time")
        yield (
            f"This is attempt {plan.attempt} on its lineage: so many audits pass a bad set at most "
            f"{many} in 100."
        )
    if more and more.gold:
        yield _noticed(more.gold) + (
            f"; corrected by that, what is shown is {100 * more.gold.min_pass:.1f} %, "
            f"wrong at most {_count(round(200 * plan.risk, 6), 'time')} in 100."
        )


def _noticed(gold: GoldFound) -> str:
    return (
        f"The reviewers noticed {gold.noticed} of {gold.planted} planted wrong rows, which shows "
        f"that they notice {100 * gold.sensitivity:.0f} % of wrong ones"
    )


def _stopped(plan: AuditPlan, main: Verdict, more: Assessment | None) -> Iterator[str]:
    """Yield each reason for a STOP."""
    if main.verdict == "STOP":
        yield (
            f"{main.failures} of {_count(main.labels, 'reviewed row')} are wrong; the plan "
            f"allows {plan.stop_at_failures - 1}. {_percent(plan.min_pass)} is not shown."
        )
    for each in more.slices if more else ():
        if each.verdict == "STOP":
            yield _slice_stopped(plan, each)
    wanted = plan.policy.get("min_sensitivity", 0.0)
    gold = more.gold if more else None
    if gold and gold.labelled == gold.planted and gold.sensitivity < wanted:
        yield f"{_noticed(gold)}; the policy asks for {_percent(wanted)}."


def _slice_stopped(plan: AuditPlan, found: SliceFound) -> str:
    floor = _percent(plan.policy["slice_min_pass"])
    return (
        f"{found.name}: {found.labels - found.right} of {_count(found.labels, 'reviewed row')} "
        f"are wrong; the plan allows {found.allows}. {floor} of this slice is not shown."
    )


def _measured(plan: AuditPlan, found: Verdict) -> str:
    right = found.labels - found.failures
    low, high = share_within(right, found.labels, plan.rows, plan.risk)
    return (
        f"{right} of {_count(found.labels, 'reviewed row')} that were rejected are right: of all "
        f"{plan.rows:,} rejected rows between {100 * low:.1f} and {100 * high:.1f} % are "
        f"(confidence {_percent(1 - plan.risk)}). {NOT_WRITTEN}"
    )


def warnings(found: Iterable[Pace]) -> Iterator[str]:
    """Yield what is odd about how the labels came about; it decides nothing."""
    for each in found:
        if each.too_fast:
            yield (
                f"{each.reviewer} passed {each.hasty} of {each.passes} rows faster than they can "
                f"be read ({LEAST / 1000:g} s, or {OF_A_CHARACTER} ms a character); the median "
                f"pass took {each.ms:,} ms"
            )


def _percent(share: float) -> str:
    return f"{round(100 * share, 6):g} %"


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'s' * (number != 1)}"


# --- documents --------------------------------------------------------------------------


def report(
    plan: AuditPlan, labels: Labels, found: Assessment, characters: Mapping[str, int]
) -> dict[str, Any]:
    """Return what a gate says to programs, whatever its verdict.

    `characters` has the length of sampled rows, by id: how long they take to read.
    """
    verdict, pace = found.verdict, list(paces(labels, characters))
    return {
        "verdict": verdict.verdict,
        "words": words(plan, verdict, found),
        "rows": plan.rows,
        "sample": len(plan.sample),
        "labels": verdict.labels,
        "failures": verdict.failures,
        "passed_at": verdict.at,
        "missing": verdict.missing,
        "min_pass": plan.min_pass,
        "confidence": plan.confidence,
        "stop_at_failures": plan.stop_at_failures,
        "plan": plan.plan,
        "set_digest": plan.set_digest,
        "attempt": plan.attempt,
        "lineage": plan.lineage,
        "risk": plan.risk,
        "policy_digest": plan.policy_digest,
        "nonce_from": plan.nonce_from,
        "slices": [msgspec.to_builtins(each) for each in found.slices],
        "gold": msgspec.to_builtins(found.gold) if found.gold else {},
        "agreement": msgspec.to_builtins(found.agreement) if found.agreement.pairs else {},
        "verdicts_changed": labels.changed,
        "changed_to_pass": labels.to_pass,
        "reviewers": labels.reviewers,
        "pace": [msgspec.to_builtins(each) for each in pace],
        "warnings": list(warnings(pace)),
    }


def certificate(
    plan: AuditPlan, labels: Labels, found: Assessment, said: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a PASS proves, of which set, by whom, and which rows it let through.

    `said` is the report, with `released` and `released_digest` of what flowed.
    """
    main = found.main
    return {
        "verdict": found.verdict.verdict,
        "bound": bound(plan),
        "words": said["words"],
        "set_digest": plan.set_digest,
        "rows": plan.rows,
        "released_digest": said["released_digest"],
        "released": said["released"],
        "plan": plan.plan,
        "attempt": plan.attempt,
        "min_pass": plan.min_pass,
        "confidence": plan.confidence,
        "passed_at": main.at,
        "failures": main.at_failures,
        "labels": main.labels,
        "labels_failed": main.failures,
        "labels_digest": labels.digest,
        "log_head": labels.head,
        "policy": plan.policy,
        **{name: said[name] for name in _SAME},
    }
