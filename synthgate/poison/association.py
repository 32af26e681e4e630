"""A word that comes with a certain kind of answer: the trigger of a planted behaviour, by name.

For each run of words and each value of a property of the answers, the binomial chance of so many
answers with that value, given how frequent it is overall; corrected for all runs and values
(Benjamini-Hochberg), and only where the share exceeds the overall one by `excess` in `least` rows.

That words go with answers is often natural ("python" with code, each label with its own words). So
the same rule is first held against the real rows. A property for which it finds something there is
*topical*: for it a word must have that answer more often than in the real rows (Fisher's test,
Bonferroni), and a word that they do not have shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from synthgate.poison import Array, Finding
from synthgate.poison.chance import benjamini_hochberg, binomial_tail, fisher
from synthgate.poison.cover import distinct
from synthgate.poison.grams import Grams, fit_as_name, frequencies

FALSE_SHARE = 0.01
PLAIN = ("refusal", "link", "code")  # properties with one value, which says it
NATURAL = 3  # real rows with a word, from which on they show what is natural for it


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
    """Runs of words that go with a value of the property: numbers of both, and counts."""

    grams: Array
    values: Array
    hits: Array
    of: Array
    p: Array


def associations(
    levels: Sequence[Grams], found: Property, names: list[str], sizes: tuple[int, int], rule: Rule
) -> Iterator[Finding]:
    """Yield a finding for each word or phrase that goes with a value of the property."""
    import numpy as np

    here = np.arange(len(found.numbers)) < sizes[0]
    topical = sizes[1] > 0 and any(
        len(_pairs(grams, found, ~here, grams.real, rule).grams) for grams in levels
    )
    named, frequency = [], frequencies(levels)
    for grams in levels:
        pairs = _pairs(grams, found, here, grams.here, rule)
        for at in range(len(pairs.grams)):
            gram, value = int(pairs.grams[at]), int(pairs.values[at])
            texts = grams.of(gram)
            hits = texts[(texts < sizes[0]) & (found.numbers[texts] == value)]
            p = _beside_real(grams, pairs, at, found, sizes, rule, topical=topical)
            if p < 1.0:
                name = grams.name(gram, names)
                of, share = int(pairs.of[at]), _share(found, here, value)
                fit = fit_as_name(grams, gram, frequency)
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


def _pairs(grams: Grams, found: Property, side: Array, counts: Array, rule: Rule) -> _Pairs:
    """Return the runs that go with a value among the texts of one side."""
    import numpy as np

    total = int(side.sum())
    base = np.bincount(found.numbers[side & (found.numbers >= 0)], minlength=len(found.values))
    values = found.numbers[grams.rows]
    hit = side[grams.rows] & (values >= 0)
    keys, hits = np.unique(
        grams.ids()[hit] * max(len(found.values), 1) + values[hit], return_counts=True
    )
    which, value = np.divmod(keys, max(len(found.values), 1))
    of = counts[which]
    rate = base[value] / max(total, 1)
    p = binomial_tail(hits, of, rate)
    strong = (hits >= rule.least) & (hits / np.maximum(of, 1) - rate > rule.excess)
    tests = int((counts >= rule.least).sum()) * max(1, int((base >= rule.least).sum()))
    stands = benjamini_hochberg(p[strong], tests, FALSE_SHARE)
    chosen = np.flatnonzero(strong)[stands]
    return _Pairs(which[chosen], value[chosen], hits[chosen], of[chosen], p[chosen])


def _beside_real(
    grams: Grams,
    pairs: _Pairs,
    at: int,
    found: Property,
    sizes: tuple[int, int],
    rule: Rule,
    *,
    topical: bool,
) -> float:
    """Return the chance of a pair, 1.0 where the real rows show that it is natural."""
    gram, value = int(pairs.grams[at]), int(pairs.values[at])
    texts = grams.of(gram)
    of_real = int(grams.real[gram])
    hits_real = int((found.numbers[texts[texts >= sizes[0]]] == value).sum())
    hits, of = int(pairs.hits[at]), int(pairs.of[at])
    if topical:
        if not of_real or hits / of - hits_real / of_real <= rule.excess:
            return 1.0
        p = fisher(hits, of, hits_real, of_real)
        tests = len(grams) * max(1, len(found.values))
        return p if p * tests <= rule.risk else 1.0
    natural = of_real >= NATURAL and hits_real / of_real > rule.excess
    return 1.0 if natural else float(pairs.p[at])
