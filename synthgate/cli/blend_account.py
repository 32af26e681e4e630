"""What a blend says of itself: its plan before it writes, its account after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthgate.mixing.choice import REASONS

if TYPE_CHECKING:
    from synthgate.cli.blend_guards import Guards
    from synthgate.cli.common import Session
    from synthgate.cli.sides import Side
    from synthgate.mixing.counts import Quota
    from synthgate.stages.blend import Mixed

_SHOWN = 20
_ROWS = 1 << 16  # counted at a time
Account = dict[str, Any]


def plan_lines(mix: Mixed, role: str, by: str, balance: str) -> Iterator[str]:
    """Yield the whole mix in words, before any of it is written."""
    synthetic, real = mix.counts[1], int((mix.uses[0] > 0).sum())
    what = "plan" if role == "output" else "plan of the validation set"
    text = (
        f"{what}: {synthetic:,} of {len(mix.sides[1]):,} synthetic and "
        f"{real:,} of {len(mix.sides[0]):,} real rows"
    )
    if mix.repeats:
        text += f", real ones again {mix.repeats:,} times"
    unit = " of characters" if mix.wish.chars else ""
    wanted = f"(wanted {float(mix.wish.fraction):g})"
    yield f"{text}: real fraction{unit} {mix.achieved:.4g} {wanted}"
    if by:
        yield from _slice_lines(mix.quotas, by, "characters" if mix.wish.chars else "rows")
    if balance:
        yield from _class_lines(mix, balance)


def _slice_lines(quotas: list[Quota], by: str, unit: str) -> Iterator[str]:
    for quota in quotas[:_SHOWN]:
        uses = "uses of" if quota.real > quota.real_in else "of"
        yield (
            f"plan: {by}={quota.name}: {quota.synthetic:,} of {quota.synthetic_in:,} synthetic and "
            f"{quota.real:,} {uses} {quota.real_in:,} real {unit}"
        )
    if len(quotas) > _SHOWN:
        yield f"plan: and {len(quotas) - _SHOWN:,} more slices, in the manifest"
    alone = [quota for quota in quotas if quota.synthetic_in and not quota.real_in]
    if alone:
        names = ", ".join(quota.name for quota in alone[:_SHOWN]) + _more(len(alone))
        lost = sum(quota.synthetic_in - quota.synthetic for quota in alone)
        yield f"no real rows stand beside the slices {names}: {lost:,} synthetic {unit} drop"


def _class_lines(mix: Mixed, balance: str) -> Iterator[str]:
    """Yield how even the classes are, which are the smallest, and which have lost all real rows."""
    names = mix.sides[0].class_names
    real, synthetic = (
        np.bincount(side.classes, uses, len(names)).astype(np.int64)
        for side, uses in zip(mix.sides, mix.uses, strict=True)
    )
    both = np.concatenate([side.classes for side in mix.sides])
    known = np.flatnonzero(np.bincount(both, minlength=len(names)))
    if not len(known):
        return
    sizes = (real + synthetic)[known].tolist()
    least, most = min(sizes), max(sizes)
    text = f"plan: {balance}: {len(sizes):,} values, of {least:,} to {most:,} rows each"
    small = sorted(
        (size, names[at]) for size, at in zip(sizes, known, strict=True) if size < most - 1
    )
    if small:
        text += "; fewest: " + ", ".join(f"{name} {size:,}" for size, name in small[:_SHOWN])
    yield text + _more(len(small))
    bare = sorted(names[at] for at in np.flatnonzero((synthetic > 0) & (real == 0)))
    if bare:
        named = ", ".join(bare[:_SHOWN]) + _more(len(bare))
        yield f"no real row stands beside the synthetic ones of {balance}: {named}"


def _more(count: int) -> str:
    return f" and {count - _SHOWN:,} more" if count > _SHOWN else ""


def account(
    io: Session, sides: tuple[Side, Side], mixes: dict[str, Mixed], guards: Guards
) -> Account:
    """Return what went in, came out and was dropped, for each side, source and slice.

    Each account balances, in + repeats = out + dropped; anything else is a bug.
    """
    mix = mixes["output"]
    found: Account = {}
    for at, name in ((1, "synthetic"), (0, "real")):
        fates = _Fates(sides[at], mixes, at)
        found[name] = fates.whole()
        found[name]["sources"] = fates.by(fates.table.sources, fates.table.source_names)
        for key, column in (("slices", sides[at].slices), ("classes", sides[at].classes)):
            if not column.field:
                continue
            found[name][key] = fates.by(getattr(fates.table, key), column.names)
            for value, counts in found[name][key].items():
                both = io.manifest.slices.setdefault(f"{column.field}={value}", {})
                both |= {f"{name}_in": counts["in"], f"{name}_out": counts["out"]}
    found |= {
        "repeats": sum(each.repeats for each in mixes.values()),
        "real_fraction": mix.achieved,
        "wanted_fraction": float(mix.wish.fraction),
        "unit": "chars" if mix.wish.chars else "rows",
        "epoch": mix.wish.epoch,
        "override": "; ".join(guards.overrides()),
    }
    if held := mixes.get("validation"):
        real, synthetic = held.counts
        shown = {"real": real, "synthetic": synthetic, "real_fraction": held.achieved}
        found["validation"] = shown
    return found


class _Fates:
    """What became of every row of a side: how often it is used, or why it is not."""

    def __init__(self, side: Side, mixes: dict[str, Mixed], at: int) -> None:
        self.table = side.whole()
        self._bad = side.source.bad if side.source is not None else 0
        self._reasons, self._uses = side.reasons.copy(), np.zeros(len(side), np.uint32)
        for mix in mixes.values():
            numbers = mix.sides[at].numbers
            self._reasons[numbers], self._uses[numbers] = mix.reasons[at], mix.uses[at]

    def whole(self) -> Account:
        """Return the account of the side, bad lines too."""
        all_one = np.broadcast_to(np.uint8(0), len(self._uses))
        found = self.by(all_one, ("",)).get("", _account_of([], 0, 0))
        if self._bad:
            found["in"] += self._bad
            found["dropped"]["bad_line"] = self._bad
        return found

    def by(self, keys: Any, names: Sequence[str]) -> dict[str, Account]:
        """Return the account of each name that has rows."""
        shape = len(names), len(REASONS)
        counts, uses = np.zeros(shape, np.int64), np.zeros((len(names), 2), np.int64)
        for start in range(0, len(keys), _ROWS):
            rows = slice(start, start + _ROWS)
            key, used = keys[rows].astype(np.int64), self._uses[rows]
            np.add.at(counts, (key, self._reasons[rows]), 1)
            np.add.at(uses, key, np.stack([used, used > 0], 1))
        found = {
            name: _account_of(counts[number].tolist(), *uses[number].tolist())
            for number, name in enumerate(names)
            if counts[number].any()
        }
        return dict(sorted(found.items()))


def _account_of(counts: Sequence[int], out: int, used: int) -> Account:
    """Return the account of some rows, or raise if one of them is neither used nor dropped.

    `counts` are those of the rows by their reasons, `out` their uses, `used` the rows with any.
    """
    dropped = {REASONS[at]: count for at, count in enumerate(counts) if at and count}
    rows, repeats = sum(counts), out - used
    if rows + repeats != out + sum(dropped.values()):
        raise RuntimeError(f"blend lost rows: {rows} in, {out} out, {dropped} dropped")
    return {"in": rows, "out": out, "repeats": repeats, "dropped": dropped}
