"""How spread out the rows of a run are: distinct prompts, attribute values, near repeats.

Memory: 24 bytes a prompt, and the texts of at most 5,000 rows, those with the lowest lots.
"""

from __future__ import annotations

import heapq
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from synthgate.config import DedupePolicy
from synthgate.formats import named
from synthgate.provenance import Stamp, read
from synthgate.rows import lot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synthgate.rows import Row
    from synthgate.strategies import Strategy

SAMPLE = 5_000
_SHOWN = 50  # values of an axis that the manifest lists


class Spread:
    """Looks at the rows as they pass."""

    def __init__(self, strategy: Strategy, output: str, seed: int) -> None:
        self._strategy, self._output, self._seed = strategy, output, seed
        self._axes = strategy.axes()
        self._prompts: set[str] = set()
        self._values: dict[str, Counter[str]] = {name: Counter() for name in self._axes}
        self._texts: list[tuple[int, str, str]] = []

    def add(self, row: Row) -> None:
        """Take in a row that was made."""
        self._prompts.add(row.provenance.prompt)
        for name, seen in self._values.items():
            value = row.value.get(name)
            if type(value) is str:
                seen[value] += 1
        drawn = (-lot(self._seed, row.id), row.id, self._text(row))
        if len(self._texts) < SAMPLE:
            heapq.heappush(self._texts, drawn)
        else:
            heapq.heappushpop(self._texts, drawn)

    def _text(self, row: Row) -> str:
        """Return what is new in a row: its answer, with the input that was made for it."""
        value = row.value
        made = [value.get(name) for name in self._strategy.says] + [value.get(self._output)]
        turns = value.get("messages")
        if type(turns) is list and turns and type(turns[-1]) is dict:
            made.append(turns[-1].get("content"))
        return "\n".join(each for each in made if type(each) is str)

    def findings(self) -> dict[str, Any]:
        """Return what the manifest says."""
        found = {
            "strategy": self._strategy.name,
            "templates": self._strategy.texts.digests,
            "distinct_prompts": len(self._prompts),
            "attributes": {name: self._coverage(name) for name in self._axes},
            "near_duplicate_share": self.near_share,
            "near_duplicates_of": len(self._texts),
        }
        return {"spread": found}

    def _coverage(self, name: str) -> dict[str, Any]:
        seen, named = self._values[name], self._axes[name]
        missing = [value for value in named if value not in seen]
        rows = {value: seen[value] for value in named[:_SHOWN]}
        return {
            "values": len(named),
            "seen": len(named) - len(missing),
            "rows": rows,
            "missing": missing[:_SHOWN],
        }

    @cached_property
    def near_share(self) -> float:
        """Return the share of rows that repeat another row, nearly or exactly."""
        return near_share([text for _, _, text in sorted(self._texts)])

    def words(self) -> str:
        """Return the line that the summary shows."""
        parts = [f"{len(self._prompts)} distinct prompts"]
        for name in self._axes:
            covered = self._coverage(name)
            parts.append(f"{name} {covered['seen']}/{covered['values']} values")
        parts.append(f"near duplicates {100 * self.near_share:.1f} %")
        return f"{self._strategy.name}: {', '.join(parts)}"


def near_share(texts: Sequence[str]) -> float:
    """Return the share of texts that `dedupe` would drop as repeats, with four digits."""
    if len(texts) < 2:
        return 0.0
    from synthgate.stages.dedupe import dedupe

    stamp = Stamp().provenance
    rows = [read(orjson.dumps({"text": each}), "", n, stamp) for n, each in enumerate(texts)]
    found = dedupe(rows, named("text"), DedupePolicy(on="response"))
    repeats = sum(decision.reason in ("exact", "near", "fuzzy") for decision in found)
    return round(repeats / len(texts), 4)
