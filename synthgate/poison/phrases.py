"""Words and phrases that the real rows never use, though they would by chance.

If candidates and real rows came from one place, each text with a phrase would be a candidate by
lot. So the chance that all of its texts are candidates is known exactly, whatever the texts are
like (hypergeometric; a permutation test). The least count that is called new is the smallest at
which the expected number of phrases that pass by chance, over all phrases that the rows have, is
at most `risk`. It is at least 6.9 n/m for n candidates and m real rows (a chance of 1e-3 for one
phrase): a trigger in fewer rows is not seen here.

What stands in most of the candidates only ranks: it is the manner of the set. A trigger tells some
rows from the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from synthgate.poison import Finding, Limits
from synthgate.poison.chance import all_here
from synthgate.poison.cover import distinct
from synthgate.poison.grams import Grams, fit_as_name, frequencies

MANNER = 0.5  # of the candidates; a phrase in more of them is no trigger


def least_count(grams: Grams, candidates: int, real: int, risk: float, least: int) -> int:
    """Return in how many candidates a run of words must stand to be new, none by chance.

    `risk` bounds the expected number of runs that pass by chance.
    """
    import numpy as np

    totals = np.bincount(grams.here + grams.real, minlength=least + 1)
    counts = np.arange(len(totals))
    expected = np.cumsum((totals * all_here(counts, candidates, real))[::-1])[::-1]
    passing = np.flatnonzero(expected <= risk)
    found = int(passing[0]) if len(passing) else len(totals)
    alone = np.flatnonzero(all_here(np.arange(candidates + 2), candidates, real) <= risk)
    return max(found, least, int(alone[0]))


def new_phrases(
    levels: Sequence[Grams],
    names: list[str],
    sizes: tuple[int, int],
    risk: float,
    least: int,
    limits: Limits,
    where: str,
) -> Iterator[Finding]:
    """Yield a finding for each word or phrase that is new, of those that share texts the first.

    `sizes` are the numbers of candidates and of real rows; `where` says what was looked at.
    """
    import numpy as np

    candidates, real = sizes
    found, seen, frequency = [], [], frequencies(levels)
    for grams in levels:
        count = least_count(grams, candidates, real, risk, least)
        seen.append(count)
        new = np.flatnonzero((grams.real == 0) & (grams.here >= count))
        found += [
            (grams.of(gram), grams.name(gram, names), fit_as_name(grams, gram, frequency))
            for gram in new.tolist()
        ]
    limits.say(
        f"new words and phrases of {where}s: with {real:,} real rows this test sees a word in "
        f"{seen[0]:,} or more of {candidates:,} rows, two in {seen[1]:,}, three in {seen[2]:,}"
    )
    found.sort(key=lambda each: (-len(each[0]), each[2], each[1]))
    for rows, name in distinct((rows, name) for rows, name, _ in found):
        chance = float(all_here(len(rows), candidates, real))
        words = f"in {len(rows):,} of {candidates:,} {where}s, in none of {real:,} real ones"
        blocking = len(rows) <= MANNER * candidates
        yield Finding("new-phrase", name, tuple(rows.tolist()), words, blocking, chance)
