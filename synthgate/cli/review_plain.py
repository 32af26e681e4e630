"""The reviewer without a screen: rows as plain text, keys as lines of stdin.

For screen readers, dumb terminals and pipes. `f 2` is a fail with its reason, `n TEXT` a note.
"""

from __future__ import annotations

import sys

from synthgate.cli.desk import Desk
from synthgate.review.items import parts
from synthgate.review.state import HELP
from synthgate.review.words import of_mark, place
from synthgate.text import printable


def review(desk: Desk) -> None:
    """Review until `q` or the end of stdin."""
    _show(desk)
    for line in sys.stdin:
        at, words = desk.state.at, line.strip()
        key, rest = words[:1], words[1:].strip()
        if key == "n" and rest:
            desk.note(rest)
        elif key == "e":
            _say("edits need a terminal, or audit review --html")
        elif desk.press(key) == "quit":
            return
        elif desk.state.mode == "reason":
            desk.press(rest if rest else "enter")
        if key == "?":
            desk.press("enter")
            _say("\n".join(f"{name:>6}  {what}" for name, what in HELP))
        if desk.state.at != at:
            _show(desk)


def _show(desk: Desk) -> None:
    """Say where we are, and the whole row."""
    _say(f"--- {place(desk.state)} · {desk.standing}")
    if desk.row is None:
        return
    for part in parts(desk.row.value):
        _say(f"{printable(part.name)}:")
        _say("\n".join(f"  {printable(line)}" for line in part.text.split("\n")))
    if desk.state.mark.verdict:
        _say(f"you said: {printable(of_mark(desk.state.mark))}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
