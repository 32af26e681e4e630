"""An NLI cross-encoder from a local folder: a passage entails a claim, contradicts it, or neither.

Memory: the model. Nothing is downloaded, and no code of the folder is run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from synthgate.errors import UsageError

INSTALL = "pip install 'synthgate[semantic]'"


class Opinion(NamedTuple):
    """Probabilities of a model, each from 0 to 1."""

    entailment: float
    contradiction: float


class Entailment:
    """Asks a cross-encoder; `name` is the folder, `digest` stands for its weights and labels."""

    def __init__(self, folder: str, model: Any) -> None:
        self.name = folder
        self._model = model
        labels = {int(at): str(name) for at, name in model.config.id2label.items()}
        self._entails = _position(folder, labels, "entail")
        self._contradicts = _position(folder, labels, "contradict")
        self.digest = _digest(model.model, labels)

    def opinions(self, pairs: Sequence[tuple[str, str]]) -> list[Opinion]:
        """Return what the model thinks of each pair of a passage and a claim."""
        scores = self._model.predict(
            [list(pair) for pair in pairs], apply_softmax=True, show_progress_bar=False
        )
        return [Opinion(float(s[self._entails]), float(s[self._contradicts])) for s in scores]


def load(folder: str) -> Entailment:
    """Return the model of a folder, or raise `UsageError` where it cannot be one."""
    if not os.path.isdir(folder):
        raise UsageError(f"--nli {folder}: no such folder; a model is never downloaded")
    try:
        from sentence_transformers import CrossEncoder
    except ImportError:
        raise UsageError(f"--nli needs sentence-transformers: {INSTALL}") from None
    with suppress(ImportError):
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
    try:
        model = CrossEncoder(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--nli {folder}: not a cross-encoder: {reason}") from None
    return Entailment(folder, model)


def _position(folder: str, labels: dict[int, str], wanted: str) -> int:
    """Return where a label stands; a model that does not name its labels is refused."""
    found = [at for at, name in labels.items() if name.casefold().startswith(wanted)]
    if len(found) != 1:
        shown = ", ".join(labels.values())
        raise UsageError(f"--nli {folder}: no NLI model: no label {wanted}* among {shown}")
    return found[0]


def _digest(network: Any, labels: dict[int, str]) -> str:
    """Return a SHA-256 over the labels and every weight: the same folder may hold another model."""
    hashed = hashlib.sha256(repr(sorted(labels.items())).encode())
    for name, tensor in sorted(network.state_dict().items()):
        hashed.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        hashed.update(_bytes(tensor))
    return hashed.hexdigest()


def _bytes(tensor: Any) -> bytes:
    """Return a tensor's bytes, of types that numpy does not know as well."""
    import torch

    plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    raw: bytes = plain.numpy().tobytes()
    return raw
