"""The reviewer in a terminal: one key, one line in the log, the next row."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from synthgate.cli.desk import Desk
from synthgate.cli.keys import Keyboard, typed
from synthgate.errors import UsageError
from synthgate.render import review_screen as view
from synthgate.text import printable

_PAGES = ("space", "down", "up", "home", "end")
_WAIT = 0.5  # seconds between looks at the size of the window


class Terminal:
    """Shows the desk's row, hands it keys, and edits in the user's own editor."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.console = Console(file=sys.stderr, highlight=False, emoji=False, markup=False)
        self.page, self.message = 0, ""
        self._body: view.Body | None = None
        self._shown: tuple[int, int] = (-1, 0)

    def run(self) -> None:
        """Review until the reviewer ends it."""
        ended = False
        while not ended:
            with ExitStack() as stack:
                screen = stack.enter_context(self.console.screen())
                keyboard = stack.enter_context(Keyboard())
                asked = self._until_asked(screen, keyboard)
                if asked == "note":
                    self._note(screen, keyboard)
            if asked in ("edit", "whole"):
                self._edit(asked == "whole")
            ended = asked == "quit"

    def _until_asked(self, screen: Any, keyboard: Keyboard) -> str:
        """Take keys until one needs more than the desk: quit, note, edit, edit of the whole row."""
        while True:
            self._draw(screen)
            key = self._key(keyboard)
            self.message = ""
            if key in _PAGES and self.desk.state.mode == "row":
                self._turn(key)
                continue
            asked = self.desk.press(key)
            if asked:
                return "whole" if key == "E" else asked

    def _key(self, keyboard: Keyboard) -> str:
        """Return the next key; "" where the window has another size."""
        size = self.console.size
        while not (key := keyboard.read(_WAIT)):
            if self.console.size != size:
                return ""
        return key

    def _turn(self, key: str) -> None:
        """Go to another page of the row."""
        size = view.body_size(self.console.size.height)
        self._lines(size)  # of the window as it is now
        if key in ("up", "home") or self._body is None:
            self.page = max(0, self.page - 1) if key == "up" else 0
        elif key == "end":
            self.page = self._body.last(size)
        elif self._body.more(self.page, size):
            self.page += 1

    def _draw(self, screen: Any, foot: list[Text] | None = None) -> None:
        state, size = self.desk.state, view.body_size(self.console.size.height)
        told = (self.desk.reviewer, self.desk.verdict, self.desk.standing)
        lines, more = self._lines(size), False
        if self._body is not None and state.mode != "help":
            more = self._body.more(self.page, size)
        foot = foot or view.keys_line(state, self.page, more)
        if self.message:
            foot = [foot[0], Text(f" {printable(self.message)}", style="bold yellow")]
        screen.update(Group(*view.screen(self.console, state, lines, told, foot)))

    def _lines(self, size: int) -> list[Text]:
        """Return the lines between head and foot: the row's page, the help, or the end."""
        row, state = self.desk.row, self.desk.state
        if state.mode == "help":
            return view.help_lines()
        shown = (state.at, self.console.size.width)
        if shown != self._shown:
            self._shown, self.page = shown, 0
            self._body = None if row is None else view.Body(row, self.console, shown[1])
        if self._body is None:
            return view.end_lines(self.desk.verdict, self.desk.standing, self.desk.counts)
        return self._body.page(self.page, size)

    def _note(self, screen: Any, keyboard: Keyboard) -> None:
        """Take a note, typed below the row; esc leaves it as it was."""
        text = self.desk.state.mark.note
        while True:
            prompt = (
                Text(" note: ", style="bold").append(printable(text), style="not bold").append("▏")
            )
            self._draw(screen, [prompt, Text(" enter keeps it, esc does not", style="dim")])
            key = self._key(keyboard)
            if key == "esc":
                return
            if key == "enter":
                self.desk.note(text)
                return
            text = typed(text, key)

    def _edit(self, whole: bool) -> None:
        """Let the user's editor change the row; the terminal is its own meanwhile."""
        text, json = self.desk.draft(whole)
        while True:
            edited, problem = in_editor(text, ".json" if json else ".txt")
            self.message = problem or self.desk.edit(edited, json)
            if not self.message.startswith("the edited row is not a row"):
                return
            text = edited
            sys.stderr.write(f"{printable(self.message)}\nEnter edits it again, q drops the edit: ")
            sys.stderr.flush()
            if sys.stdin.readline()[:1] in ("q", ""):
                return


def in_editor(text: str, suffix: str) -> tuple[str, str]:
    """Return (the text that the user's editor left, what went wrong or "").

    A last line end that editors add by themselves is no change.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="synthgate-") as folder:
        path = os.path.join(folder, f"row{suffix}")
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        try:
            done = subprocess.run([*shlex.split(command), path], check=False)  # noqa: S603 - the user's own editor
            with open(path, encoding="utf-8", newline="") as file:
                found = file.read()
        except (OSError, ValueError) as error:
            return text, f"{command}: cannot edit: {error}"
    if done.returncode:
        return text, f"{command} ended with {done.returncode}: no verdict"
    return found if text.endswith("\n") else found.removesuffix("\n"), ""


def refuse() -> None:
    """Raise `UsageError` where there is no terminal to draw on."""
    if not sys.stderr.isatty():
        raise UsageError("the reviewer draws on stderr, which is no terminal")
