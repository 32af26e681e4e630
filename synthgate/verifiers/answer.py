"""The check `answer[:FIELD]`: the final answer of the response equals the gold answer of the row.

The gold is the field `answer` unless another is named: the part after its last `####`, else what
stands behind its last mark (`A:`, `answer is`, a box), else all of it. Numbers are compared as
numbers, exactly; choices as letters; everything else as normalised text. Units are not compared.
"""

from __future__ import annotations

import re
from typing import Any

from synthgate.errors import UsageError
from synthgate.formats import Shape, dig
from synthgate.rows import Row
from synthgate.verifiers import Bench, Outcome, Verdict, Verifier, numbers
from synthgate.verifiers.final import LONGEST, Final, behind_mark, final, plain, read

_PROBE = "synthgate: is the gold the answer itself?"
_CHOICE = re.compile(r"[(\[]?[A-Ja-j][)\].]?|[(\[]?[A-J][)\].:]\s.*", re.DOTALL)
_UNIT_WORDS = 3
NO_GOLD = Verdict("abstain", "no_gold")


def build(argument: str, bench: Bench) -> Answer:  # noqa: ARG001 -- every check is built alike
    """Return the check for the gold in a field."""
    return Answer(argument or "answer")


class Answer(Verifier):
    """Compares the final answer of the response with a gold field."""

    name = "answer"
    kind = "answer"

    def __init__(self, field: str) -> None:
        self.field = field
        self._apart = False

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass or fail; abstain `no_gold` where the row has no gold answer."""
        if not self._apart:
            self._refuse_itself(row, shape)
        gold = gold_of(dig(row.value, self.field))
        if not gold:
            return NO_GOLD
        response = shape.response(row.value) or ""
        if len(response) <= LONGEST and plain(response) == plain(gold):
            return _compared("pass", response.strip(), gold)
        found = final(response)
        if found is None:
            return Verdict("fail", "no_answer", {"gold": gold[:LONGEST]})
        return _compared("pass" if equals(found, gold) else "fail", found.text, gold)

    def _refuse_itself(self, row: Row, shape: Shape) -> None:
        """Refuse a gold field that is the response: every answer equals itself."""
        if dig(shape.with_response(row.value, _PROBE), self.field) == _PROBE:
            raise UsageError(f"--check answer:{self.field}: that is the answer which is checked")
        self._apart = True


def _compared(outcome: Outcome, answer: str, gold: str) -> Verdict:
    reason = "" if outcome == "pass" else "differs"
    return Verdict(outcome, reason, {"answer": answer, "gold": gold[:LONGEST]})


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


def equals(found: Final, gold: str) -> bool:
    """Tell whether a final answer is the gold answer."""
    if plain(found.text) == plain(gold):
        return True
    if len(gold) > LONGEST:
        return False
    wanted = read(gold)
    if wanted.number is not None and _is_number(gold, wanted):
        return found.number == wanted.number
    if wanted.choice and _CHOICE.fullmatch(gold):
        return found.choice == wanted.choice
    return False


def _is_number(gold: str, wanted: Final) -> bool:
    """Tell whether a gold answer is one number, with a short unit at most, and not a sentence."""
    stated = gold.rpartition("=")[2]
    one = len(list(numbers.starts(stated))) <= 1 or "/" in stated or "\\" in stated
    return wanted.leads and one and len(stated.split()) <= 1 + _UNIT_WORDS
