"""The gate of the proof: the real commands one after the other, each file kept, by its stage.

`raw` → `unique` → `screened` → `verified` → `capped` → `audited` → `train`, in one folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from corpora import Example, Split
from evidence import audit, read, synthgate, write
from world import World

STAMP = ("--generator", "trigrams", "--generation", 1, "--source-field", "source")
UNVERIFIED = ("--unverified", "an arm that is measured without a check")


class Setting(NamedTuple):
    """What a user of the gate decides; everything else is as it ships."""

    top: int  # labels among which the check wants the row's label
    cap: int  # `cluster-cap --max-per-cluster`
    fraction: float  # `blend --real-fraction`
    shortage: str  # `blend --on-shortage`
    balance: bool  # `blend --balance` the label


class Gate:
    """One world's rows on their way through the gate."""

    def __init__(self, folder: Path, split: Split, world: World, setting: Setting) -> None:
        self.folder, self._right, self.setting = folder, world.right, setting
        self.verdict = ""  # of the audit
        real = (
            {"input": text, "output": label, "n": -n}
            for n, (text, label) in enumerate(split.real, 1)
        )
        write(self.file("real"), real)
        write(self.file("raw"), world.rows)

    def file(self, stage: str) -> Path:
        """Return the file of a stage."""
        return self.folder / f"{stage}.jsonl"

    def numbers(self, stage: str) -> list[int]:
        """Return the numbers of a stage's rows; those of real rows are negative."""
        return [row["n"] for row in read(self.file(stage))]

    def examples(self, stage: str) -> list[Example]:
        """Return what a student learns from the rows of a stage."""
        return [(row["input"], row["output"]) for row in read(self.file(stage))]

    def dedupe(self) -> None:
        """raw → unique: drop repeats, as it ships."""
        self._run("dedupe", "raw", "unique", *STAMP)

    def scan(self, source: str, target: str) -> None:
        """Drop what the blocking tests find, as it ships."""
        self._run("scan", source, target, "--real", self.file("real"), "--reject")

    def verify(self, source: str, target: str) -> None:
        """Ask the model that saw real rows only, and drop copies of real rows."""
        real = self.file("real")
        checks = (f"real-model:{self.setting.top}:{real}", f"leak:{real}#prompt")
        self._run(
            "verify", source, target, *(word for each in checks for word in ("--check", each))
        )

    def cap(self) -> None:
        """verified → capped: cap crowded regions."""
        self._run("cluster-cap", "verified", "capped", "--max-per-cluster", self.setting.cap)

    def audit(self, stage: str) -> str:
        """Return the verdict on a stage's rows, labelled with the truth."""
        flags = UNVERIFIED if stage in ("raw", "unique") else ()
        return audit(self.file(stage), lambda row: row["n"] in self._right, self.folder, *flags)[0]

    def blend(self) -> None:
        """Mix what the audit released with the real rows, which are known to be real."""
        argv = [
            "blend",
            self.file("audited"),
            "-o",
            self.file("train"),
            "--real",
            self.file("real"),
        ]
        argv += ["--certificate", self.folder / "certificate.json", "--on-repeat", "keep-real"]
        mix = ["--real-fraction", self.setting.fraction, "--on-shortage", self.setting.shortage]
        synthgate(*argv, *mix, *(("--balance", "output") if self.setting.balance else ()))

    def _run(self, command: str, source: str, target: str, *argv: object) -> None:
        synthgate(command, self.file(source), "-o", self.file(target), *argv)
