"""What a setting is: a frozen class of named values, each with its flag and its bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, dataclass_transform


@dataclass(frozen=True)
class Flag:
    """How a field is shown on the command line: its help, short names and metavar.

    `inert` says that it changes how a run is done and not what comes out, so that it is no part
    of a row's `run`; so does a metavar that names a place (FILE, DIR, URL).
    """

    help: str
    names: tuple[str, ...] = ()
    metavar: str = ""
    inert: bool = False


@dataclass(frozen=True)
class Bound:
    """A limit on a number. Own, because importing a library for it costs every `--help` 10 ms."""

    kind: Literal["ge", "gt", "le", "lt"]
    value: float


def Ge(value: float) -> Bound:  # noqa: N802 - named as in annotated-types, which reads them the same
    """At least."""
    return Bound("ge", value)


def Gt(value: float) -> Bound:  # noqa: N802
    """More than."""
    return Bound("gt", value)


def Le(value: float) -> Bound:  # noqa: N802
    """At most."""
    return Bound("le", value)


def Lt(value: float) -> Bound:  # noqa: N802
    """Less than."""
    return Bound("lt", value)


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Settings:
    """A frozen set of named values with defaults, as a frozen dataclass is one.

    Own, because making a dataclass compiles code: for all of ours that is 15 ms of every `--help`.
    """

    def __init__(self, **values: Any) -> None:
        known = type(self).__annotations__
        if unknown := values.keys() - known.keys():
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update({name: getattr(self, name) for name in known} | values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).items()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


On = Literal["prompt", "response", "both"]
Share = Annotated[float, Ge(0), Le(1)]
