"""What a judge's answer must hold to count: the code, a choice, a quote that is really there."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from synthgate.errors import BadLine
from synthgate.rows import parse
from synthgate.verifiers.judging.prompt import Question

LONGEST = 20_000  # characters of an answer that is read at all
SHORTEST = 10  # characters of a quote, unless all of the candidate is shorter
_FENCED = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
_KEYS = {"code", "reason", "quote"}


class Unreadable(Exception):
    """Why an answer cannot be used; `unproven` is what it says where only its quote is missing."""

    def __init__(self, why: str, unproven: Said | None = None) -> None:
        super().__init__(why)
        self.unproven = unproven


@dataclass(frozen=True, slots=True)
class Said:
    """What one answer of a judge says. `fault` is why it says nothing that counts."""

    choice: str = ""
    quote: str = ""
    reason: str = ""
    fault: str = ""
    detail: str = ""
    key: str = ""
    served: str = ""


def read(question: Question, reply: str) -> Said:
    """Return what an answer says, or raise `Unreadable`."""
    if len(reply) > LONGEST:
        raise Unreadable(f"it is longer than {LONGEST} characters")
    fenced = _FENCED.fullmatch(reply)
    try:
        found = parse((fenced[1] if fenced else reply).strip().encode())
    except BadLine as error:
        raise Unreadable(f"it is not one JSON object ({error})") from None
    if extra := sorted(found.keys() - {*_KEYS, question.key}):
        raise Unreadable(f"the key {extra[0][:40]!r} was not asked for")
    if found.get("code") != question.code:
        raise Unreadable("the code is not the one that was given")
    said = Said(
        _choice(question, found.get(question.key)), _text(found, "quote"), _text(found, "reason")
    )
    if said.choice in question.quoted and not proven(said.quote, question.quoted[said.choice]):
        raise Unreadable("the quote does not stand in the candidate, or is too short", said)
    return said


def _choice(question: Question, value: object) -> str:
    """Return the choice that was made; 1 counts as "1", and true is no yes."""
    choice = str(value).strip().lower() if type(value) in (str, int) else ""
    if choice not in question.choices:
        raise Unreadable(f"{question.key!r} is none of {', '.join(question.choices)}")
    return choice


def _text(found: dict[str, object], key: str) -> str:
    value = found.get(key)
    if value is not None and type(value) is not str:
        raise Unreadable(f"{key!r} is not a text")
    return value or ""


def proven(quote: str, candidate: str) -> bool:
    """Tell whether a quote stands in a candidate and is more than a crumb of it.

    White space runs count as one blank and composed characters as one; nothing else is forgiven.
    """
    quote, candidate = _plain(quote), _plain(candidate)
    enough = min(SHORTEST, len(candidate))
    return len(quote) >= enough and quote in candidate and any(map(str.isalnum, quote))


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
