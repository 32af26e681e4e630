"""The settings of `generate`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Gt, Le, Settings


# fmt: off
class GeneratePolicy(Settings):
    """Prompts x samples through one generator."""

    samples: Annotated[int, Ge(1), Flag("answers wanted for each prompt")] = 3
    generator: Annotated[Literal["chat"], Flag("kind of generator")] = "chat"
    base_url: Annotated[str, Flag("OpenAI-compatible server, with or without /v1", (), "URL")] = ""
    model: Annotated[str, Flag("model name as the server knows it", (), "NAME")] = ""
    system: Annotated[str, Flag("system message put before every prompt", (), "TEXT")] = ""
    temperature: Annotated[float, Ge(0), Flag("sampling temperature")] = 1.0
    top_p: Annotated[float, Gt(0), Le(1), Flag("nucleus sampling")] = 1.0
    max_tokens: Annotated[int, Ge(1), Flag("limit of an answer; not part of the journal key")] = 1024
    journal: Annotated[str, Flag("append-only file of raw answers: resume, cache, replay", (), "FILE")] = ""
    offline: Annotated[bool, Flag("answer from the journal only", inert=True)] = False
    unknown_sampling: Annotated[bool, Flag("the journal was recorded with sampling parameters that nobody wrote down (only with --offline)")] = False
    concurrency: Annotated[int, Ge(1), Le(1024), Flag("calls in flight at a time", inert=True)] = 8
    timeout: Annotated[float, Gt(0), Flag("seconds for one call, all in all", inert=True)] = 120.0
    api_key_env: Annotated[str, Flag("environment variable that holds the API key", (), "NAME", inert=True)] = ""
    output_field: Annotated[str, Flag("field for the answer", (), "FIELD")] = "output"
    generator_generation: Annotated[int, Ge(-1), Flag("largest generation in the generator's own training data; -1 unknown")] = 0
