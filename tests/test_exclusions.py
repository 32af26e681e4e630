"""The file of exclusions: sealed, sorted, and closed over what was made from an excluded row."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgate.descent import Barred, excluded, kin_of
from synthgate.errors import Stale
from synthgate.exclusions import KINDS, Exclusion, read, write
from synthgate.rows import Provenance

BARRED = Barred([Exclusion("id", "0")])
LISTS = st.lists(
    st.builds(
        Exclusion,
        st.sampled_from(KINDS),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    ),
    max_size=6,
)


@given(LISTS, st.randoms())
def test_what_is_written_is_read(found: list[Exclusion], rng: object) -> None:
    """Any exclusions come back, sealed, and in any order they have the same bytes."""
    text = write(found)
    shuffled = sorted(found, key=lambda _: rng.random())  # type: ignore[attr-defined]
    assert write(shuffled) == text
    back, sealed = read("x", text.decode())
    assert sealed and set(back) == set(found)


@given(LISTS.filter(bool), st.data())
def test_a_sealed_list_cannot_be_shortened(found: list[Exclusion], data: st.DataObject) -> None:
    """A line less, a line more or a byte of the body changed: refused."""
    lines = write(found).decode().split("\n")[:-1]
    at = data.draw(st.integers(1, len(lines) - 1))
    for changed in (
        lines[:at] + lines[at + 1 :],
        [*lines, lines[at]],
        [*lines[:at], lines[at].replace('"kind"', ' "kind"'), *lines[at + 1 :]],
    ):
        with pytest.raises(Stale):
            read("x", "\n".join(changed) + "\n")


def test_the_format_is_what_the_docstring_says() -> None:
    """The seal counts the lines and hashes their bytes, as a shell would."""
    head, body = write([Exclusion("source", "web é", "spam")]).split(b"\n", 1)
    assert body == '{"kind":"source","value":"web é","reason":"spam"}\n'.encode()
    assert json.loads(head) == {"exclusions": 1, "digest": hashlib.sha256(body).hexdigest()}


@given(st.lists(st.lists(st.integers(0, 14), max_size=3), min_size=15, max_size=15), st.randoms())
def test_all_descendants_go(parents: list[list[int]], rng: object) -> None:
    """A row goes if a chain of parents leads to an excluded one; rings end, order is nothing."""
    gone, before = {0}, set[int]()
    while gone != before:
        before = set(gone)
        gone |= {n for n in range(15) if gone & {*parents[n]}}
    order = sorted(range(15), key=lambda _: rng.random())  # type: ignore[attr-defined]
    rows = [Provenance(str(n), parents=" ".join(map(str, parents[n]))) for n in order]
    found = excluded([kin_of(rows, BARRED)], BARRED)
    assert {order[number] for number in found} == gone
