"""Counts over the rows of a report as they pass, and a sample of their texts.

Memory: one counter a distinct value, at most 1,000 values a field (the rest counts as "(other)"),
and the sample.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import log2
from typing import Any

from synthgate.findings.sample import LONGEST, Drawn, Lots
from synthgate.findings.texts import Fields, Texts, reader
from synthgate.rows import Provenance, Row, lot

_MOST = 1000
OTHER = "(other)"
_FIELDS = ("source", "generator", "generation", "verified_by", "override")
ENTROPY_ROWS = 5_000
_TOKEN = re.compile(r"\w+")


class Tally:
    """Counts of rows, and their synthetic ones as a sample (all rows where none is synthetic)."""

    def __init__(
        self,
        seed: int | str = 0,
        slices: Sequence[str] = (),
        texts: Texts | None = None,
        held: int = ENTROPY_ROWS,
    ) -> None:
        self.rows = 0
        self.real = 0
        self.unverified = 0
        self.stamped = False
        """Whether a row carries `_synthgate`."""
        self.fields: dict[str, Counter[str]] = {name: Counter() for name in _FIELDS}
        self.generations: Counter[tuple[int, bool]] = Counter()
        self.keys: dict[str, Counter[str]] = {}
        self.slices = Fields(slices)
        self._seed, self._texts = seed, texts or reader({})
        self._made, self._born = Lots(held), Lots(held)

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass the rows on and count them."""
        for row in rows:
            self.add(row.provenance)
            self._note(row)
            self._draw(row)
            yield row

    def add(self, provenance: Provenance) -> None:
        """Count one row."""
        synthetic = provenance.synthetic
        self.rows += 1
        self.real += not synthetic
        self.unverified += synthetic and not provenance.verified_by
        self.generations[provenance.generation, synthetic] += 1
        for name, counts in self.fields.items():
            value = str(getattr(provenance, name))
            counts[value if value in counts or len(counts) < _MOST else OTHER] += 1

    def _note(self, row: Row) -> None:
        """Note the keys of a row and the kinds of their values, for the data card."""
        self.stamped = self.stamped or len(row.raw) > len(row.payload)
        for key, item in row.value.items():
            if key in self.keys or len(self.keys) < _MOST:
                self.keys.setdefault(key, Counter())[type(item).__name__] += 1

    def _draw(self, row: Row) -> None:
        lots = self._made if row.provenance.synthetic else self._born
        drawn = lot(self._seed, row.id)
        if lots.wants(drawn):
            prompt, response = self._texts(row.value)
            values = dict(self.slices.of(row.value))
            lots.add(drawn, Drawn(prompt[:LONGEST], response[:LONGEST], values))

    @property
    def sample(self) -> Lots:
        """The sample that is measured: of the synthetic rows, of all where none is synthetic."""
        return self._made if len(self._made) else self._born

    @property
    def sampled(self) -> str:
        """Of which rows the sample is."""
        return "synthetic rows" if len(self._made) else "real rows"

    def as_json(self) -> dict[str, Any]:
        """Return mix and provenance with their stable keys."""
        share = self.real / self.rows if self.rows else 0.0
        mix = {
            "rows": self.rows,
            "real": self.real,
            "synthetic": self.rows - self.real,
            "real_fraction": round(share, 6),
            "unverified_synthetic": self.unverified,
        }
        ranked = {name: dict(counts.most_common()) for name, counts in self.fields.items()}
        return {"mix": mix, "provenance": ranked}


def entropy(rows: Iterable[Drawn], most: int = ENTROPY_ROWS) -> float | None:
    """Return the entropy of the words of some rows in bits a word, None where there are none.

    It changes with the number of words, so it is always taken of the same number of rows.
    """
    counts: Counter[str] = Counter()
    for _, row in zip(range(most), rows, strict=False):
        counts.update(_TOKEN.findall(f"{row.prompt} {row.response}".casefold()))
    total = counts.total()
    if not total:
        return None
    return round(-sum(n / total * log2(n / total) for n in counts.values()), 4)
