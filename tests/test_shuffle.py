"""Keys in shares: repeats and groups are those that are found in all rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthgate.near import bands, groups, shuffle
from synthgate.near.survey import Survey

Array = Any
BANDS, THRESHOLD = bands.plan(0.8)[0], 0.8
FEW = st.integers(0, 3)


def cut(array: Array, at: int) -> tuple[Array, Array]:
    return array[:at], array[at:]


@given(st.data(), st.integers(1, 5), st.booleans())
def test_repeats_in_shares(data: st.DataObject, shares: int, preferred: bool) -> None:
    """Two parts and any number of shares: the same rows repeat the same preferred ones."""
    count = data.draw(st.integers(0, 30))
    digests = np.array(data.draw(rows_of(count, 2)), dtype=np.uint64).reshape(count, 2)
    alive = np.array(data.draw(flags(count)), dtype=bool)
    worth = (
        np.array(data.draw(rows_of(count, 1)), dtype=float).ravel() if preferred else np.zeros(0)
    )
    at = data.draw(st.integers(0, count))
    survivors = groups.repeated(digests, shuffle.preferred(worth, count), alive)
    wanted = {row: int(each) for row, each in enumerate(survivors) if each >= 0}
    parts = [
        shuffle.equal(*each, first, shares)
        for *each, first in zip(
            cut(digests, at),
            cut(worth, at) if preferred else (worth, worth),
            cut(alive, at),
            (0, at),
            strict=True,
        )
    ]
    found: dict[int, int] = {}
    for share in range(shares):
        gone, kept = shuffle.repeats(part[share] for part in parts)
        assert (np.diff(gone.astype(int)) > 0).all()
        found |= dict(zip(gone.tolist(), kept.tolist(), strict=True))
    assert found == wanted


@given(st.data(), st.integers(1, 5), st.booleans())
def test_groups_in_shares(data: st.DataObject, shares: int, crowded: bool) -> None:
    """The rows that keys link, sketches considered, are linked by all shares together."""
    count = data.draw(st.integers(0, 40))
    at = data.draw(st.integers(0, count))
    values = st.integers(0, 1 if crowded else 30)
    keys = np.array(data.draw(rows_of(count, BANDS, values)), np.uint32).reshape(count, BANDS)
    bits = np.array(data.draw(rows_of(count, 1, st.sampled_from([0, 255]))), np.uint8)
    sketch = np.repeat(bits[:, None], BANDS, axis=1)  # 0 and 255 have no bits in common
    alive = np.array(data.draw(flags(count)), dtype=bool)
    owners = np.array(data.draw(st.lists(st.integers(0, max(0, count - 1)), max_size=count)))
    owners = np.sort(owners).astype(np.uint32)
    marks = np.array(data.draw(rows_of(len(owners), 1)), dtype=np.uint32).ravel()
    empty = np.zeros(0)

    def known(part: slice, short: tuple[Array, Array]) -> Survey:
        columns = list(keys[part].T) if count else []
        faults = np.zeros(len(keys[part]))
        return Survey(faults, empty, empty, empty, empty, empty, columns, sketch[part], short)

    wanted = groups.components(known(slice(None), (owners, marks)).neighbours(alive, THRESHOLD))
    early = owners < at
    before = known(slice(at), (owners[early], marks[early]))
    after = known(slice(at, None), (owners[~early] - np.uint32(at), marks[~early]))
    parts = [
        shuffle.keyed(before, alive[:at], 0, shares),
        shuffle.keyed(after, alive[at:], at, shares),
    ]
    linked = [shuffle.linked([part[share] for part in parts], THRESHOLD) for share in range(shares)]
    found = groups.components(linked)
    for one, other in zip(found, wanted, strict=True):
        assert one.tolist() == other.tolist()


def test_a_shared_key_links_no_rows_whose_sketches_are_far_apart() -> None:
    """Rows 0 and 3 of two parts are linked by a share; row 1, between them, has all their keys."""
    none = np.zeros(0, np.uint32)
    sketches = [
        np.repeat(np.array(bits, np.uint8)[:, None], BANDS, 1) for bits in ([0, 255], [255, 0])
    ]
    parts = []
    for first, sketch in zip((0, 2), sketches, strict=True):
        keys = [np.array([7, 7], np.uint32) if first == 0 else np.array([9, 7], np.uint32)] * BANDS
        empty = np.zeros(0)
        known = Survey(np.zeros(2), empty, empty, empty, empty, empty, keys, sketch, (none, none))
        parts += shuffle.keyed(known, np.ones(2, bool), first, 1)
    rows, heads = shuffle.linked(parts, THRESHOLD)
    assert (rows.tolist(), heads.tolist()) == ([0, 3], [0, 0])


def rows_of(count: int, width: int, values: Any = FEW) -> Any:
    return st.lists(values, min_size=count * width, max_size=count * width)


def flags(count: int) -> Any:
    return st.lists(st.sampled_from([True, True, False]), min_size=count, max_size=count)
