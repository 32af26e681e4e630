"""Functions that compute nothing: tests that one of them passes show nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


class CandidateError(Exception):
    """What the candidate raised, where that is no built-in exception."""


def with_back(call: Function, back: Function) -> Function:
    """Return a function that knows its variant for calls that are to change their arguments."""
    call.back = back  # type: ignore[attr-defined]
    return call


def stand_in(function: Function) -> Function:
    """Return a stand-in that is given copies, as a candidate is."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*copy.deepcopy(args), **copy.deepcopy(kwargs))

    return with_back(call, function)


def _raises(kind: type[Exception]) -> Function:
    def function(*_args: Any, **_kwargs: Any) -> Any:
        raise kind("stand-in")

    return function


def _first(*args: Any, **kwargs: Any) -> Any:
    return args[0] if args else next(iter(kwargs.values()), None)


def _last(*args: Any, **kwargs: Any) -> Any:
    return [*args, *kwargs.values()][-1] if args or kwargs else None


def _empties(*args: Any, **kwargs: Any) -> Any:
    given = _first(*args, **kwargs)
    if isinstance(given, list | dict | set | bytearray):
        given.clear()
    return given


def constant(value: Any) -> Function:
    """Return a function that answers the same to everything."""
    return lambda *_args, **_kwargs: copy.copy(value)


_CONSTANTS: list[Any] = [None, True, False, 0, 1, -1, 0.0, float("nan"), "", [], {}, ()]
_ERRORS = (CandidateError, ValueError, TypeError, KeyError, IndexError, ZeroDivisionError)
STAND_INS: dict[str, Function] = {
    "returns its argument": _first,
    "returns its last argument": _last,
    "empties its argument": _empties,
    **{f"returns {value!r}": constant(value) for value in _CONSTANTS},
    **{f"raises {kind.__name__}": _raises(kind) for kind in _ERRORS},
}
