"""What a report shows, before it has a form: cards of a first screen, sections, and their blocks.

The three renderings walk the same cards and sections, so that they cannot say different things.
All texts are raw here, those of rows too; each rendering escapes every one of them in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """A sentence; `tone` is "", "dim" for what stands back, "bad" for what should worry.

    `aside` is what explains rather than finds: a terminal leaves it out.
    """

    text: str
    tone: str = ""
    aside: bool = False


@dataclass(frozen=True)
class Table:
    """A table; columns from `numbers` to `last` are numbers, `strong` are rows that stand out."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 1
    last: int = 99
    strong: frozenset[int] = frozenset()
    all: int = 0
    """How many rows there are in all, where only the first ones are here."""
    listed: bool = False
    """Whether a page may show it as a list of (what, fact, why): a card has no room for columns."""
    brief: int = 8
    """How many rows, from the first, a terminal shows: 0 where it has said the same before."""

    def is_number(self, column: int) -> bool:
        """Tell whether a column holds numbers."""
        return self.numbers <= column <= self.last


@dataclass(frozen=True)
class Figure:
    """A chart, or some side by side, over the table of what they show."""

    charts: tuple[Callable[[], str], ...]
    table: Table
    note: str = ""


@dataclass(frozen=True)
class Example:
    """A text out of a row, with what it is an example of, its id and why it is shown."""

    head: str
    text: str
    id: str = ""
    why: str = ""


@dataclass(frozen=True)
class Examples:
    """Some texts out of rows."""

    title: str
    items: tuple[Example, ...]


Block = Words | Table | Figure | Examples


@dataclass(frozen=True)
class Card:
    """One answer of the first screen: `headline` is short, `to` the section that says more.

    `tone` is "", "bad", or "open" where nothing is shown.
    """

    title: str
    headline: str
    blocks: tuple[Block, ...]
    to: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Part:
    """A group of blocks of a section, under a title of its own."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Section:
    """One section; where it is not shown, `why` says so and there are no parts."""

    name: str
    title: str
    lead: str
    parts: tuple[Part, ...]
    why: str = ""


def section(found: Found, name: str) -> Found:
    """Return a section of the report; one that is not in it is one that is not shown."""
    value = found.get(name)
    return value if isinstance(value, Mapping) else {"shown": False, "why": "not computed"}


def shown(part: Found) -> bool:
    """Tell whether a section was computed."""
    return bool(part.get("shown"))


def text(part: Found, key: str, default: str = "") -> str:
    """Return a value as text, a list with commas, "" where there is none."""
    value = part.get(key)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return default if value is None else str(value)


def each(part: Found, key: str) -> list[Found]:
    """Return the objects that stand in a list."""
    value = part.get(key)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def texts(part: Found, key: str) -> list[str]:
    """Return the texts that stand in a list."""
    value = part.get(key)
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def pairs(part: Found, key: str) -> list[tuple[str, Any]]:
    """Return the items of an object that stands under a key."""
    value = part.get(key)
    return [(str(name), one) for name, one in value.items()] if isinstance(value, Mapping) else []


def sentence(part: Found, key: str = "words", tone: str = "") -> Iterator[Words]:
    """Yield what a section says in words, if it says anything, as a sentence."""
    if said := text(part, key):
        yield Words(said[:1].upper() + said[1:], tone)


def parts(*groups: tuple[str, Iterable[Block]]) -> tuple[Part, ...]:
    """Return the groups that have something to show."""
    made = ((title, tuple(blocks)) for title, blocks in groups)
    return tuple(Part(title, blocks) for title, blocks in made if blocks)


def made(
    part: Found, name: str, title: str, lead: str, *groups: tuple[str, Iterable[Block]]
) -> Section:
    """Return a section with its groups; one that was not computed says why, and takes none."""
    if not shown(part):
        return Section(name, title, lead, (), text(part, "why"))
    return Section(name, title, lead, parts(*groups))


def named(part: Found) -> str:
    """Return a slice by its field and value; a cluster or a prompt by its text, not its id."""
    field, value = text(part, "field"), text(part, "text") or text(part, "value")
    return f"{field} = {value}" if value else f"{field}: none"
