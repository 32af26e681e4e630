"""The settings of `run`."""

from __future__ import annotations

from typing import Annotated

from synthgate.policies.base import Flag, Settings


# fmt: off
class RunPolicy(Settings):
    """The whole pipeline into one folder."""

    prompts: Annotated[str, Flag("prompts for generate", (), "FILE")] = ""
    candidates: Annotated[str, Flag("start from these rows instead of generating", (), "FILE")] = ""
    folder: Annotated[str, Flag("run folder", (), "DIR")] = "run"
    prompt_field: Annotated[str, Flag("field of the prompt text, dotted", (), "FIELD")] = ""
    response_field: Annotated[str, Flag("field of the response text, dotted", (), "FIELD")] = ""
    exclude: Annotated[tuple[str, ...], Flag("exclusions for generate, dedupe and blend; repeatable", (), "FILE")] = ()
    seed: Annotated[int, Flag("every draw is hash(seed, id)")] = 0
