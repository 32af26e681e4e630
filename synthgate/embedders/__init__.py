"""What an embedder is. One embedder a file; `build(argument)` makes it from `name:argument`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_CHARS = 4096
"""Characters of a text that the embedders that ship read."""


class Embedder(Protocol):
    """Texts to unit vectors. `identity` names model and revision, for the manifest.

    `threshold` is the cosine similarity from which two texts are near, for this embedder only:
    similarities of different models cannot be compared. It is 0 where nobody has calibrated one.
    """

    identity: str
    threshold: float

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(texts), dimensions); zeros where nothing is known.

        A text's vector must not depend on the texts beside it.
        """
        ...


@runtime_checkable
class Learner(Protocol):
    """What must see all texts before it can embed one: each is read once more for it."""

    def fit(self, texts: Iterable[str]) -> Embedder:
        """Return the embedder that knows these texts, whatever their order."""
        ...

    def count(self, texts: Iterable[str]) -> NDArray[np.int64]:
        """Return what is learnt of some texts; the sum over parts is that of all texts."""
        ...

    def learnt(self, counts: NDArray[np.int64]) -> Embedder:
        """Return the embedder that knows the texts that were counted."""
        ...


Build = Callable[[str], Embedder]


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows of length 1 (n, d); a row of no length or of no number becomes zeros."""
    import numpy as np

    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 0)
    return np.where(usable, vectors / np.where(usable, lengths, 1), 0).astype(np.float32)
