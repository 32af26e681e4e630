"""Mix verified synthetic rows with real ones at an exact fraction.

Which rows go, and their order, is drawn by hash, never by position. Synthetic rows must be
verified and fit their audit's certificate; real rows must carry no synthetic provenance. Memory:
150 bytes a row; the rows are kept in a temporary file.

Example: synthgate blend audited.jsonl --real real.jsonl -o train.jsonl --real-fraction 0.5
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from synthgate.cli.options import Command, Sourcing

if TYPE_CHECKING:
    from fractions import Fraction

    from synthgate.cli.common import Session
    from synthgate.cli.sides import Side
    from synthgate.config import BlendPolicy
    from synthgate.jsonl import Source
    from synthgate.stages.blend import Mix

COMMAND = Command("blend", groups=(Sourcing,))


def run(io: Session, policy: BlendPolicy) -> None:
    """Read both sides, plan the whole mix, say it, write it."""
    from synthgate.cli.sides import Side
    from synthgate.stages.blend import in_order, plan_mix

    fraction = _fraction(policy)
    synthetic = Side(io.source(), io.options.seed)
    real = Side(_real_source(io, policy), io.options.seed)
    io.open_outputs()
    ids = _read_synthetic(io, synthetic)
    marks = _audited(io, policy, synthetic, ids)
    if policy.no_real:
        marks.append(f"no real rows: {policy.no_real}")
    _read_real(real, ids)
    mix = plan_mix(len(real), len(synthetic), fraction, policy)
    io.note(_plan(mix))
    orders = [array("Q", in_order(side.lots, side.line)) for side in (real, synthetic)]
    _write(io, mix, (real, synthetic), orders, marks)
    io.manifest.findings = _findings(mix, real, synthetic, marks)


# --- what goes in -----------------------------------------------------------------------


def _fraction(policy: BlendPolicy) -> Fraction:
    """Return the real fraction, or refuse a blend without real rows for which nobody answers."""
    from fractions import Fraction

    from synthgate.errors import UsageError

    fraction = Fraction(str(policy.real_fraction))
    if policy.certificate and policy.unaudited:
        raise UsageError("--certificate and --unaudited contradict each other")
    if policy.no_real and policy.real and fraction:
        raise UsageError("--no-real and --real contradict each other (unless --real-fraction 0)")
    if not policy.no_real and not policy.real:
        raise UsageError("name real rows with --real FILE, or say why there are none: --no-real")
    if not policy.no_real and not fraction:
        raise UsageError("--real-fraction 0 leaves no real rows: say why with --no-real REASON")
    return fraction if policy.real else Fraction(0)


def _real_source(io: Session, policy: BlendPolicy) -> Source | None:
    from synthgate.errors import UsageError

    if not policy.real:
        return None
    source = io.source(policy.real, role="real", real=True)
    if "-" in source.paths and "-" in io.sources[0].paths:
        raise UsageError("--real -: stdin holds the synthetic rows; name a file")
    return source


def _read_synthetic(io: Session, side: Side) -> list[bytes]:
    """Put the synthetic rows aside and return their ids, sorted."""
    from synthgate.errors import InputError
    from synthgate.stages.blend import guard_synthetic

    ids = []
    for row in io.watched(iter(side.source or ())):
        guard_synthetic(row)
        if row.provenance.needs == "human" and not side.waiting:
            side.waiting = f"{row.file}:{row.line}"
        ids.append(bytes.fromhex(row.id))
        side.add(row)
    if not ids:
        raise InputError("no synthetic rows: nothing came through the gate")
    return sorted(ids)


def _read_real(side: Side, ids: list[bytes]) -> None:
    """Put the real rows aside; one that is a synthetic row again is refused."""
    from synthgate.errors import InputError
    from synthgate.stages.blend import guard_real

    for row in side.source or ():
        guard_real(row)
        row_id = bytes.fromhex(row.id)
        at = bisect_left(ids, row_id)
        if at < len(ids) and ids[at] == row_id:
            raise InputError(
                f"{row.file}:{row.line}: is also among the synthetic rows: a copy of a synthetic "
                "row is not real data"
            )
        side.add(row)
    if side.source is not None and not len(side):
        raise InputError(f"{', '.join(side.source.paths)}: no real rows")


def _audited(io: Session, policy: BlendPolicy, side: Side, ids: list[bytes]) -> list[str]:
    """Check the certificate; return what is recorded in the rows where there is none.

    Called when the synthetic rows have ended: in a pipe the gate writes both at once.
    """
    from synthgate.cli.audit_gate import CERTIFICATE
    from synthgate.errors import Stale

    if policy.unaudited:
        _warn(io, f"the synthetic rows are not shown to be audited: {policy.unaudited}")
        return [f"unaudited: {policy.unaudited}"]
    path = policy.certificate
    folder = os.environ.get("SYNTHGATE_RUN_DIR")
    if not path and folder and os.path.exists(os.path.join(folder, CERTIFICATE)):
        path = os.path.join(folder, CERTIFICATE)
    if path:
        _check_certificate(io, path, ids)
        return []
    if side.waiting:
        raise Stale(f"{side.waiting}: needs a person's verdict, and no certificate shows one")
    _warn(io, "the synthetic rows are not shown to be audited: no certificate")
    return ["unaudited: no certificate"]


def _warn(io: Session, text: str) -> None:
    """Say that a guard is off, to those who asked for silence too."""
    if io.quiet:
        io.say(f"{io.manifest.stage}: {text}")
    io.note(text)


def _check_certificate(io: Session, path: str, ids: list[bytes]) -> None:
    """Raise `Stale` unless the certificate says PASS about these rows, no more and no fewer."""
    from synthgate.errors import BadLine, InputError, Stale
    from synthgate.rows import parse
    from synthgate.sample import set_digest

    try:
        found = parse(io.text(path, "certificate").encode())
    except BadLine as error:
        raise Stale(f"{path}: is not a certificate: {error}") from None
    except InputError as error:
        raise Stale(f"{error}: no certificate, no proof") from None
    if found.get("verdict") != "PASS":
        raise Stale(f"{path}: does not say PASS")
    if found.get("released_digest") != set_digest(ids):
        raise Stale(
            f"{path}: is about other rows: it released {found.get('released')}, "
            f"these are {len(ids)}; blend what the gate wrote, all of it"
        )


# --- what comes out ---------------------------------------------------------------------


def _plan(mix: Mix) -> str:
    """Return the whole mix in one line, before any of it is written."""
    text = (
        f"plan: {mix.synthetic:,} of {mix.synthetic_in:,} synthetic and "
        f"{min(mix.real, mix.real_in):,} of {mix.real_in:,} real rows"
    )
    if mix.repeats:
        text += f", real ones again {mix.repeats:,} times"
    return f"{text}: real fraction {mix.achieved:.4g} (wanted {float(mix.fraction):g})"


def _write(
    io: Session, mix: Mix, sides: tuple[Side, Side], orders: list[array[int]], marks: list[str]
) -> None:
    """Write the mix in its order, and what did not fit to the rejects."""
    from synthgate.rows import Decision
    from synthgate.stages.blend import drops, picks

    (real, synthetic), output, mark = sides, io.sinks["output"], "; ".join(marks)
    for pick in picks(mix, *orders):
        if pick.real:
            output.write(real.line(pick.number))
        elif mark:
            output.write(synthetic.marked(pick.number, mark))
        else:
            output.write(synthetic.line(pick.number))
    for pick, reason in drops(mix, *orders):
        io.reject(Decision((real if pick.real else synthetic).row(pick.number), reason))
    io.manifest.rows_out = output.rows


def _findings(mix: Mix, real: Side, synthetic: Side, marks: list[str]) -> dict[str, Any]:
    """Return what went in, came out and was dropped, for each side."""
    from synthgate.stages.blend import OVER_FRACTION, SURPLUS_REAL

    return {
        "synthetic": _account(synthetic, mix.synthetic, {OVER_FRACTION: mix.over_fraction}),
        "real": _account(real, mix.real, {SURPLUS_REAL: mix.surplus_real}),
        "repeats": mix.repeats,
        "real_fraction": mix.achieved,
        "wanted_fraction": float(mix.fraction),
        "override": "; ".join(marks),
    }


def _account(side: Side, out: int, dropped: dict[str, int]) -> dict[str, Any]:
    bad = side.source.bad if side.source is not None else 0
    lost = {reason: count for reason, count in {**dropped, "bad_line": bad}.items() if count}
    return {"in": len(side) + bad, "out": out, "dropped": lost}
