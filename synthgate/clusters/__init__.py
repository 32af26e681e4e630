"""Groups of near vectors: what `cluster-cap` computes, apart from rows and files.

Vectors are float32, (n, d), of unit length or zero; a zero vector is near nothing. Two vectors are
near when their cosine is at least a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Numbers = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Groups:
    """The cluster of each row and what a cap keeps of it; rows go by their number.

    `leaders` (n,) is the kept row that names a row's cluster; `before` (n,) is how many kept rows
    stood in its way when its turn came; `kept` (n,) is whether that was less than the cap;
    `exact` is false where neighbours were looked for in a part of the rows only.
    """

    leaders: Numbers
    before: Numbers
    kept: Flags
    exact: bool = True
