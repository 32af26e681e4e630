"""Every command that rows pass through, as one table: a new command is one more line of it.

The contract tests, the JSON test suite and the exit codes run over this table.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgate.cli.app import invoke
from synthgate.errors import BadLine
from synthgate.generators.journal import record
from synthgate.provenance import Stamp, emit, read
from synthgate.rows import Row
from tests.conftest import write_rows

REAL = [b'{"input":"real question %d","output":"real answer %d"}' % (n, n) for n in range(8)]


@dataclass(frozen=True)
class Outcome:
    """What one run left behind."""

    code: int
    out: list[bytes]
    rejects: list[bytes]
    summary: dict[str, Any]


def _as_they_are(folder: Path, lines: list[bytes]) -> list[bytes]:
    return lines


def _no_options(folder: Path) -> list[str]:
    return []


@dataclass(frozen=True)
class Filter:
    """A command; `prepare` turns lines into its input and lays out the files it needs besides."""

    words: tuple[str, ...]
    prepare: Callable[[Path, list[bytes]], list[bytes]] = _as_they_are
    options: Callable[[Path], list[str]] = _no_options
    order_free: bool = True  # the same rows in another order give the same set of rows
    stamps: bool = True  # rows come out with `_synthgate`; else byte for byte as they came in
    one_each: bool = True  # a row comes out at most once
    needs_fields: bool = True  # rows in which it finds no text are an error
    empty: int = 0  # its exit code for an empty input
    reference: tuple[bytes, ...] = ()  # lines of another input that come out too
    bulk: tuple[str, ...] = ()  # options under which nearly all rows come out

    def __str__(self) -> str:
        return "-".join(self.words)

    def lay(self, folder: Path, lines: list[bytes]) -> None:
        """Write the input and everything that the command needs besides."""
        folder.mkdir(exist_ok=True)
        prepared = self.prepare(folder, lines)
        (folder / "in.jsonl").write_bytes(b"".join(line + b"\n" for line in prepared))

    def argv(self, folder: Path, source: str | Path | None = None) -> list[str]:
        """The command line over `in.jsonl` of that folder."""
        given = str(folder / "in.jsonl") if source is None else str(source)
        return [*self.words, given, *self.options(folder)]

    def run(self, folder: Path, *more: str) -> Outcome:
        """Run the command over what `lay` wrote, in this process."""
        names = {"-o": "out.jsonl", "--rejects": "rejects.jsonl", "--summary": "summary.json"}
        paths = {option: folder / name for option, name in names.items()}
        for path in paths.values():
            path.unlink(missing_ok=True)
        outputs = [word for option, path in paths.items() for word in (option, str(path))]
        code = invoke([*self.argv(folder), *outputs, "--force", *more])
        summary = paths["--summary"]
        return Outcome(
            code,
            lines_of(paths["-o"]),
            lines_of(paths["--rejects"]),
            json.loads(summary.read_bytes()) if summary.exists() else {},
        )


def lines_of(path: Path) -> list[bytes]:
    """The lines of a file; none if it is not there."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def row_of(line: bytes, number: int = 1) -> Row | None:
    """The row on a line; None for a bad line."""
    try:
        return read(line, "in.jsonl", number, Stamp().provenance)
    except BadLine:
        return None


# --- what the commands need besides their input -----------------------------------------


def _ruled(folder: Path, lines: list[bytes]) -> list[bytes]:
    """Write a rule that short answers break."""
    (folder / "rule.json").write_text('[{"field": "output", "min_chars": 2}]')
    return lines


def _rule(folder: Path) -> list[str]:
    return ["--check", f"rule:{folder / 'rule.json'}"]


def _verified(folder: Path, lines: list[bytes]) -> list[bytes]:
    """Give every row a verdict: only verified rows are blended."""
    write_rows(folder / "real.jsonl", REAL)
    return _checked(lines)


def _checked(lines: list[bytes]) -> list[bytes]:
    found = ((line, row_of(line)) for line in lines)
    return [emit(row.marked(verified_by="rule")) if row else line for line, row in found]


def _real(folder: Path) -> list[str]:
    return [
        "--real",
        str(folder / "real.jsonl"),
        "--unaudited",
        "a test",
        "--assume-generation",
        "1",
    ]


def _audited(folder: Path, lines: list[bytes]) -> list[bytes]:
    """Draw a sample of verified rows and label it; the first of many labels says no."""
    lines = _checked(lines)
    (folder / "in.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    sample, plan = str(folder / "sample.jsonl"), str(folder / "plan.json")
    draw = ["audit", "draw", str(folder / "in.jsonl"), "-o", sample, "--plan", plan]
    invoke([*draw, "--on-error", "reject", "--force", "-q"])
    ids = [json.loads(line)["_synthgate"]["id"] for line in lines_of(Path(sample))]
    verdicts = ["fail" if len(ids) > 20 and number == 0 else "pass" for number in range(len(ids))]
    write_rows(
        folder / "labels.jsonl",
        [{"id": i, "verdict": v, "reviewer": "r"} for i, v in zip(ids, verdicts, strict=True)],
    )
    return lines


def _plan(folder: Path) -> list[str]:
    return ["--plan", str(folder / "plan.json"), "--labels", str(folder / "labels.jsonl")]


def _journaled(folder: Path, lines: list[bytes]) -> list[bytes]:
    """Record two answers to every other prompt; the others are not in the journal."""
    journal = []
    for number, line in enumerate(lines):
        row = row_of(line)
        if row is not None and number % 2 == 0:
            for sample in range(2):
                sampling = {"seed": 0, "temperature": 1.0, "top_p": 1.0}
                text = f"answer {number} {sample}"
                prompt = str(row.value.get("input"))
                journal.append(record("m", prompt, text, sample=sample, sampling=sampling))
    write_rows(folder / "journal.jsonl", journal)
    return lines


def _offline(folder: Path) -> list[str]:
    journal = str(folder / "journal.jsonl")
    options = ["--offline", "--journal", journal, "--model", "m", "--samples", "2"]
    return [*options, "--output-field", "answer", "--prompt-field", "input"]


def _beside_real(folder: Path, lines: list[bytes]) -> list[bytes]:
    """Write real rows for comparison."""
    write_rows(folder / "real.jsonl", REAL)
    return lines


FILTERS = (
    Filter(("dedupe",), order_free=False),
    Filter(
        ("cluster-cap",),
        options=lambda _: ["--max-per-cluster", "1"],
        bulk=("--max-per-cluster", "9999"),
    ),
    Filter(("verify",), _ruled, _rule),
    Filter(("audit", "gate"), _audited, _plan, needs_fields=False, empty=4),
    Filter(
        ("blend",),
        _verified,
        _real,
        one_each=False,
        needs_fields=False,
        empty=4,
        reference=tuple(REAL),
        bulk=("--real-fraction", "0.001"),
    ),
    Filter(("report",), options=lambda _: ["--tee"], stamps=False, needs_fields=False),
    Filter(
        ("scan",),
        _beside_real,
        lambda folder: ["--real", str(folder / "real.jsonl"), "--reject"],
        bulk=("--disable", "new-phrase", "--disable", "association"),
    ),
    Filter(
        ("trace",), options=lambda _: ["--match", "", "--rows"], stamps=False, needs_fields=False
    ),
)
GENERATE = Filter(("generate",), _journaled, _offline)
DRAW = Filter(
    ("audit", "draw"),
    options=lambda folder: ["--plan", str(folder / "drawn.json"), "--force"],
    needs_fields=False,
    empty=4,
)
