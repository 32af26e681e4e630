"""A check of one's own, as another package would bring it: a small model that saw real rows only.

`--check real-model:K:FILE` passes a row whose label (its response) is among the K labels that the
model finds most likely for its text (its prompt). The model is a complement naive Bayes on
character n-grams of the rows of FILE: no kin of the trigram generator, nor of the student.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.verifiers import PASS, Bench, Verdict, Verifier


def build(argument: str, bench: Bench) -> RealModel:
    """Return the check of `K:FILE`."""
    most, _, path = argument.partition(":")
    if not path or not most.isdecimal() or not int(most):
        raise UsageError(f"--check real-model:{argument}: say how many labels, and which real rows")
    rows, shape = bench.rows(path)
    pairs = [(shape.prompt(row.value) or "", shape.response(row.value) or "") for row in rows]
    return RealModel(int(most), pairs)


class RealModel(Verifier):
    """Looks the label up among the most likely ones; all texts are scored at once beforehand."""

    name = "real-model"
    looks_ahead = True

    def __init__(self, most: int, pairs: list[tuple[str, str]]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.naive_bayes import ComplementNB

        self._most, self.config = most, [most, sorted(pairs)]
        self._words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
        self._model = ComplementNB(alpha=0.1)
        self._model.fit(
            self._words.fit_transform([text for text, _ in pairs]), [y for _, y in pairs]
        )
        self._likely: dict[str, frozenset[str]] = {}

    def prepare(self, rows: Iterable[Row], shape: Shape) -> None:
        """Score the texts of all rows."""
        self._score({shape.prompt(row.value) or "" for row in rows})

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Pass a row whose label is a likely one."""
        text = shape.prompt(row.value) or ""
        if text not in self._likely:
            self._score({text})
        likely = shape.response(row.value) in self._likely[text]
        return PASS if likely else Verdict("fail", "unlikely_label")

    def _score(self, texts: set[str]) -> None:
        """Note the most likely labels of each text."""
        asked, labels = sorted(texts), self._model.classes_
        if not asked:
            return
        scores = self._model.predict_joint_log_proba(self._words.transform(asked))
        best = np.argsort(-scores, axis=1, kind="stable")[:, : self._most]
        self._likely |= {t: frozenset(labels[at]) for t, at in zip(asked, best, strict=True)}
