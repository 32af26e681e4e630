"""What is sent: the endpoint, the body of a request, and the dialect that a model speaks.

A server that knows a parameter by another name, or not at all, says so once with a 400. What was
learnt then holds for every later call of the run, and of the next run over the same journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from synthgate.errors import BadLine, UsageError
from synthgate.generators.answers import error_text
from synthgate.generators.record import Sampling
from synthgate.rows import lot, parse

# How a schema is asked for, the strictest way first; each one is the next try after the one before.
SCHEMA_MODES = ("json_schema", "json_object+schema", "json_object", "none")
_START = {"auto": 0, "openai": 0, "llamacpp": 1, "json": 2, "none": 3}
_OPTIONAL = ("temperature", "top_p", "seed")
_UNWANTED = re.compile(
    "unsupported|not.{0,12}support|does not|do not|only the default|unrecognized|unknown|unexpected"
    "|extra|not permitted|not allowed|invalid|deprecated|cannot|must not|instead",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a model wants to be asked: the name of its limit, what is left out, how a schema goes."""

    limit: str = "max_tokens"
    dropped: tuple[str, ...] = ()
    schema: int = 0

    def __str__(self) -> str:
        """Spell it out, as the journal keeps it; "" for what every request begins with."""
        words = [self.limit] if self.limit != "max_tokens" else []
        words += [f"-{name}" for name in self.dropped]
        words += [SCHEMA_MODES[self.schema]] if self.schema else []
        return " ".join(words)


def spoken(words: str, schema_dialect: str = "auto") -> Dialect:
    """Return the dialect that a journal spells out, no less strict than what the user asks for."""
    said = words.split()
    mode = next((SCHEMA_MODES.index(word) for word in said if word in SCHEMA_MODES), 0)
    limit = "max_completion_tokens" if "max_completion_tokens" in said else "max_tokens"
    dropped = tuple(name for name in _OPTIONAL if f"-{name}" in said)
    return Dialect(limit, dropped, max(mode, _START[schema_dialect]))


def learnt(dialect: Dialect, status: int, body: str) -> Dialect | None:
    """Return the dialect to try after a server refused a parameter; None if it named none of ours.

    Every step leads further from where it began, so that there are six at most.
    """
    if status not in (400, 422):
        return None
    said = f"{_parameter(body)} {error_text(body)}"
    if not _UNWANTED.search(said):
        return None
    if "max_tokens" in said and "max_completion_tokens" in said and dialect.limit == "max_tokens":
        return replace(dialect, limit="max_completion_tokens")
    if re.search("response_format|json_schema|json_object", said) and dialect.schema < 3:
        return replace(dialect, schema=dialect.schema + 1)
    named = [each for each in _OPTIONAL if re.search(rf"\b{each}\b", said)]
    if "temperature" in named and "top_p" in named and "both" in said:
        named = ["top_p"]
    for name in named:
        if name not in dialect.dropped:
            return replace(dialect, dropped=(*dialect.dropped, name))
    return None


def _parameter(body: str) -> str:
    """Return the name of the parameter that an error is about, where it says so in a field."""
    try:
        error = parse(body.encode()).get("error")
    except (BadLine, UnicodeEncodeError):
        return ""
    named = error.get("param") if isinstance(error, dict) else None
    return named if isinstance(named, str) else ""


def request_body(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    sampling: Sampling,
    key: str,
    limit: int,
    dialect: Dialect = Dialect(),
) -> dict[str, Any]:
    """Return the body of a chat completions request; `limit` is the most tokens of the answer."""
    if sampling == "unknown":
        raise ValueError("sampling parameters that nobody wrote down cannot be sent")
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "temperature": sampling["temperature"],
        "top_p": sampling["top_p"],
        dialect.limit: limit,
        # 31 bits: the most that every server takes.
        "seed": lot(sampling["seed"], key) >> 33,
    }
    for name in dialect.dropped:
        body.pop(name)
    if "schema" in sampling:
        body |= _schema_mode(sampling["schema"], SCHEMA_MODES[dialect.schema])
    return {**body, **sampling.get("extra", {})}


def _schema_mode(schema: Any, mode: str) -> dict[str, Any]:
    if mode == "none":
        return {}
    form: dict[str, Any] = {"type": "json_object"}
    if mode == "json_object+schema":
        form["schema"] = schema
    elif mode == "json_schema":
        named = {"name": "answer", "strict": _strict(schema), "schema": schema}
        form = {"type": "json_schema", "json_schema": named}
    return {"response_format": form}


def _strict(schema: Any) -> bool:
    """Tell whether every object requires all its properties and allows no others (`strict`)."""
    if isinstance(schema, list):
        return all(map(_strict, schema))
    if not isinstance(schema, dict):
        return True
    if isinstance(names := schema.get("properties"), dict) and (
        schema.get("additionalProperties") is not False
        or set(names) != set(schema.get("required", ()))
    ):
        return False
    return all(map(_strict, schema.values()))


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return a request as the bytes that are sent."""
    return json.dumps(body, ensure_ascii=False).encode()


def endpoint(base_url: str, flag: str = "--base-url") -> str:
    """Return the URL of chat completions for a base URL with or without `/v1`."""
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{flag} must look like https://host or http://host:port/v1")
    if parts.username or parts.query or parts.fragment:
        raise UsageError(f"{flag} must hold no user, query or fragment: it is recorded")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if path == parts.path.rstrip("/") and not re.search(r"/v\d", path):
        path += "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}/chat/completions"
