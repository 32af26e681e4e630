r"""Sets as people write them, in any order: `{1, 2}`, `\{2, 1\}`, `x \in \{1, 2\}`, `1 and 2`.

Between braces every comma separates, so that `{1,234}` has two members. A set that is described
(`{x | x > 0}`) or goes on (`{1, 2, ...}`) is none that could be compared member by member.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

MAX_MEMBERS = 100

_FRILLS = re.compile(r"\\left|\\right|\\displaystyle|\\[!,;:]")
_NAMED = re.compile(r"[A-Za-z]\w{0,9}\s*(?:=|\\in\b|\u2208)\s*")
_EMPTY = ("\\emptyset", "\\varnothing", "\u2205")
_DESCRIBED = re.compile(r"[|]|\\mid|\.\.\.|\u2026|\\[lc]?dots|(?<!\\):")
_WORDS = r"\s+(?:and|or)\s+|\\text\s*\{\s*(?:and|or)\s*\}"
_BRACED = re.compile(rf"[,;]|{_WORDS}", re.IGNORECASE)
_BARE = re.compile(rf",(?!\d{{3}}(?!\d))|;|{_WORDS}", re.IGNORECASE)
_BRACE = re.compile(r"\\?[{}]")
_OUTSIDE = " \t\r\n$*_`.,;"


def members(text: str) -> list[str] | None:
    """Return the members of a set between braces, None where the text is none."""
    inside = _inside(text)
    if inside is None or _DESCRIBED.search(inside):
        return None
    return _split(inside, _BRACED)


def loose(text: str) -> list[str]:
    """Return the members of an answer that may be a set: braces are not needed."""
    found = members(text)
    if found is not None:
        return found
    return _split(_named_off(_FRILLS.sub("", text).strip(_OUTSIDE)), _BARE) or [""]


def last(text: str) -> str:
    """Return the last group in braces that is in no other group, "" where there is none."""
    found = ""
    opened: list[int] = []
    for brace in _BRACE.finditer(text):
        if brace[0].endswith("{"):
            opened.append(brace.start())
        elif opened:
            start = opened.pop()
            found = found if opened else text[start : brace.end()]
    return found


def same(one: Sequence[str], other: Sequence[str], equal: Callable[[str, str], bool]) -> bool:
    """Tell whether each member of either has its equal in the other."""
    if max(len(one), len(other)) > MAX_MEMBERS:
        return False
    return all(any(equal(a, b) for b in other) for a in one) and all(
        any(equal(a, b) for a in one) for b in other
    )


def _named_off(text: str) -> str:
    found = _NAMED.match(text)
    return text[found.end() :] if found else text


def _inside(text: str) -> str | None:
    """Return what stands between the braces that are all of a text."""
    body = _named_off(_FRILLS.sub("", text).strip(_OUTSIDE)).strip(_OUTSIDE)
    if body in _EMPTY:
        return ""
    for opening, closing in (("\\{", "\\}"), ("{", "}")):
        if body.startswith(opening) and body.endswith(closing) and len(body) > len(opening):
            inside = body[len(opening) : -len(closing)]
            return inside if _is_balanced(inside) else None
    return None


def _is_balanced(text: str) -> bool:
    """Tell whether every brace that closes in a text was opened in it."""
    depth = 0
    for brace in re.finditer(r"[{}]", text):
        depth += 1 if brace[0] == "{" else -1
        if depth < 0:
            return False
    return True


def _split(text: str, separator: re.Pattern[str]) -> list[str]:
    """Return the parts between separators that stand in no bracket."""
    parts, start, depth = [], 0, 0
    for found in re.finditer(rf"[(\[{{]|[)\]}}]|{separator.pattern}", text, separator.flags):
        if found[0] in "([{":
            depth += 1
        elif found[0] in ")]}":
            depth -= 1
        elif depth <= 0:
            parts.append(text[start : found.start()])
            start = found.end()
    parts = [part.strip() for part in (*parts, text[start:])]
    return parts if any(parts) else []
