"""Compiling JSON Schemas and validating with them, in a process that may be killed.

Run as a program this is the worker of the check `schema`: length-prefixed JSON questions on stdin,
answers on stdout. A hostile schema, or a list of all errors under `oneOf`, can take exponential
time and memory, and the library cannot be interrupted: so the worker kills itself when its time
is up. It imports nothing of synthgate, never touches the network or a file, and knows no row.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import IO, Any

import jsonschema_rs

DRAFTS: dict[str, Any] = {
    "4": jsonschema_rs.Draft4Validator,
    "6": jsonschema_rs.Draft6Validator,
    "7": jsonschema_rs.Draft7Validator,
    "2019-09": jsonschema_rs.Draft201909Validator,
    "2020-12": jsonschema_rs.Draft202012Validator,
}
SHOWN = 5  # errors
LONGEST = 200  # characters of one of them
_MEMORY = 2 << 30
_BACKTRACKS = 100_000
_COMPILED = 64
READY = b"ready"
_PROBE: Any = {"synthgate": "is any object valid?"}
_PROBES: tuple[Any, ...] = (None, "", "synthgate", 0, -1.5, True, [], [_PROBE, 7], {}, _PROBE)


class BadSchema(Exception):
    """A schema that cannot be used; the message is one line."""


@dataclass(frozen=True)
class Report:
    """What validation found: the first errors as (JSON pointer, message), each cut to a length.

    `gave_up` says that a pattern ran into its limit, so that nothing is known of the instance.
    """

    valid: bool
    errors: list[tuple[str, str]] = field(default_factory=list)
    gave_up: bool = False


@dataclass(frozen=True)
class Compiled:
    """A schema that can be used: its validator, and the draft by which it was read."""

    validator: Any
    draft: str


def compiled(schema: Any, draft: str, *, formats: bool, registry: Any = None) -> Compiled:
    """Return a schema ready for use, or raise `BadSchema`.

    `draft` is one of `DRAFTS`, or `auto`: what `$schema` says, else 2020-12. References are
    resolved within the schema, the registry and the drafts' own meta-schemas; nothing is fetched.
    """
    if not isinstance(schema, dict | bool):
        raise BadSchema("a schema is an object, true or false")
    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)
    make = jsonschema_rs.validator_for if draft == "auto" else DRAFTS[draft]
    try:
        validator = make(
            schema,
            validate_formats=formats,
            pattern_options=options,
            registry=registry,
            offline=True,
        )
    except (ValueError, jsonschema_rs.ReferencingError, RecursionError) as error:
        raise BadSchema(_one_line(error)) from None
    names = {kind: name for name, kind in DRAFTS.items()}
    return Compiled(validator, names[type(validator)])


def _one_line(error: Exception) -> str:
    """Return the first line of an error of the library, with where in the schema it is."""
    said = str(getattr(error, "message", error)).partition("\n")[0]
    where = pointer(getattr(error, "instance_path", None) or [])
    return f"{where}: {said}"[:LONGEST] if where else said[:LONGEST]


def is_vacuous(schema: Compiled) -> bool:
    """Tell whether a schema accepts null, texts, numbers, lists and objects alike."""
    return all(schema.validator.is_valid(probe) for probe in _PROBES)


def examine(schema: Compiled, instance: Any) -> Report:
    """Return what validation says of an instance, with its first errors."""
    if schema.validator.is_valid(instance):
        return Report(True)
    errors = []
    for error in islice(schema.validator.iter_errors(instance), SHOWN):
        if type(error.kind).__name__ in ("BacktrackLimitExceeded", "RegexEngineFailure"):
            return Report(False, gave_up=True)
        errors.append((pointer(error.instance_path)[:LONGEST], error.message[:LONGEST]))
    return Report(False, errors)


def pointer(path: list[str | int]) -> str:
    """Return the JSON pointer of a path, "" for the whole document."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


# --- the worker -------------------------------------------------------------------------


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the next message of a stream, None where it ends."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    body = stream.read(size)
    return body if len(body) == size else None


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Write one message to a stream."""
    stream.write(len(body).to_bytes(4, "big") + body)
    stream.flush()


def serve(questions: IO[bytes], answers: IO[bytes], seconds: float) -> None:
    """Answer questions until their stream ends; one that takes too long kills the process.

    The alarm has its default action, which ends the process even inside the library.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    known: dict[str, Compiled] = {}
    write_frame(answers, READY)
    while (question := read_frame(questions)) is not None:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _answer(json.loads(question), known)
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(answers, json.dumps(answer).encode())


def _answer(question: dict[str, Any], known: dict[str, Compiled]) -> dict[str, Any]:
    """Return the report on one question as plain JSON, or what is wrong with its schema."""
    text = question["schema"]
    try:
        schema = known.get(text)
        if schema is None:
            formats = question["formats"]
            schema = compiled(json.loads(text), question["draft"], formats=formats)
            if len(known) >= _COMPILED:
                known.clear()
            known[text] = schema
    except BadSchema as error:
        return {"bad_schema": str(error)}
    if question["untrusted"] and is_vacuous(schema):
        return {"vacuous": True, "draft": schema.draft}
    return {**asdict(examine(schema, json.loads(question["instance"]))), "draft": schema.draft}


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer, float(sys.argv[1]))
