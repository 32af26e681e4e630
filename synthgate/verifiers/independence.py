"""Whether one generator may vouch for another.

An error that two rows share because one model made both is agreement, not evidence. What a row
says of its generator is a claim; it is taken as such, and an unknown one vouches for nothing.
"""

from __future__ import annotations

import re
from typing import Literal

from synthgate.rows import Provenance

PERSON = "(a person)"
Relation = Literal["same", "unknown", "family", "independent"]
_WORD = re.compile(r"[a-z]+")


def maker(provenance: Provenance) -> str:
    """Return who made a row: its generator, "" where that is unknown, `PERSON` for real rows."""
    return provenance.generator if provenance.synthetic else PERSON


def family(generator: str) -> str:
    """Return the family of a model: the first letters of its name, without folder and version.

    `openai/gpt-4o` is `gpt`, `meta-llama/Llama-3.1-8B` is `llama`, `Qwen2.5-Coder` is `qwen`.
    A name that begins with something else tells no family: "".
    """
    found = _WORD.match(generator.rstrip("/").rpartition("/")[2].lower())
    return found[0] if found else ""


def relation(ours: str, theirs: str) -> Relation:
    """Return how two makers are related; a person is independent of every generator."""
    if not ours or not theirs:
        return "unknown"
    if ours == theirs:
        return "same"
    if PERSON in (ours, theirs):
        return "independent"
    families = family(ours), family(theirs)
    if "" in families:
        return "unknown"
    return "family" if families[0] == families[1] else "independent"
