"""The check `agree:FILE`: the same final answer as other generators gave to the same prompt.

Memory: about 400 bytes for each row of FILE. A row of the same generator never vouches; one of
the same lineage, or of an unknown generator, only with `--allow-dependent REASON`. Each model has
one voice, however many answers of it there are.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from sys import intern

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.text import digest, normalise
from synthgate.verifiers import Bench, Verdict, Verifier
from synthgate.verifiers.final import LONGEST, Final, final
from synthgate.verifiers.independence import (
    CONSENT,
    PERSON,
    lineages,
    maker,
    relation,
    shared,
    unknown,
)
from synthgate.verifiers.lineage import Lineages, identity

Other = tuple[str, str]  # who answered, and the key of the answer
Index = dict[bytes, list[Other]]
NO_OTHER = Verdict("abstain", "no_other_answer")
NO_ANSWER = Verdict("fail", "no_answer")
_SHOWN = 20  # models that the evidence names


def build(argument: str, bench: Bench) -> Agree:
    """Return the check against the rows of a file, which is read once."""
    if not argument:
        raise UsageError("--check agree: name the file of other answers, as in agree:other.jsonl")
    index: Index = {}
    seen = hashlib.sha256()
    rows, shape = bench.rows(argument)
    for row in rows:
        prompt, answer = shape.prompt(row.value), final(shape.response(row.value) or "")
        if prompt and answer:
            other = intern(maker(row.provenance)), intern(answer.key)
            key = _key(prompt)
            index.setdefault(key, []).append(other)
            seen.update(f"{key.hex()} {other}\n".encode("utf-8", "surrogatepass"))
    return Agree(argument, index, seen.hexdigest(), bench)


def _key(prompt: str) -> bytes:
    return digest(normalise(prompt))


class Agree(Verifier):
    """Compares the final answer of the response with other generators' answers."""

    name = "agree"
    kind = "agreement"
    looks_ahead = True

    def __init__(self, path: str, index: Index, answers: str, bench: Bench) -> None:
        self.path, self._index = path, index
        self._table: Lineages = lineages(bench)
        allowed = " ".join(bench.policy.allow_dependent.split())
        self._override = f"allow-dependent: {allowed}" if allowed else ""
        self._share = bench.policy.agree_share
        self.config = {
            "answers": answers,
            "lineage": self._table.digest,
            "override": self._override,
            "share": self._share,
        }

    def prepare(self, rows: Iterable[Row], shape: Shape) -> None:
        """Refuse every row for which only its own kin could vouch, before anything is paid for."""
        for row in rows:
            try:
                if others := self._others(row, shape):
                    self._independent(row, others)
            except UsageError:
                if final(shape.response(row.value) or ""):  # else it fails, whoever made it
                    raise

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass where enough independent models agree, fail where none does, else abstain.

        Raises `UsageError` where the only others may not vouch for this row.
        """
        answer = final(shape.response(row.value) or "")
        if answer is None:
            return NO_ANSWER
        others = self._others(row, shape)
        if not others:
            return NO_OTHER
        independent, override = self._independent(row, others)
        return _compare(answer, independent, self._share, override)

    def _others(self, row: Row, shape: Shape) -> list[Other]:
        return self._index.get(_key(shape.prompt(row.value) or ""), [])

    def _independent(self, row: Row, others: list[Other]) -> tuple[list[Other], str]:
        """Return the others that may vouch for a row, and the guard that had to be off for it."""
        ours = maker(row.provenance)
        related: dict[str, list[Other]] = {}
        for other in others:
            related.setdefault(relation(ours, other[0], self._table), []).append(other)
        if "independent" in related:
            return related["independent"], ""
        dependent = [*related.get("family", []), *related.get("unknown", [])]
        if not dependent or not self._override:
            raise UsageError(self._refusal(row, ours, (dependent or others)[0][0]))
        return dependent, self._override

    def _refusal(self, row: Row, ours: str, theirs: str) -> str:
        """Return who would vouch for whom, and why that is no evidence."""
        how = relation(ours, theirs, self._table)
        start = f"agree:{self.path}: {row.file}:{row.line}"
        if how == "same":
            return f"{start}: only {ours!r} itself answered this prompt, and it made the row"
        if how == "family":
            kin = shared(ours, theirs, self._table)
            both = f"{theirs!r} would vouch for {ours!r}, and both go back to {kin}"
            return f"{start}: {both}; {CONSENT}"
        ours_unknown = not ours or not (ours == PERSON or self._table.kin(ours))
        side = ("this row", ours) if ours_unknown else ("the other answer", theirs)
        return f"{start}: {unknown(*side)}; {CONSENT}"


def _compare(answer: Final, others: list[Other], share: float, override: str) -> Verdict:
    """Return the verdict of the voices, one for each model, on an answer."""
    voices = _voices(others)
    agreeing = sum(said == {answer.key} for said in voices.values())
    evidence = {
        "answer": answer.text[:LONGEST],
        "others": len(voices),
        "agreeing": agreeing,
        "share": round(agreeing / len(voices), 4),
        "majority": _majority(voices)[:LONGEST],
        "models": sorted(voices)[:_SHOWN],
    }
    if agreeing >= share * len(voices):
        return Verdict("pass", "", evidence, override)
    if any(answer.key in said for said in voices.values()):
        return Verdict("abstain", "others_disagree", evidence, override)
    return Verdict("fail", "differs", evidence, override)


def _voices(others: list[Other]) -> dict[str, set[str]]:
    """Return what each model says: its most frequent answer, or several where they tie."""
    answers: dict[str, Counter[str]] = {}
    for who, key in others:
        answers.setdefault(identity(who), Counter())[key] += 1
    return {
        who: {key for key, count in given.items() if count == max(given.values())}
        for who, given in answers.items()
    }


def _majority(voices: dict[str, set[str]]) -> str:
    """Return the answer of more than half of the models, "" where there is none."""
    said = Counter(next(iter(keys)) for keys in voices.values() if len(keys) == 1)
    key, count = said.most_common(1)[0] if said else ("", 0)
    return key.partition(" ")[2] if 2 * count > len(voices) else ""
