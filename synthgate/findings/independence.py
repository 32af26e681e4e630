"""Whether the checks that vouched for rows are independent of what generated them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from synthgate.findings import Found, missing
from synthgate.verifiers.independence import relation
from synthgate.verifiers.lineage import Lineages

SAME, UNKNOWN, INDEPENDENT = "same lineage", "unknown", "independent"
_RELATION = {"same": SAME, "family": SAME, "unknown": UNKNOWN, "independent": INDEPENDENT}
# What a check that asks no model rests on; `command` and `function` are programs that nobody knows.
_KINDS = {
    "execution": "the tests of the row decide",
    "shared-execution": "the tests decide, in the same process as the program: weaker",
    "answer": "the gold answer decides; as good as the gold",
    "schema": "the schema decides: the form, not the truth",
    "rule": "rules decide: the form, not the truth",
    "retrieval": "a trusted text decides",
    "human": "a person decides",
    "arithmetic": "arithmetic decides: little of an answer",
    "leak": "real data decides what is a copy",
}
_MOST = 20


def independence(
    manifest: Mapping[str, Any] | None,
    generators: Sequence[str],
    judges: Mapping[str, str],
    table: Lineages,
) -> Found:
    """Return, for each check and generator, how they are related.

    `manifest` is that of verify, `judges` {name of a check: its model}. A check that asks no model
    stands for all generators.
    """
    if manifest is None:
        return missing("no manifest of verify: set SYNTHGATE_RUN_DIR, or name --run-dir")
    allowed = str(manifest["settings"].get("allow_dependent", ""))
    known = [each for each in generators if each][:_MOST] or [""]
    found = [
        line
        for check in manifest["findings"].get("checks", ())
        for line in _of(check, known, judges.get(check["name"], ""), allowed, table)
    ]
    return {"shown": True, "checks": found}


def _of(
    check: Mapping[str, Any], generators: Sequence[str], model: str, allowed: str, table: Lineages
) -> Iterator[dict[str, str]]:
    kind = check["kind"]
    if kind == "judge" and model:
        for generator in generators:
            verdict = _RELATION[relation(model, generator, table)]
            yield _line(check, generator, verdict, _asked(model, generator, verdict, allowed))
    elif kind in ("agreement", "judge"):
        words = "only models of another lineage have a voice"
        verdict = INDEPENDENT
        if allowed:
            words, verdict = f"models of the same lineage were let in: {allowed}", SAME
        yield _line(check, "", verdict, words)
    elif kind in _KINDS:
        yield _line(check, "", INDEPENDENT, _KINDS[kind])
    else:
        yield _line(check, "", UNKNOWN, "a program of your own: what it asks is not known")


def _line(check: Mapping[str, Any], generator: str, verdict: str, words: str) -> dict[str, str]:
    head = {"check": check["name"], "kind": check["kind"], "generator": generator}
    return {**head, "verdict": verdict, "words": words}


def _asked(model: str, generator: str, verdict: str, allowed: str) -> str:
    name = generator or "a generator that nobody named"
    words = {
        SAME: f"{model} and {name} share ancestors: what both got wrong passes",
        UNKNOWN: f"nobody knows whether {model} and {name} share ancestors",
        INDEPENDENT: f"{model} is of another lineage than {name}",
    }[verdict]
    return f"{words}; let in: {allowed}" if allowed and verdict != INDEPENDENT else words
