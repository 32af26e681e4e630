"""What a row says of how its answer ended."""

from __future__ import annotations

from collections.abc import Iterator

from synthgate.rows import Value

_REASONS = ("finish_reason", "finishReason", "stop_reason", "done_reason")
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})


def cut_off(value: Value) -> str:
    """Return the reason for which a row says that its answer was cut at a limit, else "".

    It stands in the row (`finish_reason`, or `stop_reason` and the like), in its last turn, in its
    metadata, or in the choices of a raw answer of a server.
    """
    for holder in _holders(value):
        for name in _REASONS:
            said = holder.get(name)
            if type(said) is str and said.lower() in _CUT:
                return said
    return ""


def _holders(value: Value) -> Iterator[Value]:
    """Yield the objects of a row in which a finish reason may stand."""
    yield value
    for name in ("meta", "metadata", "response", "body"):
        inner = value.get(name)
        if type(inner) is dict:
            yield from _holders(inner)
    incomplete = value.get("incomplete_details")
    if type(incomplete) is dict:
        yield {"finish_reason": incomplete.get("reason")}
    for name in ("choices", "candidates", "messages", "conversations"):
        listed = value.get(name)
        if type(listed) is list:
            last = listed[-1:] if name in ("messages", "conversations") else listed
            yield from (item for item in last if type(item) is dict)
