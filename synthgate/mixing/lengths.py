"""How many rows of each slice make a mix that is exact in characters.

Rows are whole: the real ones are the shortest run of the order of lots that reaches the wanted
characters, the synthetic ones the longest that stays within them.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from synthgate.mixing.counts import Shortage

Array = Any


def quota(real: Array, synthetic: Array, fraction: Fraction, shortage: Shortage) -> tuple[int, int]:
    """Return how many (real, synthetic) rows to use, given their characters in order of lot.

    More real rows than there are means that they are used again, in turns.
    """
    if fraction == 1:
        return len(real), 0
    ratio = fraction / (1 - fraction)
    sums, other = np.cumsum(real.astype(np.int64)), np.cumsum(synthetic.astype(np.int64))
    have = int(sums[-1]) if len(sums) else 0
    wanted = ceil(ratio * (int(other[-1]) if len(other) else 0))
    if wanted <= have * shortage.most:
        rounds, rest = divmod(wanted, have) if have else (0, 0)
        return rounds * len(real) + int(np.searchsorted(sums, rest)) + bool(rest), len(synthetic)
    fitting = floor(have * shortage.most / ratio)
    return len(real) * shortage.most, int(np.searchsorted(other, fitting, side="right"))
