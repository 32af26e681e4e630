"""What a blend refuses, drops and records: the guards, row by row and once all rows are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from synthgate import descent
from synthgate.cli import blend_proof
from synthgate.cli.excluding import excluding
from synthgate.cli.settings import load_config
from synthgate.cli.sides import ASSUMED, OWN, Side
from synthgate.errors import InputError, Stale
from synthgate.mixing.choice import EXCLUDED, REPEATS, REPEATS_REAL
from synthgate.mixing.guards import guard_real, guard_synthetic
from synthgate.near.kin import texts_of
from synthgate.near.scan import Texts
from synthgate.near.twins import candidates, twins
from synthgate.rows import Row

if TYPE_CHECKING:
    from synthgate.cli.common import Session
    from synthgate.config import BlendPolicy
    from synthgate.near.kin import Kin
    from synthgate.rows import Provenance
    from synthgate.stages.blend import Mixed


REAL, SYNTHETIC = range(2)  # the sides, by their place


class Guards:
    """The guards of one blend. `why` has (detail, survivor) of rows that they drop."""

    def __init__(self, io: Session, policy: BlendPolicy, sides: tuple[Side, Side]) -> None:
        self._io, self._policy, self._sides = io, policy, sides
        self._ids, self._own_ids = blend_proof.Ids(), blend_proof.Ids()
        self._own: dict[str, bool] = {}
        self._own_models = (*policy.own_model, *_declared(io))
        self._waiting = ""
        self.marks: list[str] = []
        self.why: dict[tuple[int, int], tuple[str, str]] = {}
        self._named, self._kin = excluding(io, policy.exclude), descent.Kin()
        self._last = policy.last_release

    # --- row by row ---------------------------------------------------------------------

    def synthetic(self, row: Row) -> int:
        """Check a synthetic row; return what is to be recorded in it."""
        said = row.provenance
        own = self._own.get(said.generator)
        if own is None:
            name, known = said.generator, self._own_models
            own = any(name == each or fnmatchcase(name, each) for each in known)
            self._own[name] = own
        guard_synthetic(row, self._policy, own)
        if said.needs == "human" and not self._waiting:
            self._waiting = f"{row.file}:{row.line}"
        (self._own_ids if own else self._ids).add(said.id)
        self._look(said)
        return (ASSUMED if said.generation < 0 else 0) | (OWN if own else 0)

    def real(self, row: Row) -> int:
        """Check a real row."""
        guard_real(row)
        self._look(row.provenance)
        return 0

    def _look(self, said: Provenance) -> None:
        """Look at the descent of a row: the synthetic ones come first."""
        if self._named is not None:
            self._kin.look(said, self._named.of(said))

    def synthetic_end(self) -> None:
        """Check the set of synthetic rows; in a pipe the gate writes the certificate at its end."""
        policy = self._policy
        if not len(self._sides[1]):
            raise InputError("no synthetic rows: nothing came through the gate")
        if policy.unaudited:
            self._unaudited()
        else:
            self._audited()
        if policy.no_real:
            self.marks.append(f"no real rows: {policy.no_real}")

    def real_end(self) -> None:
        """Check that real rows which were named are there."""
        side = self._sides[0]
        if side.source is not None and not len(side):
            raise InputError(f"{', '.join(side.source.paths)}: no real rows")

    # --- the audit ----------------------------------------------------------------------

    def _unaudited(self) -> None:
        if self._waiting:
            raise Stale(f"{self._waiting}: needs a person's verdict, and no certificate shows one")
        self.warn(f"the synthetic rows are not shown to be audited: {self._policy.unaudited}")
        self.marks.append(f"unaudited: {self._policy.unaudited}")

    def _audited(self) -> None:
        """Check the certificates: one for the rows of our own models, one for all others."""
        policy = self._policy
        path = policy.certificate or blend_proof.default_certificate()
        if len(self._own_ids):
            own = policy.own_certificate or ("" if len(self._ids) else path)
            if not own:
                raise Stale(
                    "the rows of our own models need an audit of their own: --own-certificate FILE"
                )
            blend_proof.check(self._io, own, self._own_ids, policy)
        if not len(self._ids):
            return
        if not path:
            raise Stale(
                "no certificate shows that the synthetic rows were audited: --certificate FILE, "
                "$SYNTHGATE_RUN_DIR/certificate.json, or --unaudited REASON"
            )
        blend_proof.check(self._io, path, self._ids, policy)

    def warn(self, text: str) -> None:
        """Say that a guard is off, to those who asked for silence too."""
        if self._io.quiet:
            self._io.say(f"{self._io.manifest.stage}: {text}")
        self._io.note(text)

    # --- once all rows are known --------------------------------------------------------

    def close(self, known: Kin | None) -> None:
        """Drop what is excluded; refuse or drop real rows that repeat synthetic ones."""
        if self._named is not None:
            for number, why in descent.excluded([self._kin], self._named).items():
                self._drop(number, EXCLUDED, why, "")
            self._kin = descent.Kin()
        losing = SYNTHETIC if self._policy.on_repeat == "keep-real" else REAL
        found = self._near(known, losing) | self._equal(losing)
        if found and self._policy.on_repeat == "error":
            number = min(found)
            detail, _ = found[number]
            more = f" ({len(found) - 1:,} more real rows do so)" if len(found) > 1 else ""
            raise InputError(
                f"{self._sides[REAL].place(number)}: {detail}: a copy of a synthetic row is not "
                f"real data{more}; --on-repeat reject drops it, keep-real the synthetic row"
            )
        reason = REPEATS if losing == REAL else REPEATS_REAL
        for number, (detail, survivor) in sorted(found.items()):
            self._drop(self._first(losing) + number, reason, detail, survivor)

    def _first(self, side: int) -> int:
        """Return the number of a side's first row among all: synthetic ones come first."""
        return len(self._sides[SYNTHETIC]) if side == REAL else 0

    def _drop(self, number: int, reason: int, detail: str, survivor: str) -> None:
        """Drop a row by its number among all, the synthetic ones first."""
        count = len(self._sides[1])
        at, own = (1, number) if number < count else (0, number - count)
        self._sides[at].reasons[own] = reason
        self.why[at, own] = detail, survivor

    def _equal(self, losing: int) -> dict[int, tuple[str, str]]:
        """Return the rows of a side that are one of the other byte for byte: equal ids and lots."""
        side, other = self._sides[losing], self._sides[1 - losing]
        lots, ours = other.lots, side.lots
        if not len(lots):
            return {}
        order = np.argsort(lots, kind="stable").astype(np.uint32)
        lots, found = lots[order], {}
        at = np.minimum(np.searchsorted(lots, ours), len(lots) - 1).astype(np.uint32)
        for number in np.flatnonzero(lots[at] == ours).tolist():
            row, rival = side.row(number), int(order[at[number]])
            if not side.reasons[number] and other.row(rival).id == row.id:
                found[number] = f"is also {other.place(rival)}", row.id
        return found

    def _near(self, known: Kin | None, losing: int) -> dict[int, tuple[str, str]]:
        """Return the rows of a side whose texts are near those of a row of the other."""
        threshold, count = self._policy.near_threshold, len(self._sides[SYNTHETIC])
        if known is None or not threshold or not self._policy.real:
            return {}
        gone = np.concatenate([self._sides[SYNTHETIC].reasons, self._sides[REAL].reasons]) > 0
        rows = np.flatnonzero(~gone & known.written)
        synthetic, real = rows[rows < count], rows[rows >= count]
        rivals, losers = (synthetic, real) if losing == REAL else (real, synthetic)
        start, other = self._first(losing), self._sides[1 - losing]
        found: dict[int, tuple[str, str]] = {}
        for pairs in candidates(known, rivals, losers):
            for one, loser, similarity in twins(pairs, self._texts, threshold):
                rival, number = one - self._first(1 - losing), loser - start
                if number not in found:
                    detail = f"repeats {other.place(rival)} (similarity {similarity:.3f})"
                    found[number] = detail, other.row(rival).id
        return found

    def _texts(self, numbers: Sequence[int]) -> Iterator[Texts]:
        count = len(self._sides[1])
        for number in numbers:
            at, own = (1, number) if number < count else (0, number - count)
            yield texts_of(self._sides[at].row(own).value)

    # --- what is written ----------------------------------------------------------------

    def recorded(self) -> dict[int, str]:
        """Return what is recorded in rows of some kinds, by their flag."""
        assumed = f"generation assumed: {self._policy.assume_generation}"
        return {ASSUMED: assumed, OWN: f"own model: {self._policy.allow_own_model}"}

    def written(self, number: int) -> bytes:
        """Return the line that a synthetic row is written as."""
        mark = "; ".join(self.marks)
        generation = self._policy.assume_generation
        return self._sides[1].written(number, self.recorded(), mark, generation)

    def overrides(self) -> list[str]:
        """Return every reason that stands in some synthetic row because of this blend."""
        flagged = self._sides[1].flagged
        return [text for flag, text in self.recorded().items() if flag & flagged] + self.marks

    def compare_releases(self, mixes: dict[str, Mixed]) -> None:
        """Warn of real rows of the last release that are not in this one."""
        if self._last:
            from synthgate.cli.blend_release import missing

            real = [mix.sides[0].lots[mix.uses[0] > 0] for mix in mixes.values()]
            found = missing(self._io, self._last, np.concatenate(real), self._sides[0].lots)
            self._io.manifest.findings["last_release"] = found.counts
            if found.words:
                self.warn(found.words)


def _declared(io: Session) -> Iterator[str]:
    """Yield the models that the configuration says we tuned ourselves."""
    for name, said in load_config(io.options.config).get("models", {}).items():
        if said.get("own") or said.get("tuned_on"):
            yield name
