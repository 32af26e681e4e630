"""A word that comes with a certain kind of answer: the trigger of a planted behaviour, by name.

For each run of words and each value of a property of the answers, the binomial chance of so many
answers with that value, given how frequent it is overall; corrected for all runs and values
(Benjamini-Hochberg), and only where the share exceeds the overall one by `excess` in `least` rows.

That words go with answers is often natural ("python" with code, a label with its own words). What
a real row shows is natural: such a pair must be more frequent here than in the real rows (Fisher's
test, Bonferroni). A pair that no real row shows may be natural, too, and have missed the real rows
by lot. How many of those to expect, and of what size, follows from the pairs of the same property
that real rows do show (`chance.least_unproven`): where there are many, more rows are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synthgate.poison import Array, Finding
from synthgate.poison.chance import (
    benjamini_hochberg,
    binomial_tail,
    least_unproven,
)
from synthgate.poison.cover import distinct
from synthgate.poison.grams import Grams, fit_as_name, frequencies
from synthgate.stats.compare import more_often

FALSE_SHARE = 0.01
PLAIN = ("refusal", "link", "code")  # properties with one value, which says it


@dataclass(frozen=True)
class Property:
    """A value for each text, by number, -1 for none; `values` are their names."""

    name: str
    numbers: Array
    values: Sequence[str]


@dataclass(frozen=True)
class Rule:
    """From when on a word goes with an answer."""

    least: int
    excess: float
    risk: float


@dataclass(frozen=True)
class _Pairs:
    """Runs of words and values: numbers of both, texts of candidates and of real rows with both.

    `stands` tells which go together among the candidates; `natural` are the texts of those that do
    on both sides together, and that a real row shows.
    """

    grams: Array
    values: Array
    hits: Array
    real: Array
    p: Array
    stands: Array
    natural: Array


def associations(
    levels: Sequence[Grams], found: Property, names: list[str], sizes: tuple[int, int], rule: Rule
) -> Iterator[Finding]:
    """Yield a finding for each word or phrase that goes with a value of the property."""
    import numpy as np

    here = np.arange(len(found.numbers)) < sizes[0]
    named, frequency = [], frequencies(levels)
    for grams in levels:
        pairs = _pairs(grams, found, sizes[0], rule)
        least = least_unproven(pairs.natural, *sizes, rule.risk, rule.least)
        for at in np.flatnonzero(pairs.stands).tolist():
            gram, value = int(pairs.grams[at]), int(pairs.values[at])
            p = _beside_real(grams, pairs, at, least, rule)
            if p < 1.0:
                texts = grams.of(gram)
                hits = texts[(texts < sizes[0]) & (found.numbers[texts] == value)]
                name, of = grams.name(gram, names), int(grams.here[gram])
                fit, share = fit_as_name(grams, gram, frequency), _share(found, here, value)
                named.append((p, fit, name, hits, of, value, share))
    named.sort(key=lambda each: each[:3])
    for hits, each in distinct((each[3], each) for each in named):
        p, _, name, _, of, value, share = each
        what = found.values[value][:60]
        what = what if found.name in PLAIN else f"{found.name} {what!r}"
        words = f"{len(hits):,} of {of:,} rows with it answer with {what}; of all rows {share:.2%}"
        yield Finding("association", name, tuple(hits.tolist()), words, p=p)


def _share(found: Property, side: Array, value: int) -> float:
    return float((found.numbers[side] == value).mean())


def _pairs(grams: Grams, found: Property, candidates: int, rule: Rule) -> _Pairs:
    """Return the pairs of runs and values, with what the candidates show of each."""
    import numpy as np

    size = max(len(found.values), 1)
    values, here = found.numbers[grams.rows], grams.rows < candidates
    keys, places = np.unique((grams.ids() * size + values)[values >= 0], return_inverse=True)
    hits = np.bincount(places[here[values >= 0]], minlength=len(keys))
    total = np.bincount(places, minlength=len(keys))
    which, value = np.divmod(keys, size)
    side = found.numbers[:candidates]
    base = np.bincount(side[side >= 0], minlength=size)
    rate = (base / max(candidates, 1))[value]
    share = total / np.maximum(grams.here + grams.real, 1)[which]
    natural = (total > hits) & (total >= rule.least) & (share - rate > rule.excess)
    strong = hits >= rule.least
    strong &= hits / np.maximum(grams.here[which], 1) - rate > rule.excess
    p = binomial_tail(hits, grams.here[which], rate)
    tests = int((grams.here >= rule.least).sum()) * max(1, int((base >= rule.least).sum()))
    stands = np.zeros(len(keys), dtype=bool)
    stands[strong] = benjamini_hochberg(p[strong], tests, FALSE_SHARE)
    return _Pairs(which, value, hits, total - hits, p, stands, total[natural])


def _beside_real(grams: Grams, pairs: _Pairs, at: int, least: int, rule: Rule) -> float:
    """Return the chance of a pair, 1.0 where it may be natural."""
    gram, hits, real = int(pairs.grams[at]), int(pairs.hits[at]), int(pairs.real[at])
    if not real:
        return float(pairs.p[at]) if hits >= least else 1.0
    of, of_real = int(grams.here[gram]), int(grams.real[gram])
    if hits / of - real / of_real <= rule.excess:
        return 1.0
    p = more_often(hits, of, hits + real, of + of_real)
    return p if p * len(pairs.grams) <= rule.risk else 1.0
