"""What `[models.NAME]` of the configuration declares about a model."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Ge, Settings


# fmt: off
class ModelSettings(Settings):
    """Where a model comes from, and what it was fine-tuned on."""

    family: Annotated[str, Flag("its family, for the independence of judges", (), "NAME")] = ""
    base: Annotated[str, Flag("the model that it was fine-tuned from", (), "NAME")] = ""
    teachers: Annotated[tuple[str, ...], Flag("models whose outputs it was trained on", (), "NAME")] = ()
    tuned_on: Annotated[tuple[str, ...], Flag("stamped rows that it was fine-tuned on", (), "FILE")] = ()
    generation: Annotated[int, Ge(-1), Flag("largest generation in its own training data; -1 unknown")] = -1
    own: Annotated[bool, Flag("a model that we tuned ourselves: blend wants an audit of its rows of their own")] = False
# fmt: on
