"""How much the lengths of texts differ, and where their quantiles lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from synthgate.measures.compared import Value
from synthgate.measures.deals import Table

if TYPE_CHECKING:
    from synthgate.clusters import Numbers

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Lengths:
    """Mean difference between the logarithms of two rows' lengths (Gini's): less is narrower."""

    name = "lengths"
    title = "Spread of lengths"
    sees = "texts that all have about the same length"
    misses = "everything else; and lengths may spread while a set narrows"
    directed = True

    def __init__(self, table: Table) -> None:
        import numpy as np

        self._logs = np.log1p(np.array([len(text) for text in table.texts], dtype=np.int64))

    def against(self, reference: Numbers) -> Value:  # noqa: ARG002 - the same for all measures
        return self._value

    def _value(self, rows: Numbers) -> float:
        import numpy as np

        logs = np.sort(self._logs[rows])
        count = len(logs)
        weights = 2 * np.arange(1, count + 1) - count - 1
        return float(2 * (weights * logs).sum() / max(1, count * (count - 1)))


def quantiles(texts: list[str], rows: int) -> dict[str, Any]:
    """Return quantiles of the lengths of the first `rows` texts and of the real ones after them."""
    import numpy as np

    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    ours, theirs = (
        np.quantile(each, QUANTILES, method="inverted_cdf").tolist()
        for each in (lengths[:rows], lengths[rows:])
    )
    return {"unit": "characters", "quantiles": list(QUANTILES), "rows": ours, "real": theirs}
