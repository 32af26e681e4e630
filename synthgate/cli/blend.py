"""Mix verified synthetic rows with real ones at an exact fraction.

Which rows go, and their order, is drawn by hash, never by position. Synthetic rows must be
verified and fit their audit's certificate; real rows must carry no synthetic provenance and repeat
no synthetic row. Two passes: about 30 bytes a row while it reads, 60 at its peak, 190 with the
guard against near repeats; rows are copied from where they lie, stdin is kept in a temporary file.

Example: synthgate blend audited.jsonl --real real.jsonl -o train.jsonl --real-fraction 0.5
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthgate.cli.options import Command, Sourcing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synthgate.cli.blend_guards import Guards
    from synthgate.cli.common import Session
    from synthgate.cli.sides import Side
    from synthgate.config import BlendPolicy
    from synthgate.jsonl import Source
    from synthgate.mixing.table import Table
    from synthgate.near.kin import Kin
    from synthgate.near.scan import Texts
    from synthgate.stages.blend import Mixed

COMMAND = Command("blend", groups=(Sourcing,))


def run(io: Session, policy: BlendPolicy) -> None:
    """Look at both sides, plan the whole mix, say it, write it."""
    from synthgate.cli.blend_account import account, plan_lines
    from synthgate.cli.blend_guards import Guards
    from synthgate.cli.blend_wish import refuse_unknown, wish_of
    from synthgate.errors import InputError
    from synthgate.stages.blend import blend, held_back, over_caps

    wish = wish_of(policy)
    sides = _sides(io, policy)
    io.open_outputs()
    if policy.val_fraction:
        io.open("validation", policy.val_output)
    guards = Guards(io, policy, sides)
    known = _look(io, policy, sides, guards)
    refuse_unknown(policy, wish, sides)
    guards.close(known)
    for side in sides:
        side.drop(over_caps(side.table(), wish.caps), "over_cap")
    training, held = _split(io, policy, sides, known)
    del known  # most of what a guard against near repeats holds
    mixes = {"output": blend(*training, wish)}
    if held:
        mixes["validation"] = blend(*held, held_back(wish))
    for role, mix in mixes.items():
        for line in plan_lines(mix, role, policy.by, policy.balance):
            io.note(line)
    if not any(mixes["output"].counts):
        raise InputError("nothing is left to mix: no row of either side has a place in the plan")
    _write(io, sides, mixes, guards)
    io.manifest.findings = account(io, sides, mixes, guards)
    guards.compare_releases(mixes)


# --- what goes in -----------------------------------------------------------------------


def _sides(io: Session, policy: BlendPolicy) -> tuple[Side, Side]:
    """Return the real and the synthetic side, unread."""
    from synthgate.cli.sides import Side, columns

    synthetic, real = io.source(again=True), _real_source(io, policy)
    alike = not io.options.source_field
    found = [
        Side(source, io.options.seed, *fields, lengths=policy.unit == "chars", alike=alike)
        for source, *fields in zip(
            (real, synthetic), columns(policy.by), columns(policy.balance), strict=True
        )
    ]
    for side in found:
        io.callback(side.release)
    return found[0], found[1]


def _real_source(io: Session, policy: BlendPolicy) -> Source | None:
    if not policy.real:
        return None
    return io.source(policy.real, role="real", real=True, again=True)


def _look(io: Session, policy: BlendPolicy, sides: tuple[Side, Side], guards: Guards) -> Kin | None:
    """Look at every row once; return what near duplicates are told by, where it is wanted."""
    from synthgate.near.kin import kin, texts_of

    wanted = bool((policy.near_threshold and policy.real) or policy.val_fraction)
    need = wanted or policy.unit == "chars"

    def passing() -> Iterator[Texts]:
        for side, check in ((sides[1], guards.synthetic), (sides[0], guards.real)):
            for row in io.watched(iter(side.source or ())):
                flags = check(row)
                said = texts_of(row.value) if need else (None, None)
                side.add(row, said, flags)
                yield said
            side.close()
            (guards.synthetic_end if side is sides[1] else guards.real_end)()

    if wanted:
        return kin(passing(), policy.near_threshold)
    for _ in passing():
        pass
    return None


def _split(
    io: Session, policy: BlendPolicy, sides: tuple[Side, Side], known: Kin | None
) -> tuple[tuple[Table, Table], tuple[Table, Table] | None]:
    """Return (training, validation) tables, each of the real and the synthetic side."""
    from synthgate.mixing.groups import divided

    tables = sides[0].table(), sides[1].table()
    if not policy.val_fraction or known is None:
        return tables, None
    found = divided(tables, known, len(sides[1]), policy.val_fraction)
    io.note(found.words)
    return found.training, found.validation


# --- what comes out ---------------------------------------------------------------------


def _write(io: Session, sides: tuple[Side, Side], mixes: dict[str, Mixed], guards: Guards) -> None:
    """Write the mixes in their order, and what did not fit to the rejects."""
    from synthgate.rows import Decision

    io.manifest.rows_out = 0
    for role, mix in mixes.items():
        sink = io.sinks[role]
        for real, number, copy in mix.picks():
            again = f"repeated: use {copy + 1}" if copy else ""
            if real:
                sink.write(sides[0].written(number, {}, again, -1))
            else:
                sink.write(guards.written(number))
        io.manifest.rows_out += sink.rows
    for at, side in enumerate(sides):
        for number, reason in side.dropped():
            why = guards.why.get((at, number), ("", ""))
            io.reject(Decision(side.row(number), reason, *why))
    for mix in mixes.values():
        for pick, reason in mix.drops():
            io.reject(Decision(sides[0 if pick.real else 1].row(pick.number), reason))
