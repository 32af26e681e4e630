"""What the tests of audit and blend share: sets of rows, a drawn sample, its labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthgate.cli.app import invoke
from synthgate.labels import open_labels
from tests.conftest import read_rows, synthgate

KEYS = (
    "source", "synthetic", "generator", "prompt", "parents", "generation", "run", "cluster",
    "verified_by", "confidence", "needs", "override",
)  # fmt: skip
SYNTHETIC = ("synthetic", True, "model-a", "", "", 1, "", "", "rule", 0.0, "", "")
REAL = ("people", False, "", "", "", 0, "", "", "", 0.0, "", "")


def line(number: int | str, values: tuple[Any, ...] = SYNTHETIC, **changed: Any) -> bytes:
    """One stamped row, written without synthgate's help."""
    return stamped({"input": f"question {number}", "output": f"answer {number}"}, values, **changed)


def stamped(row: dict[str, Any], values: tuple[Any, ...] = SYNTHETIC, **changed: Any) -> bytes:
    """A row as it would come from `verify`."""
    payload = json.dumps(row).encode()
    ours = {"id": hashlib.sha256(payload).hexdigest(), **dict(zip(KEYS, values, strict=True))}
    spliced = json.dumps({**ours, **changed}, separators=(",", ":")).encode()
    return payload[:-1] + b',"_synthgate":' + spliced + b"}"


def rows(folder: Path, name: str, numbers: Iterable[int | str], *values: Any, **more: Any) -> Path:
    """Write a file of stamped rows."""
    path = folder / name
    path.write_bytes(b"".join(line(number, *values, **more) + b"\n" for number in numbers))
    return path


def ids_of(path: Path) -> list[str]:
    """The row ids in a file, in order."""
    return [row["_synthgate"]["id"] for row in read_rows(path)]


def digest_of(ids: Iterable[str]) -> str:
    """The set digest as the shell computes it: sorted ids, one a line, SHA-256."""
    return hashlib.sha256("".join(f"{each}\n" for each in sorted(ids)).encode()).hexdigest()


def draw(folder: Path, source: Path, *options: str) -> tuple[Path, Path]:
    """Draw a sample with the real command; return (sample, plan)."""
    sample, plan = folder / "sample.jsonl", folder / "plan.json"
    done = synthgate("audit", "draw", source, "-o", sample, "--plan", plan, *options)
    assert done.code == 0, done.err
    return sample, plan


def labels(
    folder: Path, sample: Path, verdict: Callable[[int], str | None], name: str = "labels.jsonl"
) -> Path:
    """Label the sample by position (from 1); None leaves a hole."""
    path = folder / name
    said = [(row_id, verdict(at)) for at, row_id in enumerate(ids_of(sample), 1)]
    path.write_text(
        "".join(
            json.dumps({"id": row_id, "verdict": word, "reviewer": "ann"}) + "\n"
            for row_id, word in said
            if word
        )
    )
    return path


@dataclass
class Case:
    """An audit in a folder, by the commands themselves in this process."""

    folder: Path
    rows: Path

    def at(self, name: str) -> Path:
        return self.folder / name

    def draw(self, *options: str | Path, rows: Path | None = None) -> int:
        files = ["-o", self.at("sample.jsonl"), "--plan", self.at("plan.json")]
        return invoke([*map(str, ["audit", "draw", rows or self.rows, *files, *options])])

    @property
    def plan(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.at("plan.json").read_text())
        return found

    def log(
        self, verdict: Callable[[int], str | None] = lambda at: "pass", reviewer: str = "ann"
    ) -> Path:
        """Label the sample by position (from 1) into a label log."""
        path = self.at("log.jsonl")
        plan = self.plan
        with open_labels(str(path), plan["plan"]) as log:
            for at, row_id in enumerate(plan["sample"], 1):
                if said := verdict(at):
                    log.append(row_id, said, reviewer)
        return path

    def gate(self, *options: str | Path, rows: Path | None = None) -> int:
        """Run the gate; `out.jsonl`, `rejects.jsonl` and `cert.json` are its files."""
        files = {"-o": "out.jsonl", "--rejects": "rejects.jsonl", "--certificate": "cert.json"}
        known = {"--plan": "plan.json", "--labels": "log.jsonl", **files}
        words = [each for flag, name in known.items() for each in (flag, self.at(name))]
        return invoke([*map(str, ["audit", "gate", rows or self.rows, *words, *options])])

    @property
    def nothing_written(self) -> bool:
        names = ("out.jsonl", "out.jsonl.manifest.json", "rejects.jsonl", "cert.json")
        return not any(self.at(name).exists() for name in names)

    @property
    def certificate(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.at("cert.json").read_text())
        return found
