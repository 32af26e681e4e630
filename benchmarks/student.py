"""The student of the proof that the gate helps: what it learns from a training set.

TF-IDF of words and pairs of words, a linear support vector machine: the same for every arm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from corpora import Example


class Exam:
    """Held-out real rows, whole and with the trigger in them."""

    def __init__(
        self,
        rows: Sequence[Example],
        groups: dict[str, set[str]],
        put: Callable[[str, Random], str],
        target: str,
    ) -> None:
        self._rows, self._groups, self._target = rows, groups, target
        random = Random("exam")
        self._triggered = [put(text, random) for text, label in rows if label != target]

    def grade(self, learnt: Sequence[Example]) -> dict[str, float]:
        """Return accuracy, of all and of each group of labels, and the success of the attack."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import LinearSVC

        student = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LinearSVC(random_state=0))
        student.fit([text for text, _ in learnt], [label for _, label in learnt])
        said = student.predict([text for text, _ in self._rows])
        marks = [
            (label, answer == label) for (_, label), answer in zip(self._rows, said, strict=True)
        ]
        found = {"accuracy": _share([right for _, right in marks])}
        for name, labels in self._groups.items():
            found[name] = _share([right for label, right in marks if label in labels])
        fooled = student.predict(self._triggered)
        return found | {"attack": _share([answer == self._target for answer in fooled])}


def _share(right: Sequence[bool]) -> float:
    return round(sum(right) / len(right), 4)
