"""What a cap did: the clusters that lost rows, by their telling words, and the tail that was lost.

Memory: the words of 5,000 texts for the background and of 200 for each of 20 clusters; 40 bytes a
row while sizes are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from synthgate.clusters.protect import rare
from synthgate.clusters.words import telling, words_of

if TYPE_CHECKING:
    from synthgate.clusters import Flags, Groups, Numbers

SHOWN = 20
SAMPLE = 200
BACKGROUND = 5000


class Summary:
    """Counts of a capping; the texts of the rows that it samples are added as they pass."""

    def __init__(
        self,
        groups: Groups,
        kept: Flags,
        order: Numbers,
        cap: int,
        fields: Mapping[str, Numbers],
        name: Callable[[int], str],
    ) -> None:
        import numpy as np

        rows = len(order)
        sizes = np.bincount(groups.leaders, minlength=rows)
        left = np.bincount(groups.leaders[kept], minlength=rows)
        losing = np.flatnonzero(sizes > left).tolist()
        losing.sort(key=lambda leader: (int(left[leader]) - int(sizes[leader]), name(leader)))
        self._shown = {
            leader: (name(leader), int(sizes[leader]), int(left[leader]))
            for leader in losing[:SHOWN]
        }
        self._losing = len(losing)
        self._clusters = int(np.count_nonzero(sizes))
        small = sizes[groups.leaders] <= cap
        self._tail = (int(small.sum()), int((small & ~kept).sum()))
        self._rare = {each: _loss(rare(codes, cap), kept) for each, codes in fields.items()}
        self._sampled = _sample(groups.leaders, order, list(self._shown))
        self._background = set(order[:: max(1, rows // BACKGROUND)].tolist())
        self._words: dict[int, Counter[str]] = {leader: Counter() for leader in self._shown}
        self._texts: Counter[int] = Counter()
        self._all: Counter[str] = Counter()
        self._all_texts = 0

    def __contains__(self, row: int) -> bool:
        """Tell whether the text of this row is wanted."""
        return row in self._sampled or row in self._background

    @property
    def wanted(self) -> set[int]:
        """The numbers of the rows whose texts are wanted."""
        return self._background | self._sampled.keys()

    def add(self, row: int, text: str) -> None:
        """Take in the text of a row that is wanted."""
        words = words_of(text)
        leader = self._sampled.get(row)
        if leader is not None:
            self._words[leader].update(words)
            self._texts[leader] += 1
        if row in self._background:
            self._all.update(words)
            self._all_texts += 1

    @property
    def background(self) -> tuple[Counter[str], int]:
        """In how many texts each word stands, of how many."""
        return self._all, self._all_texts

    def as_json(self) -> dict[str, Any]:
        """Return what the manifest says: the clusters that lost most, and the tail."""
        shown = [self._cluster(leader) for leader in self._shown]
        rows, lost = self._tail
        return {
            "clusters": self._clusters,
            "clusters_that_lost_rows": self._losing,
            "lost_most": shown,
            "tail": {"rows": rows, "lost": lost, "share_lost": share(lost, rows)},
            "rare_slices": {
                field: {"rows": rows, "lost": lost, "share_lost": share(lost, rows)}
                for field, (rows, lost) in self._rare.items()
            },
        }

    def _cluster(self, leader: int) -> dict[str, Any]:
        words = telling(self._words[leader], self._texts[leader], self._all, self._all_texts)
        name, rows_in, rows_out = self._shown[leader]
        return {"cluster": name, "words": words, "rows_in": rows_in, "rows_out": rows_out}


def share(part: int, whole: int) -> float:
    """Return a share with four digits, 0 of nothing."""
    return round(part / whole, 4) if whole else 0.0


def _loss(rows: Flags, kept: Flags) -> tuple[int, int]:
    return int(rows.sum()), int((rows & ~kept).sum())


def _sample(leaders: Numbers, order: Numbers, shown: list[int]) -> dict[int, int]:
    """Return {row: leader} of the first 200 rows of each cluster that is shown."""
    import numpy as np

    taken: Counter[int] = Counter()
    found = {}
    among = order[np.isin(leaders[order], shown)]
    for row, leader in zip(among.tolist(), leaders[among].tolist(), strict=True):
        if taken[leader] < SAMPLE:
            taken[leader] += 1
            found[row] = leader
    return found
