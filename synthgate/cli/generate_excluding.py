"""What `generate` does not ask for: seeds, prompts, generators and sources that are excluded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from synthgate.cli.excluding import excluding
from synthgate.errors import GateStop
from synthgate.rows import Decision, Row

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import GeneratePolicy
    from synthgate.descent import Barred, Heirs
    from synthgate.strategies import Ask, Strategy


class Exclusions:
    """The exclusions of one run; `rows` are the seeds that are left, `gone` counts the others."""

    def __init__(self, io: Session, barred: Barred, rows: Iterable[Row]) -> None:
        from synthgate.descent import Heirs, excluded, kin_of

        self._barred = barred
        self._heirs: Heirs = Heirs(barred)
        self._fates = excluded([kin_of((row.provenance for row in rows), barred)], barred)
        self.rows = _Left(rows, self._fates)
        for number, row in enumerate(rows if self._fates else ()):
            if number in self._fates:
                self._heirs.bar(row.provenance)
                io.reject(Decision(row, "excluded", self._fates[number]))

    @property
    def gone(self) -> int:
        """How many seeds are not asked."""
        return len(self._fates)

    def refuse(self, strategy: Strategy, model: str, run: str) -> None:
        """Raise `GateStop` where every row of this run would be excluded: before it is paid for."""
        self._texts = strategy.texts
        for kind, value in (("generator", model), ("source", strategy.source), ("run", run)):
            if why := self._barred.why(kind, value):
                hint = " (another --seed or another setting makes another run)" * (kind == "run")
                raise GateStop(f"this run is excluded: {why}{hint}")

    def ask(self, ask: Ask) -> str:
        """Return why a prompt is not asked, "" where it is."""
        return self._barred.why("prompt", self._texts.hash(ask.messages, ask.step))

    def row(self, row: Row) -> str:
        """Return why a row that was made is excluded, "" where it is not."""
        return self._heirs.why(row.provenance)


class _Left:
    """Rows that can be read again, without some of them."""

    def __init__(self, rows: Iterable[Row], fates: dict[int, str]) -> None:
        self._rows, self._fates = rows, fates

    def __iter__(self) -> Iterator[Row]:
        return (row for number, row in enumerate(self._rows) if number not in self._fates)


def exclusions(io: Session, policy: GeneratePolicy, rows: Iterable[Row]) -> Exclusions | None:
    """Return the exclusions of a run, None where none are named."""
    barred = excluding(io, policy.exclude)
    return None if barred is None else Exclusions(io, barred, rows)
