"""What each check is worth on real model answers: precision, recall and lift over the base rate.

The answers are those that four models gave to the 1,319 problems of the GSM8K test set, each with
the flag that its authors published. Every figure comes from the real command (`verify --truth`).
The four models are one family, so that they may vouch for each other only by `--allow-dependent`:
what the rows of `agree` show is how related models agree, not independent evidence.

Run: python benchmarks/gsm8k.py [--data FOLDER] > table.md
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "gsm8k"
NAMES = {
    "answer": "answer",
    "arithmetic": "arithmetic",
    "three": "agree, all three others",
    "two": "agree, two of three (`--agree-share 0.6`)",
    "one": "agree, one other",
}
Figures = dict[str, float]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay(data, folder)
        measured = {model: dict(checks_of(folder, model)) for model in MODELS}
    print("| check | rows of | pass | precision (95 % at least) | recall | base rate | lift |")
    print("|---|---|---|---|---|---|---|")
    for check, shown in NAMES.items():
        for model in MODELS:
            print(line(shown, model, measured[model][check]))
    print()
    print(
        "All four models are one family: `agree` ran with `--allow-dependent`. A check whose lift"
    )
    print("is 1.0 passes right rows as often as picking rows blindly would.")


def lay(data: Path, folder: Path) -> None:
    """Write the answers of each model, those of all others, and those of one other."""
    solutions = (data / "example_model_solutions.jsonl").read_text().splitlines()
    golds = (data / "test.jsonl").read_text().splitlines()
    rows: dict[str, list[dict[str, Any]]] = {model: [] for model in MODELS}
    for solution, gold in zip(map(json.loads, solutions), map(json.loads, golds), strict=True):
        for model in MODELS:
            row = {"input": solution["question"], "output": solution[model]["solution"]}
            truth = {"answer": gold["answer"], "right": solution[model]["is_correct"]}
            rows[model].append(row | truth)
    for model in MODELS:
        plain = folder / "plain.jsonl"
        plain.write_text("".join(json.dumps(row) + "\n" for row in rows[model]))
        synthgate("dedupe", plain, "-o", folder / f"{model}.jsonl", "--generator", generator(model))
    for at, model in enumerate(MODELS):
        others = [folder / f"{other}.jsonl" for other in MODELS if other != model]
        joined = b"".join(path.read_bytes() for path in others)
        (folder / f"{model}.others.jsonl").write_bytes(joined)
        one = MODELS[at ^ 2]  # the model of the other size, trained in the same way
        (folder / f"{model}.one.jsonl").write_bytes((folder / f"{one}.jsonl").read_bytes())


def generator(model: str) -> str:
    """Return the name under which rows are stamped: GPT-3, as the authors of GSM8K say."""
    return f"gpt-3-{model.replace('_', '-')}"


def checks_of(folder: Path, model: str) -> Iterator[tuple[str, Figures]]:
    """Yield (check, what it is worth) on one model's rows."""
    others = folder / f"{model}.others.jsonl"
    yield from measured(folder, model, "answer", "arithmetic", f"three=agree:{others}")
    yield from measured(folder, model, f"two=agree:{others}", share="0.6")
    yield from measured(folder, model, f"one=agree:{folder / f'{model}.one.jsonl'}")


def measured(
    folder: Path, model: str, *checks: str, share: str = "1.0"
) -> Iterator[tuple[str, Figures]]:
    """Run `verify` over one model's rows and yield what it says each check is worth."""
    summary = folder / "summary.json"
    argv: list[str | Path] = ["verify", folder / f"{model}.jsonl", "-o", folder / "kept.jsonl"]
    argv += [word for check in checks for word in ("--check", check)]
    argv += ["--truth", "right", "--agree-share", share, "--require", "any"]
    synthgate(*argv, "--summary", summary, "--allow-dependent", "one family, measured as such")
    for found in json.loads(summary.read_text())["findings"]["checks"]:
        yield found["name"], found["truth"]


def synthgate(*argv: str | Path) -> None:
    """Run the real command."""
    words = [sys.executable, "-m", "synthgate", *map(str, argv), "--force", "-q"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(words)}\n{done.stderr}")


def line(check: str, model: str, worth: Figures) -> str:
    """Return one line of the table."""
    cells = [
        check,
        model.replace("_", " "),
        f"{worth['passes']:,}",
        f"{worth['precision']:.3f} ({worth['precision_at_least']:.3f})",
        f"{worth['recall']:.3f}",
        f"{worth['base_rate']:.3f}",
        f"{worth['lift']:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
