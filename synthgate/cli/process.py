"""The process around a command: its standard streams, its signals, its last words."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any

from synthgate.errors import ConfigError, Terminated, UsageError


def complain(error: object) -> None:
    """Say what is wrong in one line per finding, nothing in it able to steer a terminal."""
    from synthgate.text import printable

    several = isinstance(error, ConfigError | str)  # a file name may hold a line end
    findings = str(error).split("\n") if several else [str(error)]
    with contextlib.suppress(OSError):
        for line in findings:
            sys.stderr.write(f"synthgate: {printable(line)}\n")


def failure(error: OSError) -> str:
    """Return what the operating system refused, in plain words, and of which file."""
    text = (error.strerror or str(error)).lower()
    return f"{error.filename}: {text}" if isinstance(error.filename, str) else text


def refuse_unknown(prefix: str, known: Iterable[str]) -> None:
    """Refuse a variable of a command's environment that is none of its options.

    A threshold that is spelt wrong would be a gate that is left open.
    """
    for name in sorted(os.environ):
        option = name.removeprefix(prefix).lower()
        if name.startswith(prefix) and option not in known and name != "SYNTHGATE_RUN_DIR":
            from difflib import get_close_matches

            near = get_close_matches(option, list(known), n=1, cutoff=0.5)
            hint = f"; did you mean {prefix}{near[0].upper()}?" if near else ""
            raise UsageError(f"{name}: no such option{hint}")


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IMPORTS = "<frozen importlib._bootstrap>"  # the file of the frames that load modules
_heard: list[int] = []


def exit_at_once() -> None:
    """Let a signal end the process right away: there is nothing to clean up yet.

    Raising waits until everything is loaded: libraries that are just being imported do not take
    an exception well.
    """
    _handle(dict.fromkeys(_SIGNALS, lambda signum, _: os._exit(128 + signum)))


@contextlib.contextmanager
def cleaning_up() -> Iterator[None]:
    """Let every cleanup run when a signal asks this process to end.

    Not by KeyboardInterrupt: once that has passed through an `exec` of a library, Python ends by
    the signal itself, whatever exit code is asked for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    _heard.clear()
    _handle(dict.fromkeys(_SIGNALS, _terminate))
    try:
        yield
    finally:
        _handle(before)
        heed()


def heed() -> None:
    """Raise a signal once more that was heard, but lost on its way here.

    It may have been raised below a library that drops what it does not expect: msgspec does so
    where it hashes a type.
    """
    if _heard:
        raise Terminated(_heard.pop())


def _handle(handlers: Mapping[signal.Signals, Any]) -> None:
    """Set handlers; a signal that whoever started us wants ignored (nohup) stays ignored."""
    for each, handler in handlers.items():
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, handler)


def _terminate(signum: int, frame: FrameType | None) -> None:
    """Raise, but not in the middle of an import: a half-loaded module would meet the cleanups.

    It is raised where the import ends, and not some moments later: by then the run may be over.
    """
    _heard.append(signum)
    loading = _outermost_import(frame)
    if loading is None:
        raise Terminated(signum)

    def raise_after(ended: FrameType, event: str, _: object) -> None:
        if ended is loading and event == "return":
            sys.setprofile(None)
            raise Terminated(signum)

    sys.setprofile(raise_after)


def _outermost_import(frame: FrameType | None) -> FrameType | None:
    found = None
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTS:
            found = frame
        frame = frame.f_back
    return found


def flush(code: int) -> int:
    """Flush what Python would flush at exit: there, a failure would turn into a message and 120."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 141
    except OSError as error:
        if code != 2:  # else it has been said: help is flushed as it is written
            complain(f"stdout: {failure(error)}")
        code = 2
    if code in (2, 141):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    return code


def occupy_standard_descriptors() -> None:
    """Open the null device where stdin, stdout or stderr is closed.

    Otherwise the next file to be opened would take the number, and rows would go into it. It is
    opened for reading, so that writing rows to a closed stdout fails instead of losing them.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - the process's own
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
