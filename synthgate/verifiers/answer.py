"""The check `answer[:FIELD]`: the final answer of the response equals the gold answer of the row.

The gold is the field `answer` unless another is named: the part after its last `####`, else what
stands behind its last mark (`A:`, `answer is`, a box), else all of it. Numbers are compared as
numbers, exactly or within a tolerance; sets in any order; choices as letters; everything else as
normalised text, or with `--math` as mathematics. Units are not compared.
"""

from __future__ import annotations

import os
import re
from fractions import Fraction
from typing import Any

from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.rows import Row
from synthgate.verifiers import PASS, Bench, Verdict, Verifier, numbers, sets
from synthgate.verifiers.final import LONGEST, Final, behind_mark, final, plain, read
from synthgate.verifiers.math_text import formula, latex
from synthgate.verifiers.mathematics import Mathematics
from synthgate.verifiers.several import several

_PROBE = "synthgate: is the gold the answer itself?"
_CHOICE = re.compile(r"[(\[]?[A-Ja-j][)\].]?|[(\[]?[A-J][)\].:]\s.*", re.DOTALL)
_UNIT_WORDS = 3
_BEST = ("pass", "abstain", "fail")
EXACT = Fraction(0)
NO_GOLD = Verdict("abstain", "no_gold")
NO_ANSWER = Verdict("fail", "no_answer")
DIFFERS = Verdict("fail", "differs")
SEVERAL = Verdict("abstain", "several_answers")
ONE_OF_SEVERAL = Verdict("abstain", "one_of_several_golds")


def build(argument: str, bench: Bench) -> Answer:
    """Return the check for the gold in a field."""
    policy = bench.policy
    workers = policy.workers or os.cpu_count() or 1
    math = Mathematics(workers, policy.tolerance) if policy.math else None
    return Answer(argument or "answer", policy.tolerance, policy.gold_list, math)


class Answer(Verifier):
    """Compares the final answer of the response with a gold field."""

    name = "answer"
    kind = "answer"

    def __init__(
        self, field: str, tolerance: float, gold_list: str, math: Mathematics | None = None
    ) -> None:
        self.field, self._list, self._math = field, gold_list, math
        self._tolerance = Fraction(str(tolerance))
        self._apart = False
        self.config = {
            "field": field,
            "tolerance": tolerance,
            "gold_list": gold_list,
            "math": math.version if math else "",
        }
        if math is not None:
            self.at_once, self.costly = math.workers, True

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass or fail; abstain without a gold, with several answers or without a result."""
        if not self._apart:
            self._refuse_itself(row, shape)
        golds = golds_of(dig(row.value, self.field))
        if not golds:
            return NO_GOLD
        response = shape.response(row.value) or ""
        shown = golds[0] if len(golds) == 1 else ", ".join(golds)
        verdict, said = self._verdict(response, golds)
        evidence = {"answer": said[:LONGEST], "gold": shown[:LONGEST]}
        return Verdict(verdict.outcome, verdict.reason, evidence if said else _gold(evidence))

    def close(self) -> None:
        """End the processes of math-verify."""
        if self._math is not None:
            self._math.close()

    def _refuse_itself(self, row: Row, shape: Shape) -> None:
        """Refuse a gold field that is the response: every answer equals itself."""
        if dig(shape.with_response(row.value, _PROBE), self.field) == _PROBE:
            raise UsageError(f"--check answer:{self.field}: that is the answer which is checked")
        self._apart = True

    def _verdict(self, response: str, golds: list[str]) -> tuple[Verdict, str]:
        """Return (the verdict, the answer that it is about) for one gold or a list of them."""
        if len(golds) == 1:
            return self._against(response, golds[0])
        whole = "{" + ", ".join(golds) + "}"
        if self._list != "any":
            verdict, said = self._against(response, whole, golds)
            if verdict.outcome == "pass" or self._list == "all":
                return verdict, said
        found = [self._against(response, gold) for gold in golds]
        verdict, said = min(found, key=lambda each: _BEST.index(each[0].outcome))
        unclear = verdict.outcome == "pass" and self._list != "any"
        return (ONE_OF_SEVERAL if unclear else verdict), said

    def _against(
        self, response: str, gold: str, wanted: list[str] | None = None
    ) -> tuple[Verdict, str]:
        """Compare with one gold answer; `wanted` are its members, where it is known to be a set."""
        if len(response) <= LONGEST and plain(response) == plain(gold):
            return PASS, response.strip()
        wanted = sets.members(gold) if wanted is None else wanted
        if stated := several(response):
            if len(stated) > 1 and all(self._is(each, gold, wanted) for each in stated):
                return PASS, stated[-1].text
            return SEVERAL, " / ".join(each.text for each in stated)
        found = self._stated(response, gold, wanted)
        if found is None:
            return NO_ANSWER, ""
        if self._is(found, gold, wanted):
            return PASS, found.text
        if self._math is None or (_is_bare_number(found) and _is_bare_number(read(gold))):
            return DIFFERS, found.text
        return self._math.compare(gold, found.text), found.text

    def _stated(self, response: str, gold: str, wanted: list[str] | None) -> Final | None:
        """Return the answer of a response; without marks, what is written as the gold is."""
        math = self._math is not None and not _is_bare_number(read(gold)) and latex(gold)
        if (wanted is not None or math) and not behind_mark(response):
            if wanted is not None and (text := _short(response) or sets.last(response)):
                return read(text)
            if math and (text := formula(response)):
                return read(text)
        return final(response)

    def _is(self, found: Final, gold: str, wanted: list[str] | None) -> bool:
        """Tell whether an answer is the gold answer, or has the members of one that is a set."""
        if wanted is None:
            return equals(found, gold, self._tolerance)
        return sets.same(
            sets.loose(found.text),
            wanted,
            lambda one, other: equals(read(one), other, self._tolerance),
        )


def _gold(evidence: dict[str, str]) -> dict[str, str]:
    return {"gold": evidence["gold"]}


def _short(response: str) -> str:
    """Return a response that is nothing but a set between braces, or a line without braces."""
    text = response.strip()
    if len(text) > LONGEST or "\n" in text or ("{" in text and sets.members(text) is None):
        return ""
    return text


def _is_bare_number(answer: Final) -> bool:
    """Tell whether an answer was read as one number, so that nothing is left to ask about it."""
    return answer.number is not None and answer.leads


def golds_of(value: Any) -> list[str]:
    """Return the gold answers in a field's value: those of a list, else one; [] for none."""
    values = value if type(value) is list else [value]
    golds = [gold_of(each) for each in values]
    return list(dict.fromkeys(golds)) if all(golds) else []


def gold_of(value: Any) -> str:
    """Return the gold answer in a field's value, "" where there is none."""
    if type(value) is bool:
        return str(value)
    if type(value) in (int, float):
        return repr(value)
    if type(value) is not str:
        return ""
    before, mark, after = value.rpartition("####")
    if mark:
        return after.strip()
    return behind_mark(before or after) or value.strip()


def equals(found: Final, gold: str, tolerance: Fraction = EXACT) -> bool:
    """Tell whether a final answer is the gold answer; the tolerance is relative to the gold."""
    if plain(found.text) == plain(gold):
        return True
    if len(gold) > LONGEST:
        return False
    wanted = read(gold)
    if wanted.number is not None and _is_number(gold, wanted):
        if found.number is None:
            return False
        return abs(found.number - wanted.number) <= tolerance * abs(wanted.number)
    if wanted.choice and _CHOICE.fullmatch(gold):
        return found.choice == wanted.choice
    return False


def _is_number(gold: str, wanted: Final) -> bool:
    """Tell whether a gold answer is one number, with a short unit at most, and not a sentence."""
    stated = gold.rpartition("=")[2]
    one = len(list(numbers.starts(stated))) <= 1 or "/" in stated or "\\" in stated
    return wanted.leads and one and len(stated.split()) <= 1 + _UNIT_WORDS
