"""A set of rows frozen for its audit: what it is, whatever order and files its rows come in."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from synthgate.errors import UsageError
from synthgate.formats import dig
from synthgate.rows import Row

LONGEST = 200  # characters of a value
NONE = "(none)"
_OF_PROVENANCE = ("source", "generator", "cluster")
_ID = 32  # bytes


@dataclass
class Frozen:
    """The sorted ids of a set, and, where they are asked for, the slices of its rows.

    `groups[i]` is the index in `values` of what row `ids[i]` has in the fields `by`; `waiting` are
    the ids of rows that a person must release. Memory: 80 bytes a row, 4 more with slices.
    """

    ids: Sequence[bytes]
    by: tuple[str, ...] = ()
    groups: array[int] = field(default_factory=lambda: array("I"))
    values: list[tuple[str, ...]] = field(default_factory=list)
    waiting: frozenset[bytes] = frozenset()

    def values_of(self, at: int) -> tuple[str, ...]:
        """Return what row `at` has in the fields `by`."""
        return self.values[self.groups[at]] if self.by else ()

    def slices(self) -> dict[tuple[str, str], int]:
        """Return {(field, value): rows}, by field and value."""
        counts = array("Q", bytes(8 * len(self.values)))
        for group in self.groups:
            counts[group] += 1
        found: dict[tuple[str, str], int] = {}
        for values, count in zip(self.values, counts, strict=True):
            for each in zip(self.by, values, strict=True):
                found[each] = found.get(each, 0) + count
        return dict(sorted(found.items()))


def frozen_ids(rows: Iterable[Row]) -> list[bytes]:
    """Return the ids of the rows, sorted: what a set is, whatever order its rows come in."""
    return sorted(bytes.fromhex(row.id) for row in rows)


def freeze_rows(rows: Iterable[Row], by: Sequence[str] = ()) -> Frozen:
    """Return the rows as a frozen set with slices by some fields of theirs.

    Raises `UsageError` for a field that no row has.
    """
    numbers: dict[tuple[str, ...], int] = {}
    unseen, waiting, keys = set(by), set(), []
    for row in rows:
        row_id = bytes.fromhex(row.id)
        if row.provenance.needs == "human":
            waiting.add(row_id)
        if by:
            values = tuple(_value(row, name) for name in by)
            unseen.difference_update(n for n, v in zip(by, values, strict=True) if v != NONE)
            row_id += numbers.setdefault(values, len(numbers)).to_bytes(4, "big")
        keys.append(row_id)
    if keys and unseen:
        raise UsageError(f"--by {min(unseen)}: no row has this field")
    keys.sort()
    if not by:
        return Frozen(keys, waiting=frozenset(waiting))
    groups = array("I", (int.from_bytes(key[_ID:], "big") for key in keys))
    ids = [key[:_ID] for key in keys]
    return Frozen(ids, tuple(by), groups, list(numbers), frozenset(waiting))


def _value(row: Row, name: str) -> str:
    value = dig(row.value, name)
    if value is None and name in _OF_PROVENANCE:
        value = getattr(row.provenance, name) or None
    return NONE if value is None else str(value)[:LONGEST]


def set_digest(ids: Iterable[bytes]) -> str:
    """Return the SHA-256 over sorted ids, one in hex a line; equal rows count each time."""
    digest = hashlib.sha256()
    for each in ids:
        digest.update(each.hex().encode() + b"\n")
    return digest.hexdigest()


def named(ids: Sequence[bytes]) -> Iterator[str]:
    """Yield a name for each row of a sorted set; equal rows are told apart by occurrence.

    With one lot for all of them a sample would not be a random one, and no bound would hold.
    """
    before, occurrence = b"", 0
    for each in ids:
        occurrence = occurrence + 1 if each == before else 0
        before, name = each, each.hex()
        yield f"{name}#{occurrence}" if occurrence else name
