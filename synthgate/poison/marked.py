"""What single rows show by themselves: characters, homoglyphs, payloads, beside the real rows.

A hidden text or a word to a grader is a finding in one row; a stray character is one in `least`
rows, below that it only ranks. What the real rows hold as often is natural.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from synthgate.poison import Finding
from synthgate.poison.characters import HIDDEN
from synthgate.poison.gathered import Mark
from synthgate.stats.compare import more_often

_NATURAL = 1e-3  # chance from which on the real rows are said to have as many
_SHOWN = 5


def marked(
    here: Sequence[Mark], real: Sequence[Mark], sizes: tuple[int, int], least: int
) -> Iterator[Finding]:
    """Yield a finding for each kind of mark; `sizes` are the rows of candidates and real ones."""
    natural = {kind: len({mark.row for mark in found}) for kind, found in _by_kind(real).items()}
    for (test, kind), found in _by_kind(here).items():
        rows = tuple(sorted({mark.row for mark in found}))
        common = natural.get((test, kind), 0)
        p = more_often(len(rows), sizes[0], len(rows) + common, sum(sizes)) if sizes[1] else 1.0
        enough = 1 if kind == HIDDEN or test == "payload" else least
        blocking = len(rows) >= enough and (not common or p < _NATURAL)
        seen = Counter(mark.text for mark in found)
        trigger = _codes(seen) if test == "characters" else ", ".join(_ranked(seen))
        beside = f", in {common:,} of {sizes[1]:,} real rows" if sizes[1] else ""
        yield Finding(test, trigger, rows, f"{kind} in {len(rows):,} rows{beside}", blocking, p)


def _by_kind(marks: Iterable[Mark]) -> dict[tuple[str, str], list[Mark]]:
    found: dict[tuple[str, str], list[Mark]] = {}
    for mark in marks:
        found.setdefault((mark.test, mark.kind), []).append(mark)
    return found


def _ranked(seen: Counter[str]) -> list[str]:
    return [text for text, _ in sorted(seen.items(), key=lambda each: (-each[1], each[0]))[:_SHOWN]]


def _codes(seen: Counter[str]) -> str:
    return " ".join(f"U+{ord(text):04X}" for text in _ranked(seen))
