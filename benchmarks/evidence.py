"""What the three proofs share: the real commands, recorded results, the page that shows them.

A proof measures, writes `benchmarks/results/NAME.json`, and renders its block of `docs/evidence.md`
from that file alone. `python benchmarks/NAME.py --render` renders again without measuring.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "evidence.md"
PLUGINS = HERE / "plugins"

Row = dict[str, Any]
Result = dict[str, Any]


# --- the real commands ------------------------------------------------------------------


def synthgate(*argv: object, ends: Sequence[int] = (0,)) -> tuple[int, str]:
    """Run the real command; return its exit code, one of `ends`, and what it said."""
    words = [sys.executable, "-m", "synthgate", *map(str, argv), "--force"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("SYNTHGATE_")}
    env["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), str(PLUGINS)])
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    if done.returncode not in ends:
        raise SystemExit(f"exit code {done.returncode}: {' '.join(words)}\n{done.stderr}")
    return done.returncode, done.stderr


def audit(rows: Path, right: Callable[[Row], bool], folder: Path, *gate: object) -> tuple[str, str]:
    """Draw a sample, label it with the truth, ask the gate; return its verdict and its sentence.

    On PASS `folder` holds `audited.jsonl` and `certificate.json`; else neither of them.
    """
    plan, sample, labels = (folder / f"{rows.stem}.{name}" for name in ("plan", "sample", "labels"))
    synthgate("audit", "draw", rows, "--plan", plan, "-o", sample, "-q")
    said = [(row["_synthgate"]["id"], "pass" if right(row) else "fail") for row in read(sample)]
    write(labels, ({"id": row, "verdict": verdict, "reviewer": "truth"} for row, verdict in said))
    out, certificate = folder / "audited.jsonl", folder / "certificate.json"
    out.unlink(missing_ok=True)
    argv = ["audit", "gate", rows, "--plan", plan, "--labels", labels, "-o", out]
    code, told = synthgate(*argv, "--certificate", certificate, *gate, ends=(0, 3))
    sentence = next(line for line in told.splitlines() if re.search("PASS|STOP", line))
    return "STOP" if code else "PASS", sentence.partition(": ")[2]


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a file."""
    with path.open("rb") as lines:
        yield from map(json.loads, lines)


def write(path: Path, rows: Iterable[Row]) -> Path:
    """Write rows, one a line."""
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


# --- results and the page ---------------------------------------------------------------


def prove(
    name: str, doc: str, measure: Callable[[bool, Path], Result], render: Callable[[Result], str]
) -> None:
    """Be the command line of one proof."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small, into --output only")
    parser.add_argument("--render", action="store_true", help="the page from the recorded result")
    parser.add_argument("--check", action="store_true", help="is the page that of the result?")
    parser.add_argument("--output", type=Path, default=RESULTS / f"{name}.json")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    if given.quick and given.output.parent == RESULTS:
        parser.error("--quick needs an --output of its own")
    if not given.render and not given.check:
        save(given.output, measure(given.quick, given.output))
    if given.output.parent == RESULTS:
        text = given.page.read_text() if given.page.exists() else "# Evidence\n"
        wanted = placed(text, name, render(json.loads(given.output.read_text())))
        if given.check and text != wanted:
            raise SystemExit(f"{given.page}: {name} is not what was recorded")
        if not given.check:
            given.page.write_text(wanted)


def save(path: Path, result: Result) -> None:
    """Write a result, each innermost object on a line of its own."""
    text = json.dumps(result, indent=1)
    path.write_text(re.sub(r"\{[^{}]*\}", lambda found: " ".join(found[0].split()), text) + "\n")


def page(name: str, **cells: object) -> str:
    """Return the text of a part of the page, with what was measured in it."""
    return (HERE / "pages" / f"{name}.md").read_text().rstrip().format(**cells)


def placed(text: str, name: str, content: str) -> str:
    """Return the page with one block renewed, or added at its end."""
    begin, end = f"<!-- {name}:begin -->\n", f"\n<!-- {name}:end -->"
    before, found, rest = text.partition(begin)
    if not found:
        return f"{text.rstrip()}\n\n{begin}{content}{end}\n"
    return before + begin + content + end + rest.partition(end)[2]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(map(str, row)) for row in rows]
    return "\n".join(
        [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {x} |" for x in lines)]
    )


def share(values: Sequence[float], places: int = 3) -> str:
    """Return a mean with the range of the seeds: `.790 (.781-.802)`."""
    shown = [
        f"{value:.{places}f}".replace("0.", ".", 1)
        for value in (fmean(values), min(values), max(values))
    ]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} ({shown[1]}-{shown[2]})"


def held(holds: bool) -> str:
    """Return the word for a bar that holds, or not."""
    return "held" if holds else "**MISSED**"
