"""The check `human:FILE`: what people said about a row, by its id.

FILE holds label lines (`{"id", "verdict", "reviewer"}`), as `audit` takes them. A verdict is about
the bytes that were looked at: a row that was edited since has another id, and no label.
Memory: about 500 bytes a label.
"""

from __future__ import annotations

import hashlib
import json

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.labels import Label, Said, read_label
from synthgate.rows import Row
from synthgate.verifiers import Bench, Outcome, Verdict, Verifier

# `edit` is what a reviewer says of a row that is right only after a change: as it is, it is not.
_MEANS: dict[str, Outcome] = {
    "pass": "pass",
    "fail": "fail",
    "edit": "fail",
    "unsure": "abstain",
    "skip": "abstain",
}
_SHOWN = 5  # reviewers that evidence names
_LONGEST = 100  # characters of a name
NO_LABEL = Verdict("abstain", "no_label")


def build(argument: str, bench: Bench) -> Human:
    """Return the check for a file of labels, which is read once.

    Raises `InputError` for a line that is no label, or in which a reviewer contradicts another
    line of theirs.
    """
    if not argument:
        raise UsageError("--check human: name the file of labels, as in human:labels.jsonl")
    said = Said()
    for row in bench.records(argument):
        said.add(row, read_label(row), chained="prev" in row.value)
    return Human(argument, said)


class Human(Verifier):
    """Looks up what people said about a row."""

    name = "human"
    kind = "human"
    canary = False  # people looked at the row, not at one with its answer taken out

    def __init__(self, path: str, said: Said) -> None:
        self.path, self._said = path, said.by_id
        self._met: set[str] = set()
        labels = sorted(
            (e.id, e.reviewer, e.verdict) for by in self._said.values() for e in by.values()
        )
        self.config = {"labels": hashlib.sha256(json.dumps(labels).encode()).hexdigest()}

    def check(self, row: Row, _shape: Shape) -> Verdict:
        """Return what the reviewers of exactly this row agree on; abstain where they do not."""
        labels = self._said.get(row.id)
        if labels is None:
            return NO_LABEL
        self._met.add(row.id)
        outcomes = {_MEANS[label.verdict] for label in labels.values()}
        if len(outcomes) > 1:
            return Verdict("abstain", "reviewers_disagree", _shown(labels, verdicts=True))
        (outcome,) = outcomes
        if outcome == "pass":
            return Verdict("pass", "", _shown(labels))
        said = {label.verdict for label in labels.values()}
        return Verdict(outcome, f"said_{min(said, key=list(_MEANS).index)}", _shown(labels))

    def notes(self) -> list[str]:
        """Say how many labels are about no row of this run."""
        stray = len(self._said) - len(self._met)
        known = f"{self.path}: labels of {len(self._said):,} rows"
        return [f"{known}, {stray:,} of them not among these rows"] if stray else []


def _shown(labels: dict[str, Label], *, verdicts: bool = False) -> dict[str, str]:
    """Return the reviewers by name, a few of them, with what each said where they differ."""
    named = sorted(labels.values(), key=lambda label: label.reviewer)
    said = [(label.reviewer[:_LONGEST], label.verdict) for label in named[:_SHOWN]]
    texts = [f"{name}: {verdict}" if verdicts else name for name, verdict in said]
    more = [f"and {len(named) - _SHOWN} more"] if len(named) > _SHOWN else []
    return {"reviewers": ", ".join([*texts, *more])}
