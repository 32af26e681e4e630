"""Weak signs, added up for each source: what no single row shows, many rows of one source can.

A source with more of a sign than all others together (binomial, Benjamini-Hochberg 1 %) comes up
with its rate and Wilson's 95 % interval. Sources differ for good reasons, too: this only ranks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from synthgate.poison import Array, Finding
from synthgate.poison.chance import benjamini_hochberg, binomial_tail
from synthgate.stats.compare import wilson

FALSE_SHARE = 0.01


def outstanding(
    sources: Sequence[str], signs: Mapping[str, Array], least: int
) -> Iterator[Finding]:
    """Yield the sources that have more of a sign than the others; `signs` are flags of all rows."""
    import numpy as np

    names = sorted(set(sources))
    if len(names) < 2:
        return
    numbers = {name: number for number, name in enumerate(names)}
    of = np.array([numbers[source] for source in sources])
    rows = np.bincount(of, minlength=len(names))
    tests: list[tuple[float, str, int, float]] = []
    for sign, flags in signs.items():
        hits = np.bincount(of[flags], minlength=len(names))
        others = (flags.sum() - hits + 1) / (len(of) - rows + 2)
        p = binomial_tail(hits, rows, others)
        tests += [
            (float(p[at]), sign, at, float(others[at]))
            for at in range(len(names))
            if hits[at] >= least
        ]
    tests.sort()
    stands = benjamini_hochberg(
        np.array([each[0] for each in tests]), len(names) * len(signs), FALSE_SHARE
    )
    for (p_value, sign, at, other), stays in zip(tests, stands, strict=True):
        if stays:
            found = tuple(np.flatnonzero((of == at) & signs[sign]).tolist())
            low, high = wilson(len(found), int(rows[at]))
            text = (
                f"{sign}: {len(found) / rows[at]:.1%} of {rows[at]:,} rows "
                f"({low:.1%} to {high:.1%}), of the other sources {other:.1%}"
            )
            yield Finding("source", names[at], found, text, blocking=False, p=p_value)
