"""The check `leak:REAL[#response]`: nothing of a row stands in real data, so far as tests see.

Whole copies, common substrings, near copies and validated identifiers (e-mail, phone, IBAN, card,
keys). A pass says that these tests found nothing; it does not say that the row is private.
Memory: about 3 times the text of REAL, see `leaking`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.verifiers import Bench, Verdict, Verifier
from synthgate.verifiers.identifiers import identifiers, masked
from synthgate.verifiers.leaking.real import Real
from synthgate.verifiers.leaking.substrings import TooMany
from synthgate.verifiers.leaking.texts import fold, leaves

_PARTS = ("prompt", "response")
_ENDS = 6  # characters of a leaked text that evidence shows at either end, digits hidden
_DIGIT = re.compile(r"\d")
NO_TEXT = Verdict("abstain", "no_text")


def build(argument: str, bench: Bench) -> Leak:
    """Return the check against the rows of a file, which is read once; `#response` names a part."""
    path, _, part = argument.rpartition("#")
    if part not in _PARTS or not path:
        path, part = argument, ""
    if not path:
        raise UsageError("--check leak: name the file of real rows, as in leak:real.jsonl")
    policy = bench.policy
    real = Real(bench.records(path), policy.leak_chars, policy.leak_near)
    if not real.rows:
        raise UsageError(f"--check leak:{argument}: there are no real rows to leak from")
    return Leak(argument, real, part, policy.leak_identifiers)


class Leak(Verifier):
    """Looks for a row's texts in real rows."""

    name = "leak"
    kind = "leak"
    canary = False  # a blank answer leaks nothing

    def __init__(self, argument: str, real: Real, part: str, wanted: str) -> None:
        self.argument, self._real, self._part, self._wanted = argument, real, part, wanted
        self.config = {
            "real": real.digest,
            "part": part,
            "chars": real.chars,
            "near": real.near,
            "identifiers": wanted,
        }
        tests = f"copy, substring>={real.chars}, near>={real.near:g}, identifiers:{wanted}"
        self._clean = Verdict("pass", "", {"no_leak_found_by": tests})

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return the first leak found; pass where these tests find none, abstain without text."""
        texts = [(path, text) for path, text in self._texts(row, shape) if text.strip()]
        if not texts:
            return NO_TEXT
        if not self._part and (place := self._real.pair_of(row, shape)):
            return Verdict("fail", "copy", {"field": "prompt and response", "real": place})
        folded = [(path, fold(text)) for path, text in texts]
        try:
            found = self._copied(folded) or self._identified(texts)
        except TooMany:
            return Verdict("abstain", "too_repetitive")
        return found or self._clean

    def notes(self) -> list[str]:
        """Say what was compared with, and what of it counts as nobody's."""
        real = self._real
        lines = [f"{self.argument}: {real.rows:,} real rows, {len(real.texts):,} different texts"]
        if real.templates:
            lines.append(
                f"{self.argument}: {real.templates:,} texts of many real rows are templates"
            )
        return lines

    def _texts(self, row: Row, shape: Shape) -> Iterator[tuple[str, str]]:
        """Yield (where, text) of all texts of a row, or of the part that was named."""
        if not self._part:
            yield from leaves(row.value)
            return
        text = (shape.prompt if self._part == "prompt" else shape.response)(row.value)
        if text is not None:
            yield self._part, text

    def _copied(self, folded: list[tuple[str, str]]) -> Verdict | None:
        """Return the first copy of a text, then of a part of one, then a near one."""
        real = self._real
        for path, text in folded:
            if (number := real.copy_of(text)) is not None:
                return self._leak("copy", path, text, number, {})
        for path, text in folded:
            if (common := real.substrings.find(text)) is not None:
                part = text[common.start : common.start + common.length]
                return self._leak("substring", path, part, common.stored, {"chars": common.length})
        for path, text in folded:
            if (near := real.near_copies.find(text)) is not None:
                similarity = {"similarity": round(near.similarity, 3)}
                return self._leak("near", path, text, near.stored, similarity)
        return None

    def _leak(
        self, reason: str, path: str, text: str, number: int, more: dict[str, Any]
    ) -> Verdict:
        hidden = len(text) - 2 * _ENDS
        ends = (
            f"{text[:_ENDS]}[\u2026{hidden}\u2026]{text[-_ENDS:]}" if hidden > 0 else masked(text)
        )
        where = {
            "field": path[:100],
            "text": _DIGIT.sub("#", ends),
            "real": self._real.places[number],
        }
        return Verdict("fail", reason, {**where, **more})

    def _identified(self, texts: list[tuple[str, str]]) -> Verdict | None:
        """Return the first identifier of real data, else the first that is valid at all."""
        new: Verdict | None = None
        for path, text in texts:
            for each in identifiers(text):
                evidence = {"field": path[:100], "kind": each.kind, "text": masked(each.text)}
                if self._real.has(each.key):
                    return Verdict("fail", "pii_copied", evidence)
                new = new or Verdict("fail", "pii", evidence)
        return new if self._wanted == "any" else None
