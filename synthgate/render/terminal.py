"""The report as plain text: the same bytes on a terminal, in a pipe and in a log."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any
from unicodedata import combining, east_asian_width

from synthgate.render import document, first_screen
from synthgate.render.document import Block, Card, Examples, Figure, Part, Table, Words
from synthgate.render.numbers import count
from synthgate.render.sections import sections
from synthgate.text import printable

WIDTH = 100  # columns of a line
_MOST = 8
_CELL, _VALUE, _TEXT = 36, 120, 600  # characters of a cell, a name, a sentence
_LEAST = 12  # columns that a text keeps
_FEW = 3  # examples of a group; the page has the others
_FIRST = ("narrowing", "poison")  # what the first screen has said to be not shown


def terminal(found: dict[str, Any]) -> str:
    """Return the report as text; control characters of names are shown as escapes."""
    lines = [*_verdict(found), *_funnel(found), *_audit(found["audit"])]
    lines += [*_card(found, "independence", first_screen.independence)]
    lines += [*_card(found, "narrowing", first_screen.narrowing)]
    lines += [*_mix(found["mix"]), *_provenance(found["provenance"])]
    lines += [*_suspicious(found), *_sections(found)]
    return "\n".join(printable(line) for line in lines) + "\n"


def _verdict(found: dict[str, Any]) -> Iterator[str]:
    if "verdict" not in found:
        return
    word, words = first_screen.verdict(found)
    yield from _wrapped(f"{word}: {words}" if words else word, "")
    for gate, code, why in first_screen.blocks(found)[:_MOST]:
        yield from _wrapped(f"{gate} (exit {code}): {why}", "  ")


def _funnel(found: dict[str, Any]) -> Iterator[str]:
    yield "Funnel"
    if not found["funnel"]:
        yield "  not shown: no manifests (set SYNTHGATE_RUN_DIR, or name --run-dir)"
    unlinked = {each["stage"] for each in found["chain"] if each["read"] != "shown"}
    for step in found["funnel"]:
        dropped = sum(step["rejects"].values())
        ranked = sorted(step["rejects"].items(), key=lambda each: -each[1])
        reasons = ", ".join(f"{_cut(name)} {count}" for name, count in ranked)
        line = f"  {_cut(step['stage']):<14}{step['rows_in']:>9} in {step['rows_out']:>9} out"
        line += f" {dropped:>8} rejected" + (f"  ({reasons})" if reasons else "")
        yield line
        if step["stage"] in unlinked:
            yield "                what it read is not shown to be what an earlier stage wrote"


def _audit(audit: dict[str, Any] | None) -> Iterator[str]:
    yield "Audit"
    if audit is None:
        yield "  not shown: no audit was run"
        return
    yield _cut(f"  {audit['verdict']}: {audit.get('words', '')}".rstrip(": "), _TEXT)


def _mix(mix: dict[str, Any]) -> Iterator[str]:
    yield "Mix"
    yield (
        f"  {mix['rows']} rows: {mix['real']} real, {mix['synthetic']} synthetic "
        f"({mix['real_fraction']:.1%} real)"
    )
    if mix["unverified_synthetic"]:
        yield f"  {mix['unverified_synthetic']} synthetic rows are verified by nothing"


def _provenance(provenance: dict[str, dict[str, int]]) -> Iterator[str]:
    yield "Provenance"
    for field, counts in provenance.items():
        shown = [(value, rows) for value, rows in counts.items() if value]
        if not shown:
            continue
        text = ", ".join(f"{_cut(value)} {rows}" for value, rows in shown[:_MOST])
        more = f", and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
        none = f", none {counts['']}" if counts.get("") else ""
        yield f"  {_cut(field):<14}{text}{more}{none}"


def _card(found: dict[str, Any], name: str, make: Any) -> Iterator[str]:
    """Yield a card of the first screen; a report that knows nothing of it stays silent."""
    if name in found:
        card: Card = make(found)
        yield card.title
        yield from _said(card)


def _suspicious(found: dict[str, Any]) -> Iterator[str]:
    if "poison" in found or "sources" in found:
        card = first_screen.suspicious(found)
        yield card.title
        yield from _said(card)


def _said(card: Card) -> Iterator[str]:
    words = " ".join(each.text for each in card.blocks if isinstance(each, Words))
    yield from _wrapped(f"{card.headline}: {words}" if words else card.headline, "  ")
    for block in card.blocks:
        if not isinstance(block, Words):
            yield from _block(block)


def _sections(found: dict[str, Any]) -> Iterator[str]:
    """Yield the sections that were computed, and in one line the names of the others."""
    listed = [each for each in sections(found) if each.name in found and each.name != "provenance"]
    for section in listed:
        if not section.why:
            yield from _section(section.title, section.parts)
    for section in sections(found):
        parts = [part for part in section.parts if part.title == "Sources"]
        if parts and document.shown(document.section(found, "sources")):
            yield from _section(section.title, parts)
    hidden = [each.title.lower() for each in listed if each.why and each.name not in _FIRST]
    if hidden:
        yield f"Also not shown: {', '.join(hidden)} (--json says why)"


def _section(title: str, parts: Sequence[Part]) -> Iterator[str]:
    """Yield what a section has found; a part with nothing for a terminal is left out."""
    made = [(part.title, [line for each in part.blocks for line in _block(each)]) for part in parts]
    if any(lines for _, lines in made):
        yield ""
        yield title
    for name, lines in made:
        if lines and name:
            yield f"  {name}"
        yield from lines


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Words):
        yield from () if block.aside else _wrapped(block.text, "    ")
    elif isinstance(block, Examples):
        yield from _examples(block)
    else:
        yield from _table(block.table if isinstance(block, Figure) else block)


def _examples(examples: Examples) -> Iterator[str]:
    """Yield one example of each kind, a line each."""
    first = {each.head: each for each in reversed(examples.items)}
    for each in list(reversed(first.values()))[:_FEW]:
        head = f"e.g. {printable(each.head[:_CELL])}: "
        yield _cut(f"    {head}{printable(each.text[:_TEXT])}", WIDTH)


def _table(table: Table) -> Iterator[str]:
    """Yield a table in columns; the last one, where it is text, has the rest of the line."""
    brief = min(table.brief, _MOST)
    if not brief:
        return
    listed = (table.columns, *table.rows[:brief])
    cells = [[printable(_cut(each)) for each in row] for row in listed]
    wide = _widths(table, cells)
    for number, row in enumerate(cells, -1):
        start = "  ! " if number in table.strong else "    "
        yield from _row(table, row, wide, start)
    left = max(table.all, len(table.rows)) - min(len(table.rows), brief)
    if left > 0:
        yield f"    and {count(left)} more"


def _widths(table: Table, cells: list[list[str]]) -> list[int]:
    """Return how wide each column is: the widest give way, but no number is ever cut."""
    columns = list(zip(*cells, strict=True))
    least = [
        max(map(_columns, column[1:]), default=0) if table.is_number(number) else _LEAST
        for number, column in enumerate(columns)
    ]
    wide = [min(_CELL, max(map(_columns, column))) for column in columns]
    wide = [max(each, least[n]) if table.is_number(n) else each for n, each in enumerate(wide)]
    room = WIDTH - 4 - 2 * (len(wide) - 1)
    while sum(wide) > room and any(map(int.__gt__, wide, least)):
        give = max(range(len(wide)), key=lambda n: wide[n] if wide[n] > least[n] else 0)
        wide[give] -= 1
    if not table.is_number(len(wide) - 1):
        wide[-1] = max(wide[-1], room - sum(wide[:-1]))
    return wide


def _row(table: Table, row: list[str], wide: list[int], start: str) -> Iterator[str]:
    lines = textwrap.wrap(row[-1], wide[-1], break_on_hyphens=False) or [""]
    if table.is_number(len(row) - 1):
        lines = [row[-1]]
    for number, each in enumerate([*row[:-1], lines[0]]):
        said = _narrow(each, wide[number])
        blank = " " * (wide[number] - _columns(said))
        start += f"{blank}{said}  " if table.is_number(number) else f"{said}{blank}  "
    yield start.rstrip()
    indent = " " * (_columns(start) - 2 - wide[-1])
    yield from (f"{indent}{line}" for line in lines[1:])


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """Yield a sentence in lines."""
    words = printable(_cut(text, _TEXT))
    yield from textwrap.wrap(
        words, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _columns(text: str) -> int:
    """Return how many columns a text takes: two for a wide character, none for a mark."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(each) in "WF" else not combining(each) for each in text)


def _narrow(text: str, most: int) -> str:
    """Return as much of a text as has room in so many columns."""
    if _columns(text) <= most:
        return text
    kept = text[:most]
    while _columns(kept) >= most:
        kept = kept[:-1]
    return f"{kept}…"


def _cut(text: str, most: int = _VALUE) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
