"""The errors that a user can meet, and the exit code that each one ends with.

    SynthgateError
    |-- UsageError        2  usage, configuration or policy
    |   |-- ConfigError   2  synthgate.toml, one line per finding
    |   `-- OutputError   2  an output that cannot be written
    |-- GateStop          3  a gate said no
    |-- InputError        4  input that cannot be used
    |   `-- BadLine       4  one line of it: `file:line:column: reason`
    |-- Incomplete        5  the audit needs more labels
    |-- Stale             6  evidence is missing or does not match the data
    |-- Unreachable       7  a generator, judge or engine, or a spent budget
    `-- Locked            8  another run holds the lock

Anything else that is raised is a bug in synthgate and ends with 1. Ctrl-C ends with 130,
a closed pipe with 141 and SIGTERM with 143 (`Terminated` carries a signal through cleanup).
"""

from __future__ import annotations


class SynthgateError(Exception):
    """A finding that the user can act on: one line, one exit code."""

    exit_code = 1


class UsageError(SynthgateError):
    """A flag, a configuration or a policy that cannot be followed."""

    exit_code = 2


class ConfigError(UsageError):
    """What is wrong in a configuration file: every finding on its own line."""


class OutputError(UsageError):
    """An output that cannot be written: it exists, it is the input, the disk is full."""


class GateStop(SynthgateError):
    """A gate said no: nothing flows."""

    exit_code = 3


class InputError(SynthgateError):
    """Input that cannot be used: missing, unreadable, not JSON, of the wrong shape, empty."""

    exit_code = 4


class BadLine(InputError):
    """One line that is not a usable row. Columns count bytes from 1; 0 is the whole line."""

    def __init__(self, reason: str, detail: str, column: int = 0) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.column = column

    def at(self, file: str, line: int) -> InputError:
        """Return the error as the user sees it."""
        column = f":{self.column}" if self.column else ""
        return InputError(f"{file}:{line}{column}: {self.detail}")


class Incomplete(SynthgateError):
    """The audit needs more labels before it can say anything."""

    exit_code = 5


class Stale(SynthgateError):
    """Evidence is missing or does not match the data that it is said to be about."""

    exit_code = 6


class Unreachable(SynthgateError):
    """A generator, judge or engine could not be reached, or the budget is spent."""

    exit_code = 7


class Locked(SynthgateError):
    """Another run holds the lock."""

    exit_code = 8


class Terminated(BaseException):
    """A signal asked the process to end; raised so that every cleanup runs first."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum
