"""Vectors that were computed once: a text is embedded again only by another embedder.

A line of the file is `{"embedder", "text", "vector"}`: the embedder's identity, the digest of the
text and the float32 numbers in base64. Memory: 100 bytes a vector; the numbers stay on disk.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from synthgate.embedders import Embedder, Learner
from synthgate.text import digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Store(Protocol):
    """An append-only file of lines, known by their offsets."""

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, line) of every line."""
        ...

    def at(self, offset: int) -> bytes:
        """Return the line at an offset."""
        ...

    def append(self, line: bytes, *, durable: bool = True) -> int:
        """Add a line and return its offset."""
        ...


class _Line(msgspec.Struct):
    embedder: str
    text: str
    vector: str


_decode = msgspec.json.Decoder(_Line).decode
_encode = msgspec.json.Encoder().encode


def is_vector(line: bytes) -> bool:
    """Tell whether a line is one of a store of vectors."""
    try:
        return bool(_decode(line).vector)
    except msgspec.DecodeError:
        return False


class Cached:
    """An embedder that looks into a store first. Lines that are none of its own are left alone."""

    def __init__(self, embedder: Embedder, store: Store) -> None:
        self.identity, self.threshold = embedder.identity, embedder.threshold
        self.hits = 0
        self._embedder, self._store = embedder, store
        self._known: dict[bytes, int] = {}
        for offset, line in store.lines():
            try:
                found = _decode(line)
                key = bytes.fromhex(found.text)
            except (msgspec.DecodeError, ValueError):
                continue  # a line that a killed run left torn
            if found.embedder == self.identity:
                self._known[key] = offset

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors, of which only the unknown ones are computed."""
        import numpy as np

        keys = [digest(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        self.hits += sum(key in self._known for key in keys)
        made = self._embedder.embed(list(new.values())) if new else ()
        fresh = dict(zip(new, made, strict=True))
        for key, vector in fresh.items():
            text = base64.b64encode(vector.astype("<f4").tobytes()).decode()
            line = _encode(_Line(self.identity, key.hex(), text))
            self._known[key] = self._store.append(line, durable=False)
        return np.stack([fresh[key] if key in fresh else self._at(key) for key in keys])

    def _at(self, key: bytes) -> NDArray[np.float32]:
        import numpy as np

        stored = _decode(self._store.at(self._known[key])).vector
        return np.frombuffer(base64.b64decode(stored), dtype="<f4").astype(np.float32)


class CachedLearner:
    """A learner whose fitted embedder is cached."""

    def __init__(self, learner: Learner, store: Store) -> None:
        self._learner, self._store = learner, store

    def fit(self, texts: Iterable[str]) -> Cached:
        """Return the fitted embedder; its identity holds what it has learnt."""
        return Cached(self._learner.fit(texts), self._store)

    def count(self, texts: Iterable[str]) -> NDArray[np.int64]:
        return self._learner.count(texts)

    def learnt(self, counts: NDArray[np.int64]) -> Cached:
        return Cached(self._learner.learnt(counts), self._store)
