"""Whether a sentence of a source says what a claim says.

A claim may leave out of a sentence what is added to it (brackets, a relative clause, a clause at
the end), and nothing else may differ: whatever is not known to be harmless is a difference. What
differs in one kind of fact only contradicts; any other difference is just no support.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from synthgate.verifiers.retrieval.counting import FACTS, Token
from synthgate.verifiers.retrieval.words import (
    HELPERS,
    LIMITING,
    NEGATIVE_PREFIXES,
    RELATIVE,
    listed,
)

SHORTEST = 4  # tokens that must be the same before a difference contradicts, or a part supports
_STRONG = re.compile(r"[.!?;][\"')\]*_]*\s")
_CLAUSE = re.compile(r"[,;:(\[]|\s-")
_PRONOUNS = listed("he she it they we you i him her them this that these those there")
_GOING_ON = _PRONOUNS | listed("then is was are were has had have")


class Match(NamedTuple):
    """How near a sentence is to a claim: `differs` is "" where it supports it.

    `score` is the share of both that is the same, `contradicts` says that it differs in one kind
    of fact and in nothing else.
    """

    score: float
    differs: str
    contradicts: bool = False


class _Edit(NamedTuple):
    """What stands in the source, `source[i1:i2]`, where the claim has `claim[j1:j2]`."""

    i1: int
    i2: int
    j1: int
    j2: int


def compare(claim: Sequence[Token], source: Sequence[Token]) -> Match:
    """Return how a claim differs from one sentence of a source. Both hold at least one token."""
    ours, theirs = [t.norm for t in claim], [t.norm for t in source]
    if ours == theirs:
        return Match(1.0, "")
    edits = _edits(ours, theirs)
    same = len(ours) - sum(edit.j2 - edit.j1 for edit in edits)
    score = 2 * same / (len(ours) + len(theirs))
    kinds = {kind for edit in edits if (kind := _kind(edit, claim, source, same))}
    if not kinds:
        return Match(score, "")
    if len(kinds) > 1 or "words" in kinds:
        return Match(score, "words" if "words" in kinds else " ".join(sorted(kinds)))
    (kind,) = kinds
    return Match(score, kind, same >= SHORTEST and theirs[0] not in _PRONOUNS)


def _edits(ours: list[str], theirs: list[str]) -> list[_Edit]:
    """Return what has to change in the source to make it the claim, in runs without a gap."""
    runs: list[_Edit] = []
    for block in Levenshtein.opcodes(theirs, ours):
        if block.tag == "equal":
            continue
        edit = _Edit(block.src_start, block.src_end, block.dest_start, block.dest_end)
        if runs and (runs[-1].i2, runs[-1].j2) == (edit.i1, edit.j1):
            edit = edit._replace(i1=runs[-1].i1, j1=runs.pop().j1)
        runs.append(edit)
    return runs


def _kind(edit: _Edit, claim: Sequence[Token], source: Sequence[Token], same: int) -> str:
    """Return the kind of fact that an edit changes, "words" for others, "" where it is harmless."""
    ours, theirs = claim[edit.j1 : edit.j2], source[edit.i1 : edit.i2]
    if not ours and same >= SHORTEST and _may_go(edit, source):
        return ""
    if _negates(ours) != _negates(theirs) or _opposed(ours, theirs):
        return "negation" if _only_negates(ours, theirs) else "words"
    kinds = {token.kind for token in (*ours, *theirs)}
    if ours and theirs and len(kinds) == 1 and kinds <= FACTS:
        return str(*kinds)
    if ours and theirs and kinds <= {"date", "number"}:
        return "date" if len(kinds) == 2 else str(*kinds)
    return "words"


def _negates(tokens: Sequence[Token]) -> bool:
    return sum(token.kind == "negation" for token in tokens) % 2 == 1


def _only_negates(ours: Sequence[Token], theirs: Sequence[Token]) -> bool:
    """Tell whether nothing but a negation differs: `eats` and `does not eat`, `able`, `unable`."""
    same = {_stem(token) for token in ours} & {_stem(token) for token in theirs}
    helping = (
        t.kind == "negation" or t.norm in HELPERS or _stem(t) in same for t in (*ours, *theirs)
    )
    return _opposed(ours, theirs) or all(helping)


def _stem(token: Token) -> str:
    return token.norm.removesuffix("s").removesuffix("e").removesuffix("ed")


def _opposed(ours: Sequence[Token], theirs: Sequence[Token]) -> bool:
    """Tell whether a word stands where the same word with a negative prefix stands."""
    if len(ours) != 1 or len(theirs) != 1:
        return False
    short, long = sorted((ours[0].norm, theirs[0].norm), key=len)
    return len(short) > 2 and any(long == prefix + short for prefix in NEGATIVE_PREFIXES)


# --- what may be left out ---------------------------------------------------------------


def _may_go(edit: _Edit, source: Sequence[Token]) -> bool:
    length = edit.i2 - edit.i1
    return any(_harmless(at, at + length, source) for at in _positions(edit, source))


def _positions(edit: _Edit, source: Sequence[Token]) -> Iterator[int]:
    """Yield where the same left-out words may be said to start: `a b [c b] d` is `a [b c] b d`."""
    yield edit.i1
    length = edit.i2 - edit.i1
    at = edit.i1
    while at + length < len(source) and source[at].norm == source[at + length].norm:
        at += 1
        yield at
    at = edit.i1
    while at > 0 and source[at - 1].norm == source[at + length - 1].norm:
        at -= 1
        yield at


def _harmless(start: int, end: int, source: Sequence[Token]) -> bool:
    """Tell whether a sentence still holds without `source[start:end]`."""
    left, dropped = source[start], source[start:end]
    if start > 0 and end == len(source) and _STRONG.search(left.gap):
        return True
    if any(token.norm in LIMITING or token.kind == "negation" for token in dropped):
        return False
    if start == 0:
        return bool(_STRONG.search(source[end].gap))
    if end == len(source):
        return _goes_on(dropped)
    gap = source[end].gap
    if "(" in left.gap and ")" in gap and not any(")" in token.gap for token in dropped[1:]):
        return True
    return bool(_CLAUSE.search(left.gap) and _CLAUSE.search(gap)) and left.norm in RELATIVE


def _goes_on(dropped: Sequence[Token]) -> bool:
    """Tell whether the end of a sentence is a clause of its own, or adds to the one before it."""
    first = dropped[0]
    if first.norm in RELATIVE:
        return "," in first.gap or first.norm in ("while", "whereas")
    if first.norm not in ("and", "so") or len(dropped) < 4:
        return False
    return "," in first.gap or dropped[1].norm in _GOING_ON or dropped[1].norm.endswith("ed")
