"""Checks made for tests: they are registered under a name and write down what happens to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from synthgate import registry
from synthgate.formats import Shape, named
from synthgate.provenance import Stamp, read
from synthgate.rows import Row
from synthgate.verifiers import Bench, Kind, Outcome, Verdict, Verifier

SHAPE = named("input/output")
LOG: list[tuple[str, str]] = []
SAYS: dict[str, Callable[[Row], Verdict]] = {}
BENCHES: list[Bench] = []


def row_of(text: str, number: int = 1, **more: Any) -> Row:
    """A row with an answer."""
    raw = json.dumps({"input": "?", "output": text, **more}).encode()
    return read(raw, "f", number, Stamp().provenance)


def is_made_up(row: Row, shape: Shape) -> bool:
    """Tell an answer that was put in the place of a row's own."""
    return len((shape.response(row.value) or "").strip()) < 2


class Probe(Verifier):
    """A check that says what it is told to, but for made-up answers, which it fails."""

    def __init__(
        self,
        name: str = "probe",
        says: Callable[[Row], Verdict] | Outcome = "pass",
        kind: Kind = "function",
        at_once: int = 1,
        costly: bool = False,
    ) -> None:
        self.name, self.kind, self.at_once, self.costly = name, kind, at_once, costly
        self.config = name
        self.says = says if callable(says) else lambda _: Verdict(says, f"why_{name}")

    def check(self, row: Row, shape: Shape) -> Verdict:
        if is_made_up(row, shape):
            return Verdict("fail", "made_up")
        LOG.append(("check", str(row.value["output"])))
        return self.says(row)

    def notes(self) -> list[str]:
        return ["looked"]

    def close(self) -> None:
        LOG.append(("close", self.name))


def build(argument: str, bench: Bench) -> Probe:
    """Build `probe:NAME[,kind][,threads][,costly]`; what it says stands in `SAYS`."""
    BENCHES.append(bench)
    words = argument.split(",")
    threads = next((int(word) for word in words if word.isdecimal()), 1)
    kinds: Iterable[Any] = ("execution", "judge", "human", "leak", "arithmetic", "rule")
    kind = next((each for each in kinds if each in words), "function")
    says = SAYS.get(words[0], lambda _: Verdict("pass"))
    check = Probe(words[0] or "probe", says, kind, threads, "costly" in words)
    check.canary = kind not in ("human", "leak")
    return check


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[Row], Verdict]]:
    """Register `probe` as a check, with nothing written down yet."""
    LOG.clear()
    SAYS.clear()
    BENCHES.clear()
    monkeypatch.setitem(registry.BUILTIN["verifiers"], "probe", "tests.verifying:build")
    return SAYS
