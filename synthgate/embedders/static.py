"""Static word-piece vectors (wordllama, 256 dimensions): offline, 10,000 short texts a second.

The weights lie inside the wheel. Meaning beyond the words is not seen: a negation lies at cosine
.84 of its sentence, a translation near 0. So nearness may cap a cluster, never call two rows
duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THRESHOLD = 0.50
_MAX_CHARS = 4096
_BATCH = 32


class Static:
    """Mean of the static vectors of a text's word pieces, from its first 4,096 characters."""

    threshold = THRESHOLD

    def __init__(self) -> None:
        import wordllama

        folder = Path(wordllama.__file__).parent
        self._model: Any = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
        self.identity = f"wordllama-{wordllama.__version__}/l2_supercat_256"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (len(texts), 256); zeros for a text without word pieces."""
        import numpy as np

        cut = [text[:_MAX_CHARS] for text in texts]
        vectors: NDArray[np.float32] = self._model.embed(cut, batch_size=_BATCH)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > 0)
        return np.where(usable, vectors / np.where(usable, lengths, 1), 0).astype(np.float32)


def build(argument: str) -> Static:
    """Return the embedder; it takes no argument."""
    if argument:
        from synthgate.errors import UsageError

        raise UsageError(f"--embedder static takes no argument (got {argument!r})")
    return Static()
