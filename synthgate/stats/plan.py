"""How few labels prove a pass rate: an exact group-sequential acceptance plan.

A set of N rows is labelled in a random order, one label after the other, up to n. It is to pass
only if it is shown that at least a share tau of the rows is right. The set is bad when it holds
D0 bad rows or more, D0 being the least number that puts it below tau. The plan keeps the
acceptance number c of the exact fixed-n test (hypergeometric, nothing approximated) and spends
the risk that this test leaves unused on passing early:

- PASS at the first label at which the failures so far are few enough (the pass points);
- STOP at failure c + 1.

Of sets with D0 bad rows or more at most a share alpha = 1 - confidence passes, by exact dynamic
programming over (labels, failures). Every set that the fixed-n test would pass, passes here too.
The standard library is all it needs: importing scipy takes longer than the plan.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from math import comb

from synthgate.errors import UsageError

HALVINGS = 30


@dataclass(frozen=True)
class Plan:
    """When an audit passes and when it stops.

    `pass_points[f]` is the label number from which f failures pass; the last one decides at the
    latest. `null_bad` is the least number of bad rows that puts the set below `min_pass`.
    """

    rows: int
    min_pass: float
    confidence: float
    max_n: int
    null_bad: int
    pass_points: tuple[int, ...]

    @property
    def sample(self) -> int:
        """How many rows the sample holds."""
        return min(self.max_n, self.rows)

    @property
    def stop_at_failures(self) -> int:
        """The failure that stops the audit, wherever it comes."""
        return len(self.pass_points)


@dataclass(frozen=True)
class Outlook:
    """What a plan does with a set: probability of PASS and of STOP, labels expected."""

    passes: float
    stops: float
    labels: float


@lru_cache(maxsize=256)
def make_plan(rows: int, min_pass: float, confidence: float | Fraction, max_n: int) -> Plan:
    """Return the plan for a set of `rows` rows and at most `max_n` labels.

    Raises `UsageError` when so few labels can never show `min_pass`, and says how many can.
    """
    tau, alpha = Fraction(str(min_pass)), 1 - Fraction(str(confidence))
    bad = int((1 - tau) * rows) + 1
    most = min(max_n, rows)
    allowed = _allowed(rows, bad, most, alpha)
    if allowed < 0:
        raise UsageError(_impossible(rows, bad, most, tau, alpha))
    points = _pass_points(rows, bad, most, allowed, alpha)
    return Plan(rows, min_pass, float(confidence), max_n, bad, points)


def outlook(plan: Plan, bad: int) -> Outlook:
    """Return what the plan does with a set of which `bad` rows are bad, exactly."""
    return _walk(plan.rows, bad, plan.pass_points)


def _at_most(rows: int, bad: int, labels: int, failures: int) -> tuple[int, int]:
    """Return P(at most `failures` bad among `labels` drawn) as numerator and denominator."""
    good = rows - bad
    least = max(0, labels - good)
    ways = term = comb(bad, least) * comb(good, labels - least)
    for k in range(least, min(failures, labels)):
        term = term * (bad - k) * (labels - k) // ((k + 1) * (good - labels + k + 1))
        ways += term
    return (ways if failures >= least else 0), comb(rows, labels)


def _below(chance: tuple[int, int], limit: Fraction) -> bool:
    """Tell whether a chance is at most `limit`, in whole numbers."""
    return chance[0] * limit.denominator <= limit.numerator * chance[1]


def _allowed(rows: int, bad: int, labels: int, alpha: Fraction) -> int:
    """Return the acceptance number of the fixed-n test, -1 where even no failure proves enough."""
    return (
        bisect_left(
            range(labels + 1),
            True,
            key=lambda failures: not _below(_at_most(rows, bad, labels, failures), alpha),
        )
        - 1
    )


def _pass_points(rows: int, bad: int, most: int, allowed: int, alpha: Fraction) -> tuple[int, ...]:
    """Return the pass points that spend as much of alpha as they can, by bisection.

    The chance that a set of `bad` bad rows passes is a step function that grows with the level
    at which a single look may pass. Level 0 (the fixed plan, ended when its end is certain) is
    always within alpha.
    """
    chances = _chances(rows, bad, most, allowed)

    def points(level: float) -> tuple[int, ...]:
        """Return the first label at which f failures have at most a chance of `level`."""
        return tuple(
            min(_first(chances[f], level), most - (allowed - f)) for f in range(allowed + 1)
        )

    risk = cache(lambda points: _walk(rows, bad, points).passes)
    low, high = 0.0, float(alpha)
    if risk(points(high)) <= alpha:
        return points(high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if risk(points(middle)) <= alpha:
            low = middle
        else:
            high = middle
    return points(low)


def _first(falling: array[float], level: float) -> int:
    return bisect_left(falling, -level, key=lambda chance: -chance)


def _chances(rows: int, bad: int, most: int, allowed: int) -> list[array[float]]:
    """Return, for each number of failures, P(at most so many) after 0, 1, 2, … labels."""
    found = [array("d", [1.0]) for _ in range(allowed + 1)]
    running = [1.0] + [0.0] * (allowed + 1)
    for labels in range(1, most + 1):
        _label(running, rows, bad, labels, 0)
        running[-1] = total = 0.0
        for failures, chance in enumerate(found):
            total += running[failures]
            chance.append(total)
    return found


def _walk(rows: int, bad: int, points: tuple[int, ...]) -> Outlook:
    """Follow the probability of every number of failures, label by label, until none runs on."""
    stop, low = len(points), 0
    running = [1.0] + [0.0] * stop
    passes = stops = expected = 0.0
    for labels in range(1, points[-1] + 1):
        _label(running, rows, bad, labels, low)
        stops, expected = stops + running[stop], expected + labels * running[stop]
        running[stop] = 0.0
        while low < stop and points[low] <= labels:
            passes, expected = passes + running[low], expected + labels * running[low]
            running[low] = 0.0
            low += 1
    return Outlook(passes, stops, expected)


def _label(running: list[float], rows: int, bad: int, labels: int, low: int) -> None:
    """Move the probabilities of `low` failures and more through one label without replacement."""
    left = rows - labels + 1
    for failures in range(min(labels, len(running) - 1), low, -1):
        before = running[failures - 1]
        moved = before * min(1.0, max(0.0, (bad - failures + 1) / left))
        running[failures - 1] = before - moved
        running[failures] += moved


def _impossible(rows: int, bad: int, labels: int, tau: Fraction, alpha: Fraction) -> str:
    """Return the message for a pass rate that so few labels can never show."""
    enough = bisect_left(
        range(rows + 1), True, key=lambda labels: _below(_at_most(rows, bad, labels, 0), alpha)
    )
    refuted = bisect_left(
        range(rows + 1), True, key=lambda bad: _below(_at_most(rows, bad, labels, 0), alpha)
    )
    shown = 1000 * (rows - refuted + 1) // rows / 10
    return (
        f"{labels} labels can show at most {shown:.1f} % (with no failure); "
        f"for {float(100 * tau):g} % of {rows:,} rows plan --max-n {enough}"
    )
