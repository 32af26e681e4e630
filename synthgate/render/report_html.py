"""The report as one HTML file: no script, no request, and every text of a row is text.

Its Content-Security-Policy admits one style sheet by its hash and nothing else. Invisible, control
and bidirectional characters stand as marked escapes, so that a reader sees what a model would.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from importlib.resources import files
from typing import Any

from synthgate.render import first_screen
from synthgate.render.document import (
    Block,
    Card,
    Examples,
    Figure,
    Found,
    Part,
    Section,
    Table,
    Words,
)
from synthgate.render.numbers import count
from synthgate.render.sections import sections
from synthgate.text import shown

_CELL, _TEXT, _EXAMPLE = 300, 2000, 1500  # characters of a value, a sentence, an example
_OPEN, _MOST = 12, 500  # rows of a table that stand open, and that are in the page at all
_MORE = {
    "inherited": "Where it fails", "narrowing": "All measures", "collapse": "Trend and guards",
    "poison": "All findings", "provenance": "Stages and sources",
}  # fmt: skip
_TONES = {"PASS": "good", "STOP": "bad"}


def html(found: dict[str, Any]) -> str:
    """Return the report as a self-contained page for any reader, on screen or on paper."""
    style = files("synthgate.render").joinpath("report.css").read_text("utf-8")
    word, words = first_screen.verdict(found)
    listed = sections(found)
    body = [
        *_head(word, words, found),
        *_links(listed),
        '<main><div class="cards">',
        *(_card(card) for card in first_screen.cards(found)),
        "</div>",
        *(piece for section in listed for piece in _section(section)),
        "</main>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(style)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>synthgate report: {_plain(word)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n{chr(10).join(body)}\n</body>\n</html>\n"
    )


def policy(style: str) -> str:
    """Return the Content-Security-Policy that admits exactly this style."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def text(value: str, most: int = _TEXT, keep: str = "") -> str:
    r"""Return a text as markup that shows just this text: `\u202e` and its like are marked.

    Characters of `keep` stay as they are; of a text longer than `most` the rest is counted.
    """
    rest = len(value) - most
    made = "".join(_escaped(value[:most], keep))
    if rest > 0:
        made += f'<span class="rest">… {count(rest)} more characters</span>'
    return made


def _escaped(value: str, keep: str) -> Iterator[str]:
    for piece, hidden in shown(value):
        if not hidden:
            yield escape(piece, quote=True)
        elif piece in _KEPT and _KEPT[piece] in keep:
            yield _KEPT[piece]
        else:
            yield f'<span class="esc">{piece}</span>'


_KEPT = {"\\u000a": "\n", "\\u0009": "\t"}


def _plain(value: str) -> str:
    """Return a text for an attribute or a title, where there is no markup."""
    return escape("".join(piece for piece, _ in shown(value[:_CELL])), quote=True)


def _head(word: str, words: str, found: Found) -> Iterator[str]:
    tone = _TONES.get(word, "open")
    yield f'<header class="{tone}"><p class="brand">synthgate report</p>'
    yield f"<h1>{text(word, _CELL)}</h1>"
    if words:
        yield f"<p>{text(words)}</p>"
    lines = [(gate, f"exit {code}", why) for gate, code, why in first_screen.blocks(found)]
    lines += [(what, "not shown", why) for what, why in first_screen.lacks(found)]
    if lines:
        yield '<ul class="blocks">'
        yield from (_blocking(*line) for line in lines[:_MOST])
        yield "</ul>"
    yield "</header>"


def _blocking(what: str, state: str, why: str) -> str:
    return (
        f'<li><b>{text(what, _CELL)}</b> <span class="code">{text(state)}</span> {text(why)}</li>'
    )


def _links(listed: list[Section]) -> Iterator[str]:
    yield '<nav aria-label="Sections"><ul>'
    for each in listed:
        rest = ' <span class="rest">not shown</span>' if each.why else ""
        yield f'<li><a href="#{each.name}">{escape(each.title)}</a>{rest}</li>'
    yield "</ul></nav>"


def _card(card: Card) -> str:
    more = f'<p class="more"><a href="#{card.to}">{_MORE[card.to]}</a></p>' if card.to else ""
    return (
        f'<section class="card {card.tone}"><h2>{escape(card.title)}</h2>'
        f'<p class="headline">{text(card.headline, _CELL)}</p>'
        f"{''.join(map(_block, card.blocks))}{more}</section>"
    )


def _section(section: Section) -> Iterator[str]:
    yield f'<section class="part" id="{section.name}"><h2>{escape(section.title)}</h2>'
    if section.why:
        yield f'<p class="missing"><b>not shown</b> {text(section.why)}</p>'
    else:
        yield f'<p class="lead">{escape(section.lead)}</p>'
    yield from map(_part, section.parts)
    yield "</section>"


def _part(part: Part) -> str:
    title = f"<h3>{escape(part.title)}</h3>" if part.title else ""
    alone = sum(isinstance(each, Table) for each in part.blocks) == 1
    kind = "group one" if alone and title else "group"
    return f'<div class="{kind}">{title}<div>{"".join(map(_block, part.blocks))}</div></div>'


def _block(block: Block) -> str:
    forms: dict[type, Callable[[Any], str]] = {
        Words: _words, Table: _table, Figure: _figure, Examples: _examples,
    }  # fmt: skip
    return forms[type(block)](block)


def _words(words: Words) -> str:
    kind = f' class="{words.tone}"' if words.tone else ""
    return f"<p{kind}>{text(words.text)}</p>"


def _figure(figure: Figure) -> str:
    charts = "".join(f'<div class="chart">{draw()}</div>' for draw in figure.charts)
    note = f"<figcaption>{escape(figure.note)}</figcaption>" if figure.note else ""
    kind = "charts many" if len(figure.charts) > 1 else "charts"
    table = _rows(figure.table, 0, _MOST)
    return (
        f'<figure><div class="{kind}">{charts}</div>{note}'
        f"<details><summary>The numbers</summary>{table}{_cut(figure.table)}</details></figure>"
    )


def _table(table: Table) -> str:
    """Return a table; of a long one the first rows stand open."""
    if table.listed:
        return _list(table) + _cut(table)
    made = _rows(table, 0, _OPEN)
    rest = len(table.rows) - _OPEN
    if rest > 0:
        hidden = _rows(table, _OPEN, _MOST)
        made += f"<details><summary>{count(rest)} more rows</summary>{hidden}</details>"
    return made + _cut(table)


def _list(table: Table) -> str:
    items = []
    for number, (what, fact, why) in enumerate(table.rows[:_MOST]):
        kind = ' class="strong"' if number in table.strong else ""
        items.append(
            f'<li{kind}><b>{text(what, _CELL)}</b> <span class="fact">{text(fact, _CELL)}</span>'
            f'<span class="why">{text(why, _CELL)}</span></li>'
        )
    return f'<ul class="items">{"".join(items)}</ul>'


def _cut(table: Table) -> str:
    whole = max(table.all, len(table.rows))
    left = whole - min(len(table.rows), _MOST)
    return f'<p class="rest">{count(left)} more are not on this page.</p>' if left > 0 else ""


def _rows(table: Table, first: int, last: int) -> str:
    name = _plain(table.title)
    head = "".join(_cell(table, n, each, "col") for n, each in enumerate(table.columns))
    lines = []
    for number, row in enumerate(table.rows[first:last], first):
        kind = ' class="strong"' if number in table.strong else ""
        cells = "".join(_cell(table, n, each, "" if n else "row") for n, each in enumerate(row))
        lines.append(f"<tr{kind}>{cells}</tr>")
    return (
        f'<div class="scroll" role="group" aria-label="{name}" tabindex="0"><table>'
        f"<caption>{text(table.title, _CELL)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _cell(table: Table, column: int, value: str, scope: str) -> str:
    kind = ' class="n"' if table.is_number(column) else ""
    if scope:
        return f'<th scope="{scope}"{kind}>{text(value, _CELL)}</th>'
    return f"<td{kind}>{text(value, _CELL)}</td>"


def _examples(examples: Examples) -> str:
    whole = partial(text, most=_EXAMPLE, keep="\n\t")
    items = "".join(
        f'<div class="example"><p class="from"><b>{text(each.head, _CELL)}</b> '
        f"{text(each.id[:12])}</p>"
        f"<pre>{whole(each.text)}</pre>"
        + (f'<p class="why">{text(each.why)}</p>' if each.why else "")
        + "</div>"
        for each in examples.items[:_MOST]
    )
    title = f"{escape(examples.title)} ({count(len(examples.items))})"
    return f'<details class="examples"><summary>{title}</summary>{items}</details>'
