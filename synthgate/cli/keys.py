"""Single keys from a terminal, by name, whatever is pasted into it ignored."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from types import TracebackType
from typing import Any, Self

_NAMES = {
    "\r": "enter", "\n": "enter", " ": "space", "\x7f": "backspace", "\x08": "backspace",
    "\x1b": "esc", "\x1b[C": "right", "\x1b[D": "left", "\x1bOC": "right", "\x1bOD": "left",
    "\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down",
    "\x1b[5~": "up", "\x1b[6~": "space", "\x1b[H": "home", "\x1b[F": "end",
}  # fmt: skip
_PASTE, _PASTED = "\x1b[200~", b"\x1b[201~"
_ON, _OFF = "\x1b[?2004h", "\x1b[?2004l"  # bracketed paste: pasted text comes in marks
_WAIT = 0.05  # seconds for the rest of an escape sequence


class Keyboard:
    """The terminal on stdin, read key by key for the time of a `with` block."""

    def __init__(self) -> None:
        self._handle = sys.stdin.fileno()
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._handle)
        tty.setcbreak(self._handle, termios.TCSADRAIN)
        mode = termios.tcgetattr(self._handle)
        mode[6][termios.VSUSP] = b"\x00"  # a stopped reviewer would leave the screen as it is
        termios.tcsetattr(self._handle, termios.TCSADRAIN, mode)
        sys.stderr.write(_ON)
        sys.stderr.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.stderr.write(_OFF)
        sys.stderr.flush()
        termios.tcsetattr(self._handle, termios.TCSADRAIN, self._before)

    def read(self, wait: float | None = None) -> str:
        """Return the next key: a name, or the character; "" after `wait` seconds without one.

        What is pasted is no key; the end of input is `q`.
        """
        while True:
            if wait is not None and not self._ready(wait):
                return ""
            text = self._sequence()
            if text != _PASTE:
                return _NAMES.get(text, text if text.isprintable() else "") if text else "q"
            pasted = b""
            while not pasted.endswith(_PASTED) and (more := os.read(self._handle, 1)):
                pasted = (pasted + more)[-len(_PASTED) :]

    def _sequence(self) -> str:
        """Return one character or one escape sequence; "" at the end of input."""
        found = os.read(self._handle, 1)
        if not found:
            return ""
        if found == b"\x1b":
            while self._ready(_WAIT) and not _whole(found):
                found += os.read(self._handle, 1)
        elif found[0] >= 0xC0:
            found += b"".join(os.read(self._handle, 1) for _ in range(_following(found[0])))
        return found.decode("utf-8", "replace")

    def _ready(self, wait: float) -> bool:
        return bool(select.select([self._handle], [], [], wait)[0])


def _whole(found: bytes) -> bool:
    """Tell whether an escape sequence has its last byte."""
    if found[:2] not in (b"\x1b[", b"\x1bO"):
        return len(found) > 1
    return len(found) > 2 and 0x40 <= found[-1] <= 0x7E


def _following(first: int) -> int:
    """Return how many bytes follow the first of a UTF-8 character."""
    return 1 if first < 0xE0 else 2 if first < 0xF0 else 3


def typed(text: str, key: str) -> str:
    """Return a text after one more key of somebody who types it."""
    if key == "backspace":
        return text[:-1]
    key = " " if key == "space" else key
    return text + key if len(key) == 1 else text
