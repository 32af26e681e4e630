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

        self._characters = np.array([len(text) for text in table.texts], dtype=np.int64)
        self._logs = np.log1p(self._characters)

    def against(self, reference: Numbers) -> Value:  # noqa: ARG002 - the same for all measures
        return self._value

    def _value(self, rows: Numbers) -> float:
        import numpy as np

        logs = np.sort(self._logs[rows])
        count = len(logs)
        weights = 2 * np.arange(1, count + 1) - count - 1
        return float(2 * (weights * logs).sum() / max(1, count * (count - 1)))

    def described(self, rows: Numbers, real: Numbers) -> dict[str, Any]:
        """Return the quantiles of both, in characters."""
        import numpy as np

        ours, theirs = (
            np.quantile(self._characters[each], QUANTILES, method="inverted_cdf").astype(int)
            for each in (rows, real)
        )
        return {
            "unit": "characters",
            "quantiles": list(QUANTILES),
            "rows": ours.tolist(),
            "real": theirs.tolist(),
        }
