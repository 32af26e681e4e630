"""Drop invalid rows and repeated ones.

Shape: by key. Memory: 16 bytes of key and one short survivor record for each distinct text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from synthgate.config import DedupePolicy
from synthgate.formats import Shape
from synthgate.rows import Decision, Row
from synthgate.text import digest, normalise


def dedupe(rows: Iterable[Row], shape: Shape, policy: DedupePolicy) -> Iterator[Decision]:
    """Yield one Decision per row, in input order; the first of equal rows survives.

    Rows are equal when their texts are, after NFC, case folding and white space runs becoming
    one blank: words are never joined, and nothing is deleted.
    """
    survivors: dict[bytes, tuple[str, str, int]] = {}
    for row in rows:
        prompt, response = shape.prompt(row.value), shape.response(row.value)
        if reason := invalid(shape, prompt, response):
            yield Decision(row, reason)
            continue
        compared = (
            [prompt, response] if policy.on == "both" else [_one(policy.on, prompt, response)]
        )
        key = digest("\0".join(normalise(text or "") for text in compared))
        first = survivors.get(key)
        if first is None:
            survivors[key] = (row.id, row.file, row.line)
            yield Decision(row)
        else:
            yield Decision(row, "exact", f"repeats {first[1]}:{first[2]}", first[0])


def _one(on: str, prompt: str | None, response: str | None) -> str | None:
    return prompt if on == "prompt" else response


def invalid(shape: Shape, prompt: str | None, response: str | None) -> str:
    """Return why a row cannot be a candidate, or an empty string."""
    if response is None:
        return "invalid:no_text_field"
    if not response:
        return "invalid:empty"
    if not response.strip():
        return "invalid:blank"
    if prompt is None and shape.name not in ("text", "fields"):
        return "invalid:no_text_field"
    if prompt is not None and not prompt.strip():
        return "invalid:blank_prompt"
    return ""
