"""What one reading of rows leaves for `cluster-cap`, and what becomes of them, as arrays.

Parts of the rows can be read apart and joined, and the fates of a part taken out again. Memory: one
vector (1 KiB with the static embedder) and 60 bytes a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthgate.errors import UsageError

if TYPE_CHECKING:
    from synthgate.clusters import Flags, Groups, Numbers, Vectors

MEASURED = "confidence"


@dataclass(frozen=True)
class Seen:
    """Rows 0 to n - 1: 32 bytes of id each, lots (n,) uint64, vectors (n, d).

    `merits` (n,) is what they are ordered by, empty where that is the hash; `codes` are the slices
    of some fields, -1 where a row has none, `values` the codes by their names.
    """

    ids: bytes = field(repr=False)
    lots: Any
    merits: Any
    values: dict[str, dict[str, int]]
    codes: dict[str, Numbers]
    vectors: Vectors

    def order(self, by: str) -> Numbers:
        """Return the numbers of the rows, the largest merit first, then by their lots."""
        import numpy as np

        if by == "hash":
            return np.argsort(self.lots, kind="stable")
        if len(self.merits) and by != MEASURED and np.isneginf(self.merits).all():
            raise UsageError(f"--order {by}: no row has a number there")
        return np.lexsort((self.lots, -self.merits))

    def fields(self, protect: str) -> dict[str, Numbers]:
        """Return the codes of each field, one of which is protected; refuse what no row has."""
        for name, known in self.values.items():
            if len(self.lots) and not known:
                option = "protect" if name == protect else "by"
                raise UsageError(f"--{option} {name}: no row has this field")
        return self.codes


def joined(parts: Iterable[Seen], rows: int) -> Seen:
    """Return the parts of `rows` rows as one; they are asked for one after the other."""
    import numpy as np

    made: list[Seen] = []
    whole: Any = np.zeros((0, 1), dtype=np.float32)
    at = 0
    values: dict[str, dict[str, int]] = {}
    for part in parts:
        count, size = part.vectors.shape
        if count and not len(whole):
            whole = np.empty((rows, size), dtype=np.float32)
        if count:
            whole[at : at + count] = part.vectors
        at += count
        codes = {name: _renamed(part, name, values.setdefault(name, {})) for name in part.codes}
        made.append(Seen(part.ids, part.lots, part.merits, {}, codes, part.vectors[:0].copy()))
    return Seen(
        b"".join([part.ids for part in made]),
        _put_together([part.lots for part in made], np.uint64),
        _put_together([part.merits for part in made], np.float64),
        values,
        {name: _put_together([part.codes[name] for part in made], np.int64) for name in values},
        whole,
    )


def _put_together(parts: list[Any], kind: Any) -> Any:
    import numpy as np

    return np.concatenate([np.zeros(0, dtype=kind), *parts])


def _renamed(part: Seen, name: str, known: dict[str, int]) -> Numbers:
    """Return the codes of a field of a part as those of all parts before and of this one."""
    import numpy as np

    codes = [known.setdefault(value, len(known)) for value in part.values[name]]
    table = np.array([*codes, -1], dtype=np.int64)  # the last one is for the code -1
    return table[part.codes[name]]


@dataclass(frozen=True)
class Fates:
    """What becomes of rows: the cluster of each, and why it goes if it does.

    `leaders` are places in `ids`, 32 bytes each; `radius` is the threshold of a density cap.
    """

    ids: bytes = field(repr=False)
    leaders: Numbers
    before: Numbers
    kept: Flags
    radius: float | None

    def leader(self, row: int) -> str:
        """Return the id of the row that leads the cluster of this one."""
        at = 32 * int(self.leaders[row])
        return self.ids[at : at + 32].hex()

    def refusal(self, row: int) -> str:
        """Return why a row is not kept, "" for one that is."""
        if self.kept[row]:
            return ""
        if self.radius is None:
            return f"{self.before[row]} rows of its cluster are kept"
        return f"{self.before[row]} kept rows lie within cosine {self.radius:g}"

    def part(self, start: int, stop: int) -> Fates:
        """Return the fates of some rows, apart from those of all others."""
        import numpy as np

        used, leaders = np.unique(self.leaders[start:stop], return_inverse=True)
        ids = np.frombuffer(self.ids, dtype="V32")[used].tobytes()
        before, kept = self.before[start:stop].copy(), self.kept[start:stop].copy()
        return Fates(ids, leaders, before, kept, self.radius)


def fates_of(ids: bytes, groups: Groups, kept: Flags, radius: float | None) -> Fates:
    """Return the fates of rows in groups, of which some more may be kept."""
    return Fates(ids, groups.leaders, groups.before, kept, radius)
