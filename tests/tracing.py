"""What the tests of trace and of exclusions share: families of rows, and an oracle of descent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from synthgate.cli.app import invoke
from tests.auditing import SYNTHETIC, stamped
from tests.conftest import read_rows, write_rows


def payload(number: int | str) -> dict[str, Any]:
    """What row `number` says."""
    return {"input": f"question {number}", "output": f"answer {number} is its own text {number}"}


def id_of(number: int | str) -> str:
    """The id of row `number`, as the shell would compute it."""
    return hashlib.sha256(json.dumps(payload(number)).encode()).hexdigest()


def member(number: int, parents: Iterable[int | str] = (), **said: Any) -> bytes:
    """Row `number` of a family, written without synthgate's help."""
    above = " ".join(id_of(each) for each in parents)
    return stamped(payload(number), SYNTHETIC, **{"parents": above, **said})


def heirs(parents: Sequence[Iterable[int]], gone: Iterable[int]) -> set[int]:
    """The rows that are gone and all made from them: repeated until nothing more goes."""
    found, before = set(gone), set[int]()
    while found != before:
        before = set(found)
        found |= {n for n, above in enumerate(parents) if found & set(above)}
    return found


def run(*words: str | Path) -> int:
    """Run a command in this process."""
    return invoke([str(word) for word in words])


def ids_in(path: Path) -> set[str]:
    """The ids of the rows of a file."""
    return {row["_synthgate"]["id"] for row in read_rows(path)}


def exclusion(path: Path, *listed: tuple[str, str]) -> Path:
    """Write a list of exclusions by hand."""
    return write_rows(path, [{"kind": k, "value": v, "reason": "poison"} for k, v in listed])
