"""A data card: what Hugging Face reads of a data set, in its `README.md`.

The front matter is YAML 1.2, of which JSON is a part: every value that comes from rows, names of
files and sources, is written as a JSON string in ASCII, in which nothing can end a line or begin a
key. In the text such names stand in code spans, without backquotes and line ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgate.text import printable

_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"),
)  # fmt: skip
_MOST = 30
UNKNOWN = "unknown"


def readme(found: Mapping[str, Any], files: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return the `README.md` of a data set from its report; `files` are {path, sha256, rows}."""
    lines = [*_front(found, files, name), *_body(found, files, name)]
    return "\n".join(lines) + "\n"


def _front(
    found: Mapping[str, Any], files: Sequence[Mapping[str, Any]], name: str
) -> Iterator[str]:
    mix = found["mix"]
    made = mix["synthetic"] > 0
    tags = [*(["synthetic"] * made), "synthgate", *_of_source(mix)]
    yield "---"
    yield f"pretty_name: {quoted(name)}"
    yield f"tags: {json.dumps(tags)}"
    if made:
        yield 'annotations_creators: ["machine-generated"]'
        creators = ["machine-generated", *(["found"] if mix["real"] else [])]
        yield f"language_creators: {json.dumps(creators)}"
    yield f"size_categories: {json.dumps([size(mix['rows'])])}"
    languages = [each["name"] for each in (found.get("narrowing") or {}).get("languages") or ()]
    codes = [
        each for each in languages if len(each) in (2, 3) and each.isascii() and each.isalpha()
    ]
    if codes:
        yield f"language: {json.dumps(codes)}"
    yield "license: unknown"
    if files:
        yield "configs:"
        yield "- config_name: default"
        yield f"  data_files: {json.dumps([each['path'] for each in files])}"
    yield "---"


def _of_source(mix: Mapping[str, Any]) -> list[str]:
    return ["mixed-real-and-synthetic"] if mix["real"] and mix["synthetic"] else []


def quoted(text: str) -> str:
    """Return a text as a YAML scalar that is that text and nothing else: a JSON string in ASCII."""
    return json.dumps(text, ensure_ascii=True)


def size(rows: int) -> str:
    """Return the size category of Hugging Face."""
    return next((name for limit, name in _SIZES if rows < limit), "n>1B")


def code(text: str) -> str:
    """Return a hostile name as a Markdown code span in which it can do nothing."""
    plain = printable(text.replace("\n", " ")).replace("`", "'").replace("|", "\\u007c")
    return f"`{plain[:200] or ' '}`"


def _body(found: Mapping[str, Any], files: Sequence[Mapping[str, Any]], name: str) -> Iterator[str]:
    mix = found["mix"]
    yield ""
    yield f"# {code(name)}"
    yield ""
    yield f"{mix['rows']:,} rows: {mix['real']:,} real, {mix['synthetic']:,} synthetic."
    yield "Written by `synthgate report --card`; the figures are those of its report."
    yield ""
    yield "## Verdict"
    yield ""
    yield f"**{found['verdict']['word']}**. {plain(found['verdict']['words'])}"
    yield from _table("Sources", "source", found["provenance"]["source"])
    yield from _table("Generators", "generator", found["provenance"]["generator"])
    yield from _table("Generations", "generation", found["provenance"]["generation"])
    yield from _table("Verified by", "checks", found["provenance"]["verified_by"])
    yield from _process(found)
    yield from _limits(found)
    if files:
        yield ""
        yield "## Files"
        yield ""
        yield "| file | rows | SHA-256 |"
        yield "|---|---:|---|"
        for each in files:
            yield f"| {code(each['path'])} | {each['rows']:,} | `{each['sha256'] or UNKNOWN}` |"


def plain(text: str) -> str:
    """Return a sentence that may quote names, so that Markdown shows it and does nothing else."""
    shown = printable(text.replace("\n", " "))
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#!&$~" else c for c in shown)


def _table(title: str, column: str, counts: Mapping[str, int]) -> Iterator[str]:
    shown = [(value or "(none)", rows) for value, rows in counts.items()]
    if not any(value != "(none)" for value, _ in shown):
        return
    yield ""
    yield f"## {title}"
    yield ""
    yield f"| {column} | rows |"
    yield "|---|---:|"
    yield from (f"| {code(value)} | {rows:,} |" for value, rows in shown[:_MOST])
    if len(shown) > _MOST:
        yield f"| and {len(shown) - _MOST:,} more | {sum(n for _, n in shown[_MOST:]):,} |"


def _process(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["funnel"]:
        return
    yield ""
    yield "## How it was made"
    yield ""
    yield "| stage | rows in | rows out | what it read |"
    yield "|---|---:|---:|---|"
    links = {each["stage"]: each["read"] for each in found["chain"]}
    for step in found["funnel"]:
        read = links.get(step["stage"], "from outside")
        yield f"| {code(step['stage'])} | {step['rows_in']:,} | {step['rows_out']:,} | {read} |"


def _limits(found: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Limits"
    yield ""
    for words in limits(found):
        yield f"- {plain(words)}"


def limits(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the data set is known to lack, and what nobody has looked at."""
    for each in found["verdict"]["missing"]:
        yield f"Not shown: {each['words']}."
    for name in found["verdict"]["not_looked_at"]:
        yield f"Not looked at: {name} ({(found.get(name) or {}).get('why', '')})."
    excludes = (found.get("inherited") or {}).get("excludes")
    if excludes:
        yield f"{excludes['words']}."
    yield from biases(found)
    yield "The licence is not known to this tool: say it before you publish."


def biases(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is known of how the rows differ from real ones."""
    for each in (found.get("inherited") or {}).get("slices") or ():
        if each.get("found"):
            rate = f"{each['rate']:.1%} of its {each['rows']:,} candidates failed verification"
            yield f"Weak slice {each['field']} = {each['value']}: {rate}."
    for each in (found.get("narrowing") or {}).get("measures") or ():
        if each.get("outside") and each.get("narrower"):
            yield f"Narrower than real data by {each['title']}: ratio {each['ratio']:.3g}."
