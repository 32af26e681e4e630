"""A real pseudo-terminal around a real command: type keys, look at the screen."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Any, Self

import pyte

from tests.conftest import heed_signals

PATIENCE = 120.0  # seconds; a busy machine is no failure


class PseudoTerminal:
    """A command on a terminal of its own, whose screen an emulator keeps."""

    def __init__(
        self,
        *argv: str | Path,
        env: dict[str, str] | None = None,
        size: tuple[int, int] = (100, 30),
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SYNTHGATE_")}
        clean |= {"TERM": "xterm-256color", "COLUMNS": "", "LINES": "", **(env or {})}
        clean = {key: value for key, value in clean.items() if value}
        words = [sys.executable, "-m", "synthgate", *map(str, argv)]
        self.pid, self._handle = pty.fork()
        if self.pid == 0:
            heed_signals()
            ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execve(sys.executable, words, clean)

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size."""
        ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._handle, keys.encode())

    def until(self, *words: str, gone: str = "") -> str:
        """Wait until the screen shows all of these words, and not another; return it.

        A screen counts once nothing more comes, or the command has ended: half of a new one may
        stand beside half of the old.
        """
        end = time.monotonic() + PATIENCE
        running = True
        while (running and not self._quiet()) or not self._shows(words, gone):
            if time.monotonic() > end or not running:
                raise AssertionError(f"the screen never showed {words}:\n{self.text}")
            running = self._pump(0.2)
        return self.text

    def _shows(self, words: tuple[str, ...], gone: str) -> bool:
        text = self.text
        return all(word in text for word in words) and not (gone and gone in text)

    def _quiet(self) -> bool:
        return not select.select([self._handle], [], [], 0.05)[0]

    def wait(self) -> int:
        """Wait until the command ends; return its exit code, or minus the signal."""
        end = time.monotonic() + PATIENCE
        while self._pump(0.2):
            if time.monotonic() > end:
                self.kill()
                raise AssertionError(f"the command did not end:\n{self.text}")
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End the command without any chance to clean up."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0

    def _pump(self, wait: float) -> bool:
        """Feed the emulator with what came; return False at the end of the command."""
        if not select.select([self._handle], [], [], wait)[0]:
            return True
        try:
            data = os.read(self._handle, 1 << 16)
        except OSError:
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        os.close(self._handle)


def styled(screen: Any) -> list[list[tuple[str, str, str, bool, bool]]]:
    """Return each cell of a screen: (character, foreground, background, bold, reverse)."""
    return [
        [
            (cell.data, cell.fg, cell.bg, cell.bold, cell.reverse)
            for cell in (screen.buffer[line][column] for column in range(screen.columns))
        ]
        for line in range(screen.lines)
    ]
