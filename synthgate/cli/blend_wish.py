"""What the settings of a blend ask for, or why they cannot be followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from fractions import Fraction
from typing import TypeVar

from synthgate.cli.sides import Side
from synthgate.config import BlendPolicy
from synthgate.errors import UsageError
from synthgate.mixing.counts import Shortage
from synthgate.stages.blend import Wish

Number = TypeVar("Number", int, Fraction)


def wish_of(policy: BlendPolicy) -> Wish:
    """Return what is wanted of the mix; raises `UsageError` where settings contradict."""
    _refuse(policy)
    weights = _named("weight", policy.weight, Fraction, "a number above 0")
    if weights and (policy.by or policy.unit == "chars"):
        raise UsageError("--weight divides the rows of a side: it goes with neither --by nor chars")
    if any(weight <= 0 for weight in weights.values()):
        raise UsageError("--weight must be a number above 0; --cap NAME=0 leaves a source out")
    return Wish(
        Fraction(str(policy.real_fraction)) if policy.real else Fraction(0),
        Shortage(policy.on_shortage, policy.max_repeats),
        weights,
        _named("cap", policy.cap, int, "a whole number"),
        policy.unit == "chars",
        policy.epoch,
        bool(policy.balance),
    )


def _refuse(policy: BlendPolicy) -> None:
    """Refuse a blend without real rows for which nobody answers, and what contradicts itself."""
    fraction = policy.real_fraction
    if policy.certificate and policy.unaudited:
        raise UsageError("--certificate and --unaudited contradict each other")
    wanted = {
        "--allowed-signers": policy.allowed_signers,
        "--min-pass": policy.min_pass,
        "--confidence": policy.confidence,
    }
    for name in [name for name, asked in wanted.items() if asked and policy.unaudited]:
        raise UsageError(f"{name} and --unaudited contradict each other")
    if policy.no_real and policy.real and fraction:
        raise UsageError("--no-real and --real contradict each other (unless --real-fraction 0)")
    if not policy.no_real and not policy.real:
        raise UsageError("name real rows with --real FILE, or say why there are none: --no-real")
    if not policy.no_real and not fraction:
        raise UsageError("--real-fraction 0 leaves no real rows: say why with --no-real REASON")
    if policy.balance and policy.unit == "chars":
        raise UsageError("--balance counts rows: it does not go with --unit chars")
    if policy.balance and policy.balance == policy.by:
        raise UsageError(f"--balance {policy.by}: --by gives each value its own share already")
    if bool(policy.val_fraction) != bool(policy.val_output):
        raise UsageError("--val-fraction F and --val-output FILE go together")
    if policy.own_certificate and not policy.allow_own_model:
        raise UsageError("--own-certificate is for rows that --allow-own-model REASON lets in")


def _named(
    flag: str, given: Iterable[str], kind: Callable[[str], Number], what: str
) -> dict[str, Number]:
    """Return {source: number} of NAME=NUMBER options."""
    found: dict[str, Number] = {}
    for each in given:
        name, _, number = each.rpartition("=")
        try:
            value = kind(number)
        except (ValueError, ZeroDivisionError):
            value = kind("-1")
        if not name or value < 0:
            raise UsageError(f"--{flag} {each}: must be NAME=NUMBER, {what}")
        if name in found:
            raise UsageError(f"--{flag} {name}: is given twice")
        found[name] = value
    return found


def refuse_unknown(policy: BlendPolicy, wish: Wish, sides: tuple[Side, Side]) -> None:
    """Raise `UsageError` where a source or a field is named that no row has."""
    sources = {name for side in sides for name in side.source_names}
    for flag, named in (("weight", wish.weights), ("cap", wish.caps)):
        for name in sorted({*(named or ())} - sources):
            near = get_close_matches(name, sorted(sources), 1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"--{flag} {name}: no row is of this source{hint}")
    if policy.by and len(sides[0].slices.names) == 1:  # those without a value
        raise UsageError(f"--by {policy.by}: no row has this field")
    for side, name in zip(sides, ("real", "synthetic"), strict=True):
        if side.classes.missing:
            raise UsageError(f"--balance {policy.balance}: no {name} row has this field")
