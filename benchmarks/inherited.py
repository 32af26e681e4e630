"""Inherited error on real model output: what is wrong in the training set after each kind of check.

The answers of four models to the 1,319 problems of the GSM8K test set, each with the flag that its
authors published, and those of a small model of another family. No seed decides anything but which
rows the audit draws (0).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from evidence import DATA, Result, Row, audit, page, prove, read, synthgate, table, write
from gsm8k import MODELS, generator, lay

QUICK_PROBLEMS, QUICK_CHECKS = 150, ("arithmetic", "answer")
OTHER = "qwen2.5-coder-0.5b"
REASON = "four fine-tunes of one base model, measured as such"
CHECKS: dict[str, tuple[str, ...]] = {
    "arithmetic": ("--check", "arithmetic"),
    "two": ("--check", "agree:all.jsonl", "--agree-share", "0.6", "--allow-dependent", REASON),
    "three": ("--check", "agree:all.jsonl", "--allow-dependent", REASON),
    "other": ("--check", "agree:other.jsonl"),
    "answer": ("--check", "answer"),
}
NAMES = {
    "none": "no check",
    "arithmetic": "the weak rule: what is calculated is right (`arithmetic`)",
    "two": "two of the three other models agree (`agree`)",
    "three": "all three other models agree (`agree`)",
    "other": f"a model of another family agrees (`agree`, {OTHER})",
    "answer": "the final answer is the gold one (`answer`)",
}


def measure(quick: bool, _: Path) -> Result:
    """Run every check over the rows of all four models, and the audit over what it passes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay(DATA / "gsm8k", folder)
        problems = QUICK_PROBLEMS if quick else None
        rows = [row for model in MODELS for row in list(read(folder / f"{model}.jsonl"))[:problems]]
        write(folder / "all.jsonl", rows)
        lay_other(folder)
        found = {"none": measured(folder, "all")}
        for check in QUICK_CHECKS if quick else CHECKS:
            words = [word.replace("agree:", f"agree:{folder}/") for word in CHECKS[check]]
            synthgate("verify", folder / "all.jsonl", "-o", folder / f"kept-{check}.jsonl", *words)
            found[check] = measured(folder, f"kept-{check}")
    return {"checks": found}


def lay_other(folder: Path) -> None:
    """Write the answers of the other model to the problems that it was asked, in their words."""
    asked = [row["question"] for row in read(DATA / "gsm8k/test.jsonl")]
    said = read(DATA / f"generated/gsm8k_{OTHER}.jsonl")
    rows = ({"input": asked[row["problem"]], "output": row["output"]} for row in said)
    write(folder / "plain.jsonl", rows)
    argv = ["--generator", OTHER, "--generation", 1, "--near-threshold", 0]
    synthgate("dedupe", folder / "plain.jsonl", "-o", folder / "other.jsonl", *argv)


def measured(folder: Path, check: str) -> Result:
    """Return how many rows there are, the wrong share of all and of each model, and the verdict."""
    rows = list(read(folder / f"{check}.jsonl"))
    free = () if check != "all" else ("--unverified", "measured without a check")
    verdict, said = audit(folder / f"{check}.jsonl", is_right, folder, *free)
    wrong = {
        model: share_wrong([row for row in rows if of(row) == generator(model)]) for model in MODELS
    }
    return {
        "rows": len(rows),
        "wrong": share_wrong(rows),
        "models": wrong,
        "audit": verdict,
        "said": said,
    }


def is_right(row: Row) -> bool:
    """Tell what the published flag says."""
    return bool(row["right"])


def of(row: Row) -> str:
    """Return who made a row."""
    return str(row["_synthgate"]["generator"])


def share_wrong(rows: list[Row]) -> float | None:
    """Return the share of wrong rows, None of no rows."""
    return round(sum(not is_right(row) for row in rows) / len(rows), 4) if rows else None


# --- the page ---------------------------------------------------------------------------

HEAD = ("check", "rows that pass", "wrong among them", "by model: least", "most", "audit for 90 %")


def render(result: Result) -> str:
    """Return the part of the page."""
    return page(
        "inherited", table=table(HEAD, [line(name, result["checks"][name]) for name in NAMES])
    )


def line(check: str, found: Result) -> list[str]:
    """Return the cells of one check."""
    wrong = [share for share in found["models"].values() if share is not None]
    cells = [
        NAMES[check],
        f"{found['rows']:,}",
        *(f"{each:.1%}" for each in (found["wrong"], min(wrong), max(wrong))),
    ]
    said = "PASS" if found["audit"] == "PASS" else found["said"].partition(";")[0]
    return [*cells, said]


if __name__ == "__main__":
    prove("inherited", __doc__ or "", measure, render)
