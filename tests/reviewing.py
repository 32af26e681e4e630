"""What the tests of the reviewers share: a drawn sample, with or without hostile rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthgate.cli.app import invoke
from synthgate.labels import Chain
from synthgate.provenance import Stamp, emit, read
from tests.conftest import read_rows, write_rows
from tests.pseudo_terminal import PseudoTerminal

PLAIN = [{"input": f"What is {n} + 0?", "output": f"{n}"} for n in range(400)]


def drawn(folder: Path, rows: Sequence[Any] = PLAIN, *more: str) -> list[dict[str, Any]]:
    """Lay out verified rows in `rows.jsonl`, `sample.jsonl` and `plan.json`; return the sample."""
    stamp = Stamp(source="rows.jsonl", generator="m", generation=1).provenance
    found = [read(json.dumps(row).encode(), "rows.jsonl", 1, stamp) for row in rows]
    write_rows(folder / "rows.jsonl", [emit(row.marked(verified_by="rule")) for row in found])
    names = ["-o", str(folder / "sample.jsonl"), "--plan", str(folder / "plan.json")]
    assert invoke(["audit", "draw", str(folder / "rows.jsonl"), *names, "-q", *more]) == 0
    return read_rows(folder / "sample.jsonl")


def few(rows: Sequence[Any]) -> list[str]:
    """The options that audit a handful of rows, all of them."""
    return ["--max-n", str(len(rows)), "--min-pass", "0.01", "--confidence", "0.51"]


def logged(path: Path, plan: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The label lines of a log, whose chain is followed."""
    chain, found = Chain(plan["plan"] if plan else ""), []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        found.append(json.loads(line))
        chain.follow(line, found[-1], f"log:{number}")
    return found


def last_said(labels: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The verdict on each id that counts: the last one."""
    return {each["id"]: each["verdict"] for each in labels}


def reviewing(folder: Path, *more: str, **options: Any) -> PseudoTerminal:
    """The reviewer ann at the sample of a folder."""
    paths = {"--plan": "plan.json", "--labels": "log.jsonl"}
    named = [word for option, name in paths.items() for word in (option, str(folder / name))]
    sample = str(folder / "sample.jsonl")
    return PseudoTerminal("audit", "review", sample, *named, "--reviewer", "ann", *more, **options)


def plan_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return found
