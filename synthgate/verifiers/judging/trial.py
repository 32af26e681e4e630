"""The verdict on one candidate, or on a pair, from a judge's answers to single questions."""

from __future__ import annotations

from collections.abc import Sequence

from synthgate.text import normalise
from synthgate.verifiers import Outcome
from synthgate.verifiers.judging.canaries import MASTER_KEYS, Heard
from synthgate.verifiers.judging.criteria import Criterion
from synthgate.verifiers.judging.panel import DOUBTS, Panel, Ruling
from synthgate.verifiers.judging.prompt import about_one, about_two
from synthgate.verifiers.judging.reading import SHORTEST

LONGEST = 200_000  # characters of prompt and answers that are sent
Draw = tuple[int, str]  # the seed and the row id
Judged = tuple[Outcome, str, list[Ruling]]
_ENDS = " .:,\u3002"
_KEYS = frozenset(normalise(key).strip(_ENDS) for key in MASTER_KEYS)


def not_sent(prompt: str, answers: Sequence[str]) -> Judged | None:
    """Return the verdict on what no judge is asked about, None for everything else."""
    plain = [normalise(each).strip(_ENDS) for each in answers]
    if not any(map(str.isalnum, plain[0])):
        return "fail", "nothing_to_judge", []
    if plain[0] in _KEYS:
        return "fail", "master_key", []
    if len(plain[0]) < SHORTEST and len(plain[0].split()) < 2:
        return "abstain", "too_short", []
    if len(prompt) + sum(map(len, answers)) > LONGEST:
        return "abstain", "too_long", []
    if len(plain) > 1 and not any(map(str.isalnum, plain[1])):
        return "abstain", "nothing_to_compare", []
    if len(plain) > 1 and plain[0] == plain[1]:
        return "fail", "same_answers", []
    return None


def single(
    panel: Panel, draw: Draw, criteria: Sequence[Criterion], prompt: str, response: str
) -> Judged:
    """Return the verdict on one answer, criterion by criterion; the first no is the last call."""
    rulings = []
    for criterion in criteria:
        rulings.append(panel.ask(about_one(criterion, prompt, response, draw)))
        if rulings[-1].choice == "no":
            return "fail", f"not_{criterion.name}", rulings
        if rulings[-1].fault not in ("", *DOUBTS):
            break
    return _settled(rulings, all(ruling.choice == "yes" for ruling in rulings))


def pair(
    panel: Panel,
    draw: Draw,
    criteria: Sequence[Criterion],
    prompt: str,
    answers: tuple[str, str],
) -> Judged:
    """Return whether the first answer is the better one, whichever of them is shown first."""
    there = panel.ask(about_two(criteria, prompt, answers, draw, "chosen_first"))
    back = panel.ask(about_two(criteria, prompt, answers[::-1], draw, "rejected_first"))
    choices = there.choice, back.choice
    if choices == ("2", "1"):
        return "fail", "rejected_is_better", [there, back]
    outcome, reason, rulings = _settled([there, back], choices == ("1", "2"))
    undecided = outcome == "abstain" and not reason
    return outcome, "order_dependent" if undecided else reason, rulings


def _settled(rulings: list[Ruling], passed: bool) -> Judged:
    """Return pass, or why not: a broken rig before a judge that could not tell."""
    if passed:
        return "pass", "", rulings
    faults = [ruling.fault for ruling in rulings if ruling.fault]
    broken = [fault for fault in faults if fault not in DOUBTS]
    if broken:
        return "error", broken[0], rulings
    return "abstain", faults[0] if faults else "", rulings


def heard(judged: Judged, pairs: bool, criteria: int) -> Heard:
    """Return what a verdict on a canary shows; a quote that is missing excuses no yes."""
    outcome, reason, rulings = judged
    wanted = [{"1"}, {"2"}] if pairs else [{"yes"}] * criteria
    said = [{each.choice for each in ruling.said} for ruling in rulings]
    lenient = outcome == "pass" or said == wanted
    faulty = next((each for ruling in rulings for each in ruling.said if each.fault), None)
    detail = f" ({faulty.detail})" if faulty and faulty.detail else ""
    dead = outcome == "error" and reason != "unusable_answer"
    return Heard(outcome == "pass", lenient, dead, f"{reason or outcome}{detail}")
