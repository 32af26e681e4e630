"""Whether a program printed what a case expects."""

from __future__ import annotations

from synthgate.sandbox.inside.same import close


def printed_same(printed: str, expected: str) -> bool:
    """Tell whether two outputs are the same but for white space and the last digits of floats.

    Words are compared in order; two that are both decimal numbers with a point or an exponent may
    differ by 1e-9 of their size.
    """
    if printed.strip() == expected.strip():
        return True
    ours, theirs = printed.split(), expected.split()
    return len(ours) == len(theirs) and all(map(_same_word, ours, theirs))


def _same_word(ours: str, theirs: str) -> bool:
    if ours == theirs:
        return True
    if not (_is_decimal(ours) and _is_decimal(theirs)):
        return False
    try:
        return close(float(ours), float(theirs))
    except ValueError:
        return False


def _is_decimal(word: str) -> bool:
    return len(word) < 400 and any(mark in word for mark in ".eE") and "_" not in word
