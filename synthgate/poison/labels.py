"""Labels that a model of the real rows would not give.

The model (complement naive Bayes on words and word pairs) learns from real rows only. One that is
learnt from the candidates themselves cannot see a systematic flip: where all rows of a kind are
mislabelled alike, the wrong label is what it learns. How often it errs is measured on real rows
that it has not seen (five folds): a label is doubtful at a rank that 1 % of those exceed. Doubts
of one kind (labelled A, called B) are a flip where they are more than among the real rows (Fisher,
Bonferroni), or, if no real row shows them, more than the kinds that they show let expect
(`chance.least_unproven`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from synthgate.poison import Array, Finding
from synthgate.poison.chance import all_here, least_unproven
from synthgate.poison.grams import Grams
from synthgate.stats.compare import more_often

FOLDS = 5
DOUBT = 0.01
_FEW = 5  # real rows of a label, below which it is not judged


@dataclass(frozen=True)
class Judged:
    """What the model says of units: the `rank` of the given label, and which it would give.

    Rank 0 is the best; -1 is a label that was not judged.
    """

    given: Array
    rank: Array
    would: Array


@dataclass(frozen=True)
class Opinion:
    """The judgements of both sides, and from which rank on a label is doubtful."""

    here: Judged
    real: Judged
    limit: int

    def doubtful(self, side: Judged) -> Array:
        """Return which units have a doubtful label."""
        return side.rank >= self.limit


def opinion(
    levels: Sequence[Grams], labels: Array, folds: Array, candidates: int
) -> Opinion | None:
    """Return what a model of the real units says of all labels, None where there is no model.

    `labels` (units of both sides) are numbers, -1 for none; `folds` (real units) are 0 to 4.
    """
    import numpy as np

    words = _words(levels, len(labels))
    real = labels[candidates:]
    counts = np.bincount(real[real >= 0], minlength=int(labels.max(initial=0)) + 1)
    known = np.flatnonzero(counts >= _FEW)
    if len(known) < 2:
        return None
    inside = np.isin(real, known)
    beside = Judged(real, np.full(len(real), -1), np.full(len(real), -1))
    for fold in range(FOLDS):
        learn, ask = inside & (folds != fold), inside & (folds == fold)
        if ask.any() and len(np.unique(real[learn])) > 1:
            model = _learnt(words[candidates:][learn], real[learn])
            found = _judged(model, words[candidates:][ask], real[ask])
            beside.rank[ask], beside.would[ask] = found.rank, found.would
    here = _judged(
        _learnt(words[candidates:][inside], real[inside]), words[:candidates], labels[:candidates]
    )
    ranks = np.sort(beside.rank[beside.rank >= 0])
    limit = int(ranks[min(len(ranks) - 1, int((1 - DOUBT) * len(ranks)))]) + 1 if len(ranks) else 1
    return Opinion(here, beside, limit)


def _words(levels: Sequence[Grams], units: int) -> Any:
    import numpy as np
    from scipy.sparse import csr_matrix, hstack

    parts = [
        csr_matrix(
            (np.ones(len(grams.rows), dtype=np.float32), (grams.rows, grams.ids())),
            shape=(units, len(grams)),
        )
        for grams in levels[:2]
    ]
    return csr_matrix(hstack(parts))


def _learnt(words: Any, labels: Array) -> Any:
    from sklearn.naive_bayes import ComplementNB

    return ComplementNB().fit(words, labels)


def _judged(model: Any, words: Any, given: Array) -> Judged:
    import numpy as np

    rank, would = np.full(len(given), -1), np.full(len(given), -1)
    order = {int(label): at for at, label in enumerate(model.classes_)}
    for start in range(0, len(given), 4096):
        part = slice(start, start + 4096)
        scores = model.predict_joint_log_proba(words[part])
        at = np.array([order.get(int(label), -1) for label in given[part]], dtype=np.int64)
        own = scores[np.arange(len(at)), np.maximum(at, 0)]
        rank[part] = np.where(at >= 0, (scores > own[:, None]).sum(axis=1), -1)
        would[part] = model.classes_[scores.argmax(axis=1)]
    return Judged(given, rank, would)


def doubts(found: Opinion, names: Sequence[str], least: int, risk: float) -> Iterator[Finding]:
    """Yield systematic flips, which block, and the rows with doubtful labels, which do not."""
    import numpy as np

    bad = found.doubtful(found.here)
    here, real = _pairs(found.here, bad), _pairs(found.real, found.doubtful(found.real))
    judged = [Counter(side.given[side.rank >= 0].tolist()) for side in (found.here, found.real)]
    natural = np.array([count + here[pair] for pair, count in real.items()], dtype=np.int64)
    judged_here, judged_real = (int((s.rank >= 0).sum()) for s in (found.here, found.real))
    enough = least_unproven(natural, judged_here, judged_real, risk, least)
    for (given, would), hits in sorted(here.items(), key=lambda each: (-each[1], each[0])):
        all_of = judged[0][given] + judged[1][given]
        p = more_often(hits, judged[0][given], hits + real[given, would], all_of)
        rare = float(all_here(hits, judged_here, judged_real)) <= risk  # for few kinds to go by
        stands = p * len(here) <= risk if real[given, would] else hits >= enough and rare
        if hits >= least and stands:
            rows = np.flatnonzero(bad & (found.here.given == given) & (found.here.would == would))
            text = (
                f"{hits:,} rows labelled {names[given]!r} that a model of the real rows "
                f"calls {names[would]!r}, of the real rows {real[given, would]:,}"
            )
            trigger = f"{names[would]} as {names[given]}"
            yield Finding("flips", trigger, tuple(rows.tolist()), text, p=p)
    rows = np.flatnonzero(bad)
    if len(rows):
        text = (
            f"{len(rows) / len(bad):.2%} of the rows, of the real rows "
            f"{found.doubtful(found.real).mean():.2%}: rank {found.limit + 1} or worse"
        )
        yield Finding("labels", "", tuple(rows.tolist()), text, blocking=False)


def _pairs(side: Judged, bad: Array) -> Counter[tuple[int, int]]:
    return Counter(zip(side.given[bad].tolist(), side.would[bad].tolist(), strict=True))
