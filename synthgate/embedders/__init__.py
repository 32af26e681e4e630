"""What an embedder is. One embedder a file; `build(argument)` makes it from `name:argument`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Texts to unit vectors. `identity` names model and revision, for provenance.

    `threshold` is the cosine similarity from which two texts are near, for this embedder only:
    similarities of different models cannot be compared.
    """

    identity: str
    threshold: float

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (len(texts), dimensions); zeros where nothing is known."""
        ...


Build = Callable[[str], Embedder]
