"""Reading what models write: fenced blocks, numbered lists, tags. Never raises for any text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_ITEM = re.compile(r"^\s*(?:\*\*)?(?:task\s*)?(\d{1,3})\s*[.):](?:\*\*)?\s*(.*)$", re.IGNORECASE)


def fenced(text: str) -> list[str]:
    """Return the bodies of the closed fenced blocks of Markdown."""
    return [found[2].rstrip("\n") for found in _FENCE.finditer(text + "\n")]


def code(text: str) -> str:
    """Return the first fenced block, else the whole text."""
    return next(iter(fenced(text)), text.strip())


def numbered(text: str) -> list[str]:
    """Return the items of a numbered list; a text before the first number is an item, too."""
    items: list[str] = [""]
    for line in text.splitlines():
        if found := _ITEM.match(line):
            items.append(found[2])
        else:
            items[-1] += "\n" + line
    return [item.strip() for item in items if item.strip()]


def tagged(text: str, tag: str) -> Iterator[str]:
    """Yield what stands between `<tag>` and `</tag>`, in order; nesting is not looked at."""
    opening, closing, at = f"<{tag}>", f"</{tag}>", 0
    while (begin := text.find(opening, at)) >= 0:
        end = text.find(closing, begin)
        if end < 0:
            return
        yield text[begin + len(opening) : end].strip()
        at = end + len(closing)


def first(text: str, tag: str) -> str:
    """Return what stands in the first pair of tags, "" where there is none."""
    return next(tagged(text, tag), "")
