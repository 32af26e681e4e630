"""What may not be mixed: rows that are not what they must be, with their place and why."""

from __future__ import annotations

from synthgate.config import BlendPolicy
from synthgate.errors import GateStop, InputError, Stale
from synthgate.provenance import stands_in
from synthgate.rows import Provenance, Row

_DEFAULT = BlendPolicy()


def guard_synthetic(row: Row, policy: BlendPolicy = _DEFAULT, own: bool = False) -> None:
    """Refuse a row that is not a verified synthetic one, or made in a way that is not allowed.

    Raises `InputError`, `Stale` where evidence is missing, `GateStop` where a limit says no.
    `own` says that its generator is a model that we tuned ourselves.
    """
    said = row.provenance
    if not said.synthetic:
        raise InputError(f"{_at(row)}: is a real row among the synthetic ones: name it with --real")
    if row.edited:
        raise Stale(f"{_at(row)}: was edited after it was stamped: verify it again")
    if not said.verified_by:
        raise Stale(f"{_at(row)}: nothing has verified this row: run synthgate verify first")
    _guard_generation(row, policy)
    if own and not policy.allow_own_model:
        raise GateStop(
            f"{_at(row)}: {said.generator} is a model of our own: --allow-own-model REASON "
            "lets its rows in, after an audit of their own"
        )
    if stands_in(said) and not leak_checked(said):
        raise Stale(
            f"{_at(row)}: stands in for a real row, and no leak check has passed it: "
            "run synthgate verify --check leak:REAL"
        )


def _guard_generation(row: Row, policy: BlendPolicy) -> None:
    generation = row.provenance.generation
    if generation < 0:
        generation = policy.assume_generation
    if generation < 0:
        raise Stale(
            f"{_at(row)}: its generation is unknown: --assume-generation N if you know it, or "
            "stamp its rows with --generation N when they are first read"
        )
    if generation > policy.max_generation:
        raise GateStop(
            f"{_at(row)}: is of generation {generation}, at most {policy.max_generation} is "
            "allowed (--max-generation): synthetic data made from synthetic data collapses"
        )


def leak_checked(said: Provenance) -> bool:
    """Tell whether a leak check has passed a row."""
    return any(name.split(":")[0] == "leak" for name in said.verified_by.split())


def guard_real(row: Row) -> None:
    """Refuse a row whose provenance does not say that people made it: `InputError`."""
    said = row.provenance
    if said.synthetic or said.generator or said.generation != 0:
        made_by = said.generator or "an unknown generator"
        raise InputError(
            f"{_at(row)}: stands among the real rows, and its provenance says synthetic "
            f"(generation {said.generation}, made by {made_by})"
        )


def _at(row: Row) -> str:
    return f"{row.file}:{row.line}"
