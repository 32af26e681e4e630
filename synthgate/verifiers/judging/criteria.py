"""What a judge is asked: yes-or-no questions, and answers of the user's own that are known."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from typing import Any, Literal

from synthgate.errors import ConfigError

_MOST = 20  # criteria in a file
_LONGEST = 2000  # characters of a question
_CRITERION = {"name", "question"}
_CANARY = {"name", "prompt", "response", "expect"}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One question about a candidate; yes is good."""

    name: str
    question: str


@dataclass(frozen=True, slots=True)
class Canary:
    """An answer of which it is known whether it should pass."""

    name: str
    prompt: str
    response: str
    expect: Literal["pass", "fail"]


@dataclass(frozen=True)
class Sheet:
    """The criteria of a run, and the canaries that a file brings for them."""

    criteria: tuple[Criterion, ...]
    canaries: tuple[Canary, ...] = ()
    path: str = ""

    @property
    def digest(self) -> str:
        """What stands for everything in it."""
        parts = [[asdict(each) for each in self.criteria], [asdict(each) for each in self.canaries]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# The one that rejects most stands first: a no ends the questions about a row.
DEFAULT = Sheet(
    (
        Criterion(
            "correct",
            "Is everything that the candidate answer states, factually, logically and in its "
            "calculations, right?",
        ),
        Criterion(
            "answers",
            "Does the candidate answer do all of what the prompt asks for, and nothing else?",
        ),
    )
)


def read_sheet(path: str, text: str) -> Sheet:
    """Return what a criteria file says; raises `ConfigError` with each finding on its own line."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None
    findings = [f"{path}: unknown key {key!r}; known are criterion and canary"
                for key in document.keys() - {"criterion", "canary"}]  # fmt: skip
    found = {kind: document.get(kind, []) for kind in ("criterion", "canary")}
    for kind, tables in found.items():
        findings += _findings(path, kind, tables)
    if not findings and not 1 <= len(found["criterion"]) <= _MOST:
        findings.append(f"{path}: needs 1 to {_MOST} [[criterion]] tables")
    if findings:
        raise ConfigError("\n".join(findings))
    criteria = tuple(Criterion(**each) for each in found["criterion"])
    canaries = tuple(
        Canary(**{"name": f"{n}", **each}) for n, each in enumerate(found["canary"], 1)
    )
    return Sheet(criteria, canaries, path)


def _findings(path: str, kind: str, tables: Any) -> list[str]:
    """Return what is wrong with the tables of one kind."""
    if type(tables) is not list:
        return [f"{path}: {kind}: write it as [[{kind}]]"]
    wrong = _wrong_criterion if kind == "criterion" else _wrong_canary
    found = [
        f"{path}: {kind} {n}: {why}" for n, each in enumerate(tables, 1) if (why := wrong(each))
    ]
    names = [str(each.get("name")) for each in tables if type(each) is dict and "name" in each]
    found += [f"{path}: two of the {kind} tables are called {name!r}"
              for name in sorted({name for name in names if names.count(name) > 1})]  # fmt: skip
    return found


def _wrong_criterion(each: Any) -> str:
    if why := _wrong_texts(each, _CRITERION, _CRITERION):
        return why
    if len(each["name"]) > 60 or not each["name"].replace("_", "").replace("-", "").isalnum():
        return "name must be one word of letters, digits, - and _"
    return "" if len(each["question"]) <= _LONGEST else f"question is longer than {_LONGEST}"


def _wrong_canary(each: Any) -> str:
    if why := _wrong_texts(each, _CANARY, _CANARY - {"name"}):
        return why
    return "" if each["expect"] in ("pass", "fail") else 'expect must be "pass" or "fail"'


def _wrong_texts(each: Any, known: set[str], needed: set[str]) -> str:
    """Return what is wrong with a table that should hold texts and nothing else."""
    if type(each) is not dict or not each.keys() >= needed:
        return f"needs {', '.join(sorted(needed))}"
    if unknown := sorted(each.keys() - known):
        return f"unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}"
    blank = [key for key in sorted(each) if type(each[key]) is not str or not each[key].strip()]
    return f"{blank[0]} must be a text" if blank else ""
