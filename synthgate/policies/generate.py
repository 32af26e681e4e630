"""The settings of `generate`."""

from __future__ import annotations

from typing import Annotated, Literal

from synthgate.policies.base import Flag, Ge, Gt, Le, Settings


# fmt: off
class GeneratePolicy(Settings):
    """Prompts x samples through one generator."""

    samples: Annotated[int, Ge(1), Flag("answers wanted for each prompt")] = 3
    generator: Annotated[str, Flag("kind of generator: chat | command | local, or that of a plug-in", (), "NAME")] = "chat"
    base_url: Annotated[str, Flag("OpenAI-compatible server, with or without /v1", (), "URL")] = ""
    model: Annotated[str, Flag("model name as the server knows it", (), "NAME")] = ""
    system: Annotated[str, Flag("system message put before every prompt", (), "TEXT")] = ""
    temperature: Annotated[float, Ge(0), Flag("sampling temperature")] = 1.0
    top_p: Annotated[float, Gt(0), Le(1), Flag("nucleus sampling")] = 1.0
    max_tokens: Annotated[int, Ge(1), Flag("limit of an answer; not part of the journal key")] = 1024
    raised_max_tokens: Annotated[int, Ge(0), Flag("limit for the one more try of an answer that was cut off [default: twice --max-tokens]; as low as --max-tokens: none")] = 0
    extra_body: Annotated[str, Flag("JSON object put into every request, such as {\"reasoning_effort\":\"none\"}", (), "JSON")] = ""
    schema: Annotated[str, Flag("JSON Schema that every answer must fit; checked here whatever the server says", (), "FILE")] = ""
    schema_dialect: Annotated[Literal["auto", "openai", "llamacpp", "json", "none"], Flag("how the server is asked for the schema: response_format json_schema, json_object with it, json_object alone, not at all; the next one after a 400", inert=True)] = "auto"
    journal: Annotated[str, Flag("append-only file of raw answers: resume, cache, replay", (), "FILE")] = ""
    offline: Annotated[bool, Flag("answer from the journal only", inert=True)] = False
    unknown_sampling: Annotated[bool, Flag("the journal was recorded with sampling parameters that nobody wrote down (only with --offline)")] = False
    ask_again: Annotated[bool, Flag("ask again for what was paid for and is no answer: refused, filtered, empty, against the schema", inert=True)] = False
    batch_out: Annotated[str, Flag("write what the journal does not have as OpenAI batch files and call nothing", (), "FILE")] = ""
    batch_in: Annotated[tuple[str, ...], Flag("results of batches, in any order; what is missing is called for, or written with --batch-out", (), "FILE")] = ()
    concurrency: Annotated[int, Ge(1), Le(1024), Flag("most calls in flight; fewer after a burst of 429", inert=True)] = 8
    attempts: Annotated[int, Ge(1), Le(100), Flag("calls made for one answer where the fault may pass", inert=True)] = 5
    timeout: Annotated[float, Gt(0), Flag("seconds for one call, all in all", inert=True)] = 120.0
    longest_wait: Annotated[float, Ge(0), Flag("seconds; a server that asks to wait longer ends the run", inert=True)] = 60.0
    stall: Annotated[float, Gt(0), Flag("seconds without any answer that end the run", inert=True)] = 600.0
    rpm: Annotated[int, Ge(0), Flag("most calls a minute; 0 is no limit", inert=True)] = 0
    tpm: Annotated[int, Ge(0), Flag("most tokens a minute, prompts and answers; 0 is no limit", inert=True)] = 0
    budget_tokens: Annotated[int, Ge(0), Flag("tokens that this run may use, failed calls too; 0 is no limit", inert=True)] = 0
    budget_usd: Annotated[float, Ge(0), Flag("dollars that this run may cost, failed calls too; needs prices; 0 is no limit", inert=True)] = 0.0
    price_in: Annotated[float, Ge(0), Flag("dollars for a million tokens of prompts", inert=True)] = 0.0
    price_out: Annotated[float, Ge(0), Flag("dollars for a million tokens of answers", inert=True)] = 0.0
    api_key_env: Annotated[str, Flag("environment variable that holds the API key", (), "NAME", inert=True)] = ""
    api_key_file: Annotated[str, Flag("file that holds the API key", (), "FILE", inert=True)] = ""
    output_field: Annotated[str, Flag("field for the answer", (), "FIELD")] = "output"
    generator_generation: Annotated[int, Ge(-1), Flag("largest generation in the generator's own training data; -1 unknown")] = 0
    command: Annotated[str, Flag("program of --generator command: the prompt as JSON on stdin, the answer on stdout", (), "PROGRAM")] = ""
    weights: Annotated[str, Flag("model of --generator local (default: SmolLM2-135M-Instruct)", (), "FILE")] = ""
    strategy: Annotated[str, Flag("attributes | critique | edge-cases | evolve | exercises | gaps | label | plain | schema | self-instruct | stand-in | verbalized (default: attributes where one is named, else plain)", (), "NAME")] = ""
    attribute: Annotated[tuple[str, ...], Flag("an axis to spread rows over, NAME=VALUE|VALUE or NAME=@FILE; repeatable", (), "AXIS")] = ()
    rounds: Annotated[int, Ge(1), Le(20), Flag("revisions of critique, evolutions of evolve")] = 2
    per_call: Annotated[int, Ge(1), Le(100), Flag("candidates of verbalized, tests of exercises in one call")] = 5
    rouge: Annotated[float, Gt(0), Le(1), Flag("ROUGE-L with the pool from which self-instruct drops a task")] = 0.7
    principles: Annotated[str, Flag("principles of critique, one a line", (), "FILE")] = ""
    gaps: Annotated[str, Flag("gaps to fill: the manifest of cluster-cap --against, or report --json", (), "FILE")] = ""
    templates: Annotated[str, Flag("prompt templates NAME.j2 in place of the strategy's own", (), "DIR")] = ""
    send_real: Annotated[bool, Flag("stand-in: real rows may be sent to this generator", inert=True)] = False
    exclude: Annotated[tuple[str, ...], Flag("exclusions, such as trace writes: what they name is not asked, and no row of theirs is made; repeatable", (), "FILE")] = ()
    origins: Annotated[str, Flag("where each row's prompt, answer and model are told, one JSON line a row", (), "FILE")] = ""
