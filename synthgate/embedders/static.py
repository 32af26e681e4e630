"""Static word-piece vectors (wordllama, 256 dimensions): offline, 16,000 texts a CPU second.

That is for texts of 150 characters. The weights lie inside the wheel. Meaning beyond the words is
not seen: a negation lies at cosine .84 of its sentence, a translation near 0. So nearness may cap a
cluster, never call two rows duplicates. Memory: 50 MiB, and 1 KiB a text of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgate.embedders import MAX_CHARS, unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THRESHOLD = 0.50


class Static:
    """Mean of the static vectors of a text's word pieces, from its first 4,096 characters."""

    threshold = THRESHOLD

    def __init__(self) -> None:
        import wordllama

        folder = Path(wordllama.__file__).parent
        model: Any = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
        self._pieces: NDArray[np.float32] = model.embedding
        self._tokenizer: Any = model.tokenizer
        self._tokenizer.no_padding()
        self.identity = f"wordllama-{wordllama.__version__}/l2_supercat_256"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (len(texts), 256); zeros for a text without word pieces."""
        import numpy as np
        from scipy.sparse import csr_matrix

        cut = [text[:MAX_CHARS] for text in texts]
        pieces = [each.ids for each in self._encoded(cut)]
        ends = np.cumsum([0, *map(len, pieces)])
        flat = np.fromiter(chain.from_iterable(pieces), dtype=np.int32, count=int(ends[-1]))
        flat = np.minimum(flat, len(self._pieces) - 1)
        # A product with a matrix of ones is the sum of each text's pieces; the mean points the
        # same way.
        ones = np.ones(len(flat), dtype=np.float32)
        bags = csr_matrix((ones, flat, ends), (len(texts), len(self._pieces)))
        sums: NDArray[np.float32] = bags @ self._pieces
        return unit(sums)

    def _encoded(self, texts: list[str]) -> list[Any]:
        encoded: list[Any] = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return encoded


def build(argument: str) -> Static:
    """Return the embedder; it takes no argument."""
    if argument:
        from synthgate.errors import UsageError

        raise UsageError(f"--embedder static takes no argument (got {argument!r})")
    return Static()
