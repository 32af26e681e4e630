"""Sentence-transformers models: meaning beyond the words, at 20 to 1,000 times the cost.

The extra `[semantic]`. A model is a folder on this machine or a hub name; only for a hub name is
anything downloaded. A GPU is used when there is one. Vectors of one text may differ in their last
digits between devices and batches. Memory: the model, and 1.5 KiB a text.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgate.embedders import MAX_CHARS, unit
from synthgate.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

INSTALL = "uv pip install --torch-backend cpu 'synthgate[semantic]'"
THRESHOLDS = {"sentence-transformers/all-MiniLM-L6-v2": 0.45}
"""What was calibrated, by hub name (docs/cluster-cap.md says how)."""

_WEIGHTS = {
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db": (
        "sentence-transformers/all-MiniLM-L6-v2"
    )
}
_BATCH = 64
_CHUNK = 1 << 20


class Sentences:
    """One sentence-transformers model."""

    def __init__(self, name: str) -> None:
        folder = _folder(name)
        model = _loaded(folder or name, local=bool(folder))
        self._model = model
        if folder:
            digest = _digest(folder)
            known = _WEIGHTS.get(digest, "")
            self.identity = f"{known or folder.name}@sha256:{digest}"
        else:
            known = name
            self.identity = f"{name}@{_revision(model)}"
        self.threshold = THRESHOLDS.get(known, 0.0)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (len(texts), the model's dimensions); zeros for an empty text."""
        import numpy as np

        vectors: Any = self._model.encode(
            [text[:MAX_CHARS] for text in texts],
            batch_size=_BATCH,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        said = np.fromiter((bool(text.strip()) for text in texts), dtype=bool, count=len(texts))
        return unit(np.where(said[:, None], vectors, 0).astype(np.float32))


def _folder(name: str) -> Path | None:
    """Return the folder that a name means, None for a hub name; refuse a path to nothing."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists() or name.startswith((".", "~", os.sep)) or name.count("/") > 1:
        raise UsageError(f"--embedder sentence-transformers:{name}: no such folder")
    return None


def _loaded(model: Path | str, *, local: bool) -> Any:
    """Return the model; code that comes with a model is never run."""
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise UsageError(
            f"--embedder sentence-transformers needs an extra; install it with: {INSTALL}"
        ) from None
    try:
        return SentenceTransformer(str(model), local_files_only=local, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"--embedder sentence-transformers:{model}: {reason}") from None


def _digest(folder: Path) -> str:
    """Return the SHA-256 of the weights: of one file itself, of several their digests'."""
    weights = sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".bin"))
    digests = [_file_digest(path) for path in weights]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _revision(model: Any) -> str:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return getattr(config, "_commit_hash", None) or "unknown"


def build(argument: str) -> Sentences:
    """Return the embedder of the model that the argument names."""
    if not argument:
        raise UsageError("name the model: --embedder sentence-transformers:PATH_OR_NAME")
    return Sentences(argument)
