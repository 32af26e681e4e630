"""The check `agree:FILE`: the same final answer as another generator's row for the same prompt.

Memory: about 400 bytes for each row of FILE. A row of the same generator never vouches; one of
the same family, or of an unknown generator, only with `--allow-dependent REASON`.
"""

from __future__ import annotations

from sys import intern

from synthgate.errors import UsageError
from synthgate.formats import Shape
from synthgate.rows import Row
from synthgate.text import digest, normalise
from synthgate.verifiers import Bench, Verdict, Verifier
from synthgate.verifiers.final import Final, final
from synthgate.verifiers.independence import family, maker, relation

Other = tuple[str, str]  # who answered, and the key of the answer
NO_OTHER = Verdict("abstain", "no_other_answer")
NO_ANSWER = Verdict("fail", "no_answer")


def build(argument: str, bench: Bench) -> Agree:
    """Return the check against the rows of a file, which is read once."""
    if not argument:
        raise UsageError("--check agree: name the file of other answers, as in agree:other.jsonl")
    index: dict[bytes, list[Other]] = {}
    rows, shape = bench.rows(argument)
    for row in rows:
        prompt, answer = shape.prompt(row.value), final(shape.response(row.value) or "")
        if prompt and answer:
            other = intern(maker(row.provenance)), intern(answer.key)
            index.setdefault(_key(prompt), []).append(other)
    return Agree(argument, index, " ".join(bench.policy.allow_dependent.split()))


def _key(prompt: str) -> bytes:
    return digest(normalise(prompt))


class Agree(Verifier):
    """Compares the final answer of the response with other generators' answers."""

    name = "agree"
    kind = "agreement"

    def __init__(self, path: str, index: dict[bytes, list[Other]], allowed: str) -> None:
        self.path, self._index = path, index
        self._override = f"allow-dependent: {allowed}" if allowed else ""

    def check(self, row: Row, shape: Shape) -> Verdict:
        """Return pass where all independent others agree, fail where none does, else abstain.

        Raises `UsageError` where the only others may not vouch for this row.
        """
        answer = final(shape.response(row.value) or "")
        if answer is None:
            return NO_ANSWER
        others = self._index.get(_key(shape.prompt(row.value) or ""), [])
        if not others:
            return NO_OTHER
        independent, override = self._independent(row, others)
        return _compare(answer, [key for _, key in independent], override)

    def _independent(self, row: Row, others: list[Other]) -> tuple[list[Other], str]:
        """Return the others that may vouch for a row, and the guard that had to be off for it."""
        ours = maker(row.provenance)
        related: dict[str, list[Other]] = {}
        for other in others:
            related.setdefault(relation(ours, other[0]), []).append(other)
        if "independent" in related:
            return related["independent"], ""
        dependent = [*related.get("family", []), *related.get("unknown", [])]
        if not dependent or not self._override:
            raise UsageError(self._refusal(row, ours, (dependent or others)[0][0]))
        return dependent, self._override

    def _refusal(self, row: Row, ours: str, theirs: str) -> str:
        """Return who would vouch for whom, and why that is no evidence."""
        how = relation(ours, theirs)
        start = f"agree:{self.path}: {row.file}:{row.line}"
        if how == "same":
            return f"{start}: only {ours!r} itself answered this prompt, and it made the row"
        consent = "; --allow-dependent REASON accepts and records that"
        if how == "family":
            shared = f"both are of the family {family(ours)!r}"
            return f"{start}: {theirs!r} would vouch for {ours!r}, and {shared}{consent}"
        side = "this row" if not ours or not family(ours) else "the other answer"
        known = ours if side == "this row" else theirs
        shown = f"{known!r} tells no family" if known else "is unknown"
        return f"{start}: the generator of {side} {shown}{consent}"


def _compare(answer: Final, keys: list[str], override: str) -> Verdict:
    agreeing = keys.count(answer.key)
    evidence = {"answer": answer.text, "others": len(keys), "agreeing": agreeing}
    if agreeing == len(keys):
        return Verdict("pass", "", evidence, override)
    if agreeing:
        return Verdict("abstain", "others_disagree", evidence, override)
    return Verdict("fail", "differs", evidence, override)
