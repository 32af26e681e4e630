"""The report as Markdown for a pull request or a job summary: always shorter than 1 MiB.

Texts of rows are hostile. A word that is more than letters, digits and plain punctuation stands in
a code span, where neither Markdown nor HTML nor a mention nor an automatic link acts; an example
stands in a fence that is longer than any in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from synthgate.render import first_screen
from synthgate.render.document import (
    Block,
    Card,
    Example,
    Examples,
    Figure,
    Section,
    Table,
    Words,
)
from synthgate.render.numbers import DASH, TIMES, count
from synthgate.render.sections import sections
from synthgate.text import printable

LIMIT = 1 << 20  # bytes; what GitHub takes as a job summary
_ROOM = 1000  # bytes left for saying that something was left out
_ROWS, _EXAMPLES = 30, 12  # of a table, of a group of examples
_CELL, _TEXT, _EXAMPLE = 160, 1000, 600  # characters of a value, a sentence, an example
_SIGN = f"[%{TIMES}]?"
_WORD = re.compile(
    r"""[("'\u201c]*(?:[^\W_]+(?:[-'\u2019][^\W_]+)*|"""
    rf"""[-+]?\d[\d.,]*\d{_SIGN}|[-+]?\d{_SIGN}|%)[)"'\u201d\u2019]*[.,;:!?\u2026]*"""
)
_ALONE = {each: each for each in (DASH, TIMES, "·", "…", "=")} | {"<": "&lt;"}
_REFERENCE = re.compile(r"(?i)\W*(?:gh-\d+|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,})\W*")
_BEGINS_A_LIST = re.compile(r"\d+[.)]|=")


def markdown(found: dict[str, Any]) -> str:
    """Return the report as Markdown; what does not fit is left out, and that is said."""
    word, words = first_screen.verdict(found)
    pieces = [f"# synthgate report: {text(word, _CELL)}\n\n{text(words)}\n", *_first(found)]
    for section in sections(found):
        pieces += _section(section)
    return _cut(pieces)


def _cut(pieces: list[str]) -> str:
    """Return as many pieces as there is room for."""
    made, size = [], 0
    for number, piece in enumerate(pieces):
        size += len(piece.encode()) + 1
        if size > LIMIT - _ROOM:
            left = count(len(pieces) - number)
            made.append(f"{left} more parts did not fit here; they are in the JSON report.\n")
            break
        made.append(piece)
    return "\n".join(made)


def text(value: str, most: int = _TEXT, *, cell: bool = False) -> str:
    """Return a text that Markdown shows as it is, its plain words plain and the rest as code."""
    rest, value = len(value) - most, value[:most]
    if not value.strip(" ") or value != " ".join(value.split()):
        made = _code(value, cell=cell) if value else ""
    else:
        made = " ".join(_words(value.split(" "), cell))
    return f"{made} … {count(rest)} more characters" if rest > 0 else made


def _words(words: list[str], cell: bool) -> Iterator[str]:
    """Yield plain words, and runs of others as one code span each."""
    run: list[str] = []
    for number, word in enumerate([*words, ""]):
        plain = _plain(word) and not (number == 0 and _BEGINS_A_LIST.fullmatch(word))
        if run and (plain or not word):
            kept = " ".join(run)
            bare = kept.rstrip(",;.") or kept
            yield _code(bare, cell=cell) + kept[len(bare) :]
            run = []
        if plain:
            yield _ALONE.get(word, word)
        elif word:
            run.append(word)


def _plain(word: str) -> bool:
    """Tell whether a word means nothing to Markdown, to HTML or to GitHub."""
    return word in _ALONE or bool(_WORD.fullmatch(word) and not _REFERENCE.fullmatch(word))


def _code(value: str, *, cell: bool) -> str:
    """Return a code span; a bar would end the cell of a table, so there it is an escape."""
    shown = printable(value)
    if cell:
        shown = shown.replace("|", "\\u007c")
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    padded = shown.strip(" ") and (shown[0] in "` " or shown[-1] in "` ")
    return f"{fence} {shown} {fence}" if padded else f"{fence}{shown}{fence}"


def _first(found: dict[str, Any]) -> Iterator[str]:
    for gate, code, why in first_screen.blocks(found)[:_ROWS]:
        yield f"- {text(gate, _CELL)}, exit {code}: {text(why)}"
    for what, why in first_screen.lacks(found)[:_ROWS]:
        yield f"- {text(what, _CELL)}, not shown: {text(why)}"
    cards = first_screen.cards(found)
    yield "\n## At a glance\n\n| | found | in words |\n|---|---|---|"
    yield from map(_card, cards)
    yield ""
    for card in cards:
        for block in card.blocks:
            if isinstance(block, Table | Figure):
                yield from _block(block)


def _card(card: Card) -> str:
    said = " ".join(each.text for each in card.blocks if isinstance(each, Words))
    headline = text(card.headline, _CELL, cell=True)
    return f"| {card.title} | **{headline}** | {text(said, cell=True)} |"


def _section(section: Section) -> Iterator[str]:
    yield f"\n## {section.title}\n"
    if section.why:
        yield f"not shown: {text(section.why)}\n"
        return
    yield f"{section.lead}\n"
    for part in section.parts:
        if part.title:
            yield f"### {part.title}\n"
        for block in part.blocks:
            yield from _block(block, part.title)


def _block(block: Block, under: str = "") -> Iterator[str]:
    if isinstance(block, Words):
        yield f"{text(block.text)}\n"
    elif isinstance(block, Figure):
        yield _table(block.table, under)
    elif isinstance(block, Table):
        yield _table(block, under)
    else:
        yield from _examples(block)


def _table(table: Table, under: str) -> str:
    head = " | ".join(text(each, _CELL, cell=True) for each in table.columns)
    line = "|".join("---:" if table.is_number(n) else "---" for n in range(len(table.columns)))
    title = "" if table.title == under else f"**{text(table.title, _CELL)}**\n\n"
    made = [f"{title}| {head} |", f"|{line}|"]
    for number, row in enumerate(table.rows[:_ROWS]):
        cells = [text(each, _CELL, cell=True) for each in row]
        if number in table.strong and cells[0]:
            cells[0] = f"**{cells[0]}**"
        made.append(f"| {' | '.join(cells)} |")
    left = max(table.all, len(table.rows)) - min(len(table.rows), _ROWS)
    more = f"\n{count(left)} more are not shown here.\n" if left > 0 else ""
    return "\n".join([*made, more])


def _examples(examples: Examples) -> Iterator[str]:
    whole = len(examples.items)
    yield f"**{examples.title}** ({count(whole)})\n"
    yield from map(_example, examples.items[:_EXAMPLES])
    if whole > _EXAMPLES:
        yield f"{count(whole - _EXAMPLES)} more are not shown here.\n"


def _example(example: Example) -> str:
    rest = len(example.text) - _EXAMPLE
    lines = "\n".join(map(_line, example.text[:_EXAMPLE].split("\n")))
    fence = "`" * max(3, max(map(len, re.findall("`+", lines)), default=0) + 1)
    why = f" · {text(example.why)}" if example.why else ""
    more = f"\n{count(rest)} more characters\n" if rest > 0 else ""
    head = f"{text(example.head, _CELL)} {text(example.id[:12])}".rstrip()
    return f"{head}{why}\n\n{fence}text\n{lines}\n{fence}\n{more}"


def _line(line: str) -> str:
    return "\t".join(map(printable, line.split("\t")))
