"""The words that rows use much more, and much less, than real rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.measures.text import ALL, Words

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

_SHOWN = 15
_SURE = 15.1  # Dunning's G with one degree of freedom at p = 0.0001
_LONGEST = 40  # characters of a word


def vocabulary(words: Words, rows: Numbers, real: Numbers) -> dict[str, list[dict[str, Any]]]:
    """Return the over- and under-used words, the strongest evidence first.

    Shares are of all words; a word is named where Dunning's log-likelihood ratio (1993) excludes
    chance at p = 0.0001. Words of one row count as often as they stand there.
    """
    import numpy as np

    ours, theirs = (words.counts(each, ALL).astype(float) for each in (rows, real))
    total, all_theirs = max(1.0, ours.sum()), max(1.0, theirs.sum())
    usual = (ours + theirs) / (total + all_theirs)
    sure = 2 * (_information(ours, usual * total) + _information(theirs, usual * all_theirs))
    more = ours * all_theirs > theirs * total
    ratio = (ours + 0.5) / total / ((theirs + 0.5) / all_theirs)
    found = {}
    for name, side in (("over", more), ("under", ~more)):
        named = np.flatnonzero(side & (sure > _SURE))
        named = named[np.argsort(-sure[named], kind="stable")][:_SHOWN]
        found[name] = [
            {
                "word": words.names[word].decode("utf-8", "replace")[:_LONGEST],
                "rows": round(float(ours[word]) / total, 6),
                "real": round(float(theirs[word]) / all_theirs, 6),
                "ratio": round(float(ratio[word]), 3),
            }
            for word in named.tolist()
        ]
    return found


def _information(counts: Any, expected: Any) -> Any:
    import numpy as np

    return counts * np.log(np.where(counts > 0, counts, 1) / np.where(expected > 0, expected, 1))
