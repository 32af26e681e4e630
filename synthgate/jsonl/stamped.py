"""What a page's rows are, beyond their values: ids and provenance, read or stamped."""

from __future__ import annotations

from collections.abc import Iterator

from synthgate.jsonl.pages import Looked, Page, RowsPage, Stamper
from synthgate.provenance import read
from synthgate.rows import OURS, REJECT, Provenance, content_id

_OURS = (OURS.encode(), REJECT.encode(), b"\\u")  # a key may be spelt in escapes


def provenances(page: Page, found: Looked, stamp: Stamper) -> Iterator[Provenance]:
    """Yield the provenance of each row of a page that was looked at."""
    if isinstance(page, RowsPage):
        yield from (row.provenance for row in page.rows)
        return
    for raw, value in zip(found.raws, found.values, strict=True):
        if any(sign in raw for sign in _OURS):
            yield read(raw, page.name, 0, stamp).provenance
        else:
            yield stamp(raw, value, page.name)


def identified(page: Page, stamp: Stamper) -> list[str]:
    """Return the ids of the rows of a page without bad lines."""
    if isinstance(page, RowsPage):
        return [row.id for row in page.rows]
    return [_identified(raw, stamp) for _, _, raw in page.lines() if isinstance(raw, bytes)]


def _identified(raw: bytes, stamp: Stamper) -> str:
    """Return the id of a row; a line that cannot hold a key of ours need not be parsed for it."""
    if any(sign in raw for sign in _OURS):
        return read(raw, "", 0, stamp).id
    return content_id(raw)
