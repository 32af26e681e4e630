"""Compressed size of the text per byte, by zlib, at equal bytes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table
from synthgate.measures.text import CHARS, budget

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

_MOST = 1 << 18  # bytes that are compressed: zlib looks back 32 KiB, so that more adds little
_LEVEL = 3  # twice as fast as 6, and as sure of what is narrower


class Compression:
    """Less is narrower: what repeats, compresses (arXiv 2403.00553)."""

    name = "compression"
    title = "Compressed size"
    sees = "phrases, openings and words that come again and again"
    misses = "a lost topic, as long as the rest is worded in many ways"
    directed = True

    def __init__(self, table: Table) -> None:
        import numpy as np

        self._texts = [text[:CHARS].encode("utf-8", "surrogatepass") for text in table.texts]
        lengths = np.array([len(text) + 1 for text in self._texts], dtype=np.int64)
        self._a_row = budget(table, lengths)

    def against(self, reference: Numbers) -> Value:  # noqa: ARG002 - the same for all measures
        return self._value

    def _value(self, rows: Numbers) -> float:
        most = min(int(self._a_row * len(rows)), _MOST)
        text = b"\n".join([self._texts[row] for row in rows.tolist()])[:most]
        return len(zlib.compress(text, _LEVEL)) / max(1, len(text))
