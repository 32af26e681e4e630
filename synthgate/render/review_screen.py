"""A row to be reviewed, as the lines of a terminal: every character visible, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from rich.console import Console
from rich.text import Text

from synthgate.review.items import parts
from synthgate.review.state import HELP, Mark, State
from synthgate.review.words import of_mark, place
from synthgate.rows import Row
from synthgate.text import printable, shown

COLOURS = {
    "pass": "green", "fail": "red", "edit": "yellow", "unsure": "magenta", "skip": "blue",
    "PASS": "bold green", "STOP": "bold red",
}  # fmt: skip
_KEYS = (
    ("p", "pass"), ("f", "fail"), ("e", "edit"), ("u", "unsure"), ("n", "note"), ("b", "back"),
    ("space", "page"), ("?", "help"), ("q", "end"),
)  # fmt: skip
_PIECE = 2000  # characters that are wrapped at a time, so that a huge row shows at once
_ABOVE, _BELOW = 3, 3  # lines around the row
_WIDEST = 110  # columns of a line that can still be read


class Body:
    """The lines of a row at one width, made as far as they are looked at."""

    def __init__(self, row: Row, console: Console, width: int) -> None:
        self._console, self._width = console, max(10, min(width - 4, _WIDEST))
        self._source = self._lines(row)
        self._made: list[Text] = []

    def page(self, number: int, size: int) -> list[Text]:
        """Return the lines of a page, from 0."""
        wanted = (number + 1) * size
        self._made += islice(self._source, max(0, wanted - len(self._made)))
        return self._made[number * size : wanted]

    def more(self, number: int, size: int) -> bool:
        """Tell whether there is a page behind this one."""
        return bool(self.page(number + 1, size))

    def last(self, size: int) -> int:
        """Return the number of the last page; every line is made for it."""
        self._made += self._source
        return max(0, (len(self._made) - 1) // size)

    def _lines(self, row: Row) -> Iterator[Text]:
        for count, part in enumerate(parts(row.value)):
            if count:
                yield Text()
            yield Text(f" {printable(part.name) or '(no name)'}", style="bold cyan")
            if not part.text:
                yield Text("   (empty)", style="dim italic")
            for line in part.text.split("\n") if part.text else ():
                yield from self._wrapped(line)

    def _wrapped(self, line: str) -> Iterator[Text]:
        line = line.expandtabs(4)
        for at in range(0, max(1, len(line)), _PIECE):
            text = Text()
            for piece, escape in shown(line[at : at + _PIECE]):
                text.append(piece, style="reverse red" if escape else "")
            for each in text.wrap(self._console, self._width, overflow="fold"):
                yield Text("   ").append_text(each)


def body_size(height: int) -> int:
    """Return how many lines of a row fit between what stands above and below it."""
    return max(1, height - _ABOVE - _BELOW)


def screen(
    console: Console,
    state: State,
    body: list[Text],
    told: tuple[str, str, str],
    foot: list[Text],
) -> list[Text]:
    """Return all lines of the screen; `told` is (reviewer, verdict or "", what the plan says)."""
    width, height = console.size
    lines = [_head(state, told, width), _bar(state, width), _rule(width)]
    lines += body[: body_size(height)]
    lines += [Text()] * (height - _BELOW - len(lines))
    lines += [_rule(width), *foot][:_BELOW]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
        line.no_wrap = True
    return lines[:height]


def _head(state: State, told: tuple[str, str, str], width: int) -> Text:
    reviewer, verdict, words = told
    head = Text().append(f" {place(state)}", style="bold")
    name = f"  {printable(reviewer)}"[:24]
    if head.cell_len + len(name) + len(words) + 3 <= width:
        head.append(name, style="dim")
    else:  # a narrow window: the plan's state matters more
        words = words.replace(" more", "")
    plan = Text(words, style=COLOURS.get(verdict, "cyan"))
    gap = max(2, width - head.cell_len - plan.cell_len - 1)
    return head.append(" " * gap).append_text(plan)


def _bar(state: State, width: int) -> Text:
    """Return one cell for each row, or for several where there are more rows than cells."""
    count, bar = len(state.ids), Text(" ")
    cells = min(count, width - 2)
    for cell in range(cells):
        first, last = cell * count // cells, max((cell + 1) * count // cells, 1)
        marks = [state.marks.get(row_id, Mark()) for row_id in state.ids[first:last]]
        said = next((m.verdict for m in marks if m.verdict not in ("", "pass")), marks[0].verdict)
        here = first <= state.at < last
        closed = not said and not state.open(state.ids[first])
        style = COLOURS.get(said, "bright_black")
        if here:
            bar.append("●", style=f"bold {style if said else 'white'}")
        else:
            bar.append("━" if said or closed else "─", style=style)
    return bar


def _rule(width: int) -> Text:
    return Text("─" * width, style="bright_black")


def keys_line(state: State, page: int, more: bool) -> list[Text]:
    """Return what the keys do here, and what was said about the shown row."""
    if state.mode == "reason":
        pairs = [(str(number), printable(text)) for number, text in enumerate(state.reasons, 1)]
        half = (len(pairs) + 2) // 2
        first = Text().append(" fail, why? ", style="bold red")
        first.append_text(_hints(pairs[: half - 1]))
        return [first, _hints([*pairs[half - 1 :], ("enter", "no reason")])]
    said = Text(" ")
    if state.mark.verdict or state.mark.note:
        told = "" if state.mark.verdict == "skip" else "you said: "
        colour = COLOURS.get(state.mark.verdict, "")
        said.append(f"{told}{printable(of_mark(state.mark))}  ", colour)
    if page or more:
        where = f"page {page + 1}" + (", more below: space" if more else ", the last")
        said.append(where, style="yellow" if more else "dim")
    return [_hints(list(_KEYS)), said]


def _hints(pairs: list[tuple[str, str]]) -> Text:
    line = Text(" ")
    for key, meaning in pairs:
        line.append(key, style="bold reverse").append(f" {meaning}  ")
    return line


def help_lines() -> list[Text]:
    """Return the page that `?` shows."""
    lines = [Text("What each key does", style="bold"), Text()]
    lines += [
        Text(f"{key:>7}  ", style="bold").append(text, style="not bold") for key, text in HELP
    ]
    return [*lines, Text(), Text("any key: back to the row", style="dim")]


def end_lines(verdict: str, words: str, counts: str) -> list[Text]:
    """Return the page behind the last row."""
    return [
        Text("Every row has its verdict.", style="bold"),
        Text(),
        Text(f"  {words}", style=COLOURS.get(verdict, "")),
        Text(f"  {counts}"),
        Text(),
        Text("b goes back, q ends.", style="dim"),
    ]
