"""How likely it is by chance, for many things at once: tails of distributions, a correction.

numpy and scipy.special only: scipy.stats takes a second to import.
"""

from __future__ import annotations

from synthgate.poison import Array


def binomial_tail(hits: Array, of: Array, rate: Array | float) -> Array:
    """Return P(at least `hits` of `of`) where each is a hit with `rate`."""
    import numpy as np
    from scipy.special import betainc

    hits, of = np.asarray(hits, dtype=float), np.asarray(of, dtype=float)
    inside = betainc(np.maximum(hits, 1), np.maximum(of - hits + 1, 1e-9), rate)
    return np.where(hits <= 0, 1.0, inside)


def all_here(totals: Array, candidates: int, real: int) -> Array:
    """Return P(all of `total` texts are candidates) where texts are dealt out by lot.

    Hypergeometric, exact: of `candidates` + `real` texts, `total` have something; the chance that
    none of those is a real one.
    """
    import numpy as np
    from scipy.special import gammaln

    totals = np.asarray(totals, dtype=float)
    fits = totals <= candidates
    some = np.where(fits, totals, 0)
    everyone = candidates + real
    log = gammaln(candidates + 1) - gammaln(candidates - some + 1)
    log += gammaln(everyone - some + 1) - gammaln(everyone + 1)
    return np.where(fits, np.exp(log), 0.0)


def least_unproven(totals: Array, candidates: int, real: int, risk: float, least: int) -> int:
    """Return from which count on something that no real text has is no natural thing unproven.

    `totals` are the texts of each natural thing of its kind, natural because a real text has it. Of
    things of that size, a share q = `all_here` has no real text by lot: for each that is proven,
    q / (1 - q) are expected that are not. Those of the count or more add up to `risk` at most.
    """
    import numpy as np

    sizes = np.bincount(np.asarray(totals, dtype=np.int64), minlength=least + 1)
    unseen = all_here(np.arange(len(sizes)), candidates, real)
    expected = sizes * unseen / np.maximum(1 - unseen, 1e-12)
    beyond = np.append(np.cumsum(expected[::-1])[::-1], 0.0)
    return max(least, int(np.flatnonzero(beyond <= risk)[0]))


def benjamini_hochberg(p: Array, tests: int, rate: float) -> Array:
    """Return which of some p-values stand, of `tests` in all, with a false share of `rate`.

    Benjamini and Hochberg 1995. The tests that are not among `p` count as the largest.
    """
    import numpy as np

    order = np.argsort(p, kind="stable")
    under = p[order] <= rate * np.arange(1, len(p) + 1) / max(tests, 1)
    stands = np.zeros(len(p), dtype=bool)
    if under.any():
        stands[order[: int(np.flatnonzero(under)[-1]) + 1]] = True
    return stands
