"""What a token is, and numbers in words as one token: `two hundred and five`, `3 million`."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

from synthgate.verifiers.retrieval.words import HUNDRED, SCALES, SMALL

Kind = Literal["word", "number", "unit", "date", "entity", "negation", "sign"]
FACTS: frozenset[Kind] = frozenset({"number", "unit", "date", "entity"})


class Token(NamedTuple):
    """One token: what it is compared by, where it stands, and what was skipped before it."""

    kind: Kind
    norm: str
    start: int
    end: int
    gap: str = ""


def merged(found: list[Token]) -> Iterator[Token]:
    """Yield the tokens with number words as one number: `two hundred and five`, `3 million`."""
    at = 0
    while at < len(found):
        run = _run(found, at)
        if run is None:
            yield found[at]
            at += 1
            continue
        value, end, unit = run
        first, last = found[at], found[end - 1]
        yield Token("number", str(value), first.start, last.end, first.gap)
        yield from unit
        at = end


def _run(found: list[Token], at: int) -> tuple[Fraction, int, list[Token]] | None:
    """Return (value, end, units passed over) of a number that starts here and has words in it."""
    total, current, end, words, units = Fraction(0), _small(found[at]), at + 1, False, []
    if current is None:
        if found[at].kind not in ("number", "date") or not _is_plain(found[at].norm):
            return None
        current = Fraction(found[at].norm)
        if end < len(found) and found[end].kind == "unit" and found[end].start == found[at].start:
            units, end = [found[end]], end + 1  # `$3 million`
    else:
        words = True
    while end < len(found) and (not found[end].gap.strip(" -") or found[end].gap == "-"):
        norm = found[end].norm
        if norm in HUNDRED and current is not None:
            current, end, words = current * HUNDRED[norm], end + 1, True
        elif norm in SCALES and current is not None:
            total, current, end, words = total + current * SCALES[norm], None, end + 1, True
        elif words and (more := _fitting(current, total, found, end)):
            current, end = (current or Fraction(0)) + more[0], more[1]
        else:
            break
    return (total + (current or 0), end, units) if words else None


def _small(token: Token) -> Fraction | None:
    value = SMALL.get(token.norm) if token.kind == "word" else None
    return None if value is None else Fraction(value)


def _is_plain(norm: str) -> bool:
    return norm.replace("/", "").lstrip("-").isdecimal()


def _fitting(
    current: Fraction | None, total: Fraction, found: list[Token], at: int
) -> tuple[int, int] | None:
    """Return (value, end) of the next small number word where it goes on the number so far."""
    skip = at + 1 if found[at].norm == "and" and at + 1 < len(found) else at
    value = SMALL.get(found[skip].norm) if found[skip].kind == "word" else None
    if value is None:
        return None
    if current is None:
        return (value, skip + 1) if total else None
    if current >= 100 and current % 100 == 0:
        return value, skip + 1
    tens = skip == at and current % 10 == 0 and current % 100 >= 20 and 0 < value < 10
    return (value, skip + 1) if tens else None
