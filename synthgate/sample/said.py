"""What people said about a sample, checked line by line against its plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from synthgate.errors import Stale
from synthgate.labels import WORST_FIRST, Chain, Label, Said, read_label
from synthgate.rows import Row
from synthgate.sample.plan import AuditPlan


class Labels:
    """The labels of one plan, checked line by line as they are added.

    `chains` says of each file where its log stands, None for a plain file of label lines.
    """

    def __init__(self, plan: AuditPlan) -> None:
        self.plan = plan
        self.chains: dict[str, Chain | None] = {}
        self._sample = set(plan.sample)
        self._said = Said()

    def add(self, row: Row) -> bool:
        """Add one label line; return False where it says again what is known.

        Raises `InputError` when it is no label or contradicts an earlier one of its reviewer, and
        `Stale` when it is about another sample or does not follow the line before it.
        """
        label = read_label(row)
        where = f"{row.file}:{row.line}"
        linked = "prev" in row.value or "seq" in row.value
        chain = self.chains.setdefault(row.file, Chain(self.plan.plan) if linked else None)
        if chain is not None:
            chain.follow(row.raw, row.value, where)
        elif linked:
            raise Stale(f"{where}: is a line of a label log, and those before it are not")
        if row.value.get("plan", self.plan.plan) != self.plan.plan:
            raise Stale(f"{where}: is a label for another plan")
        if label.id not in self._sample:
            raise Stale(f"{where}: {label.id[:64]} is not in the plan's sample")
        return self._said.add(row, label, chained=chain is not None)

    @property
    def head(self) -> str:
        """The SHA-256 of the last line of a label log, "" where the labels are no log."""
        chains = list(self.chains.values())
        return chains[0].head if len(chains) == 1 and chains[0] is not None else ""

    @property
    def changed(self) -> int:
        """How many verdicts were taken back with a later line."""
        return self._said.changed

    @property
    def to_pass(self) -> int:
        """How many verdicts were taken back and became a pass."""
        return self._said.to_pass

    def looks(self) -> Iterator[tuple[str, str, int]]:
        """Yield (row id, reviewer, milliseconds of the longest look) of passes with a time."""
        for (row_id, reviewer), ms in self._said.looked.items():
            if self._said.by_id[row_id][reviewer].verdict == "pass":
                yield row_id, reviewer, ms

    def of(self, row_id: str) -> dict[str, str]:
        """Return {reviewer: verdict} of one row."""
        return {who: label.verdict for who, label in self._said.by_id.get(row_id, {}).items()}

    @property
    def reviewers(self) -> list[str]:
        """The names of everybody who labelled."""
        return sorted({name for labels in self._said.by_id.values() for name in labels})

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each labelled id: the worst one given, so that any doubt counts."""
        return {
            row_id: min((each.verdict for each in labels.values()), key=WORST_FIRST.index)
            for row_id, labels in self._said.by_id.items()
        }

    @property
    def digest(self) -> str:
        """SHA-256 over what was said: `[id, verdict, reviewer]` a line, in the order of `lines`."""
        digest = hashlib.sha256()
        for label in self._ordered():
            said = json.dumps([label.id, label.verdict, label.reviewer], separators=(",", ":"))
            digest.update(said.encode() + b"\n")
        return digest.hexdigest()

    def lines(self) -> Iterator[bytes]:
        """Yield a label log: what each reviewer said last, in the order of the sample."""
        chain = Chain(self.plan.plan)
        for label in self._ordered():
            said = {"id": label.id, "verdict": label.verdict, "reviewer": label.reviewer}
            yield chain.seal({**said, "plan": self.plan.plan, **label.more})

    def _ordered(self) -> Iterator[Label]:
        for row_id in dict.fromkeys(self.plan.sample):
            yield from (label for _, label in sorted(self._said.by_id.get(row_id, {}).items()))


def looked_at(
    plan: AuditPlan, verdicts: Mapping[str, str], main: Sequence[str] = ()
) -> tuple[tuple[str, ...], int]:
    """Return the sampled ids on which a precision may be measured, and in how many looks.

    `main` are the ids that decide, where planted rows or those of slices stand among the sample.

    Labelling may end at a pass point, at the failure that stops the audit, or with the sample; at
    any other point somebody may have chosen to end it. With all labels there, all count.
    """
    sample = tuple(main) or plan.sample
    looks = len({*plan.pass_points, len(sample)}) + 1
    if all(row_id in verdicts for row_id in sample):
        return sample, looks
    failures = 0
    for number, row_id in enumerate(sample, 1):
        if row_id not in verdicts:
            break
        failures += verdicts[row_id] != "pass"
        if failures >= plan.stop_at_failures or number >= plan.pass_points[failures]:
            return sample[:number], looks
    return (), looks
