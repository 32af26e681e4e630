"""A plain Python function as a generator, for the Python API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from synthgate.formats import text_of
from synthgate.generators import Answer, Request


class FunctionGenerator:
    """Calls `function(prompt)` for every request; what is no text is no answer."""

    def __init__(self, function: Callable[[str], object], identity: str = "") -> None:
        self.function = function
        self.identity = identity or name_of(function)

    def answers(self, requests: Iterable[Request]) -> Iterator[Answer]:
        """Yield the function's answers in order. What it raises is not caught: it is the user's."""
        for request in requests:
            text = self.function(text_of(request.messages[-1]["content"]) or "")
            if type(text) is str and text.strip():
                yield Answer(text)
            else:
                yield Answer(reason="empty", detail=f"the generator returned {type(text).__name__}")


def name_of(function: object) -> str:
    """Return what a function is called in provenance: `module.name`, or its class's name."""
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", "") or ""
    return f"{module}.{getattr(named, '__qualname__', 'function')}".lstrip(".")
