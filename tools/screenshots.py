"""Take the pictures of the documentation: `python tools/screenshots.py [report]`.

Both reviewers and the report; with `report` that alone. Needs chromium and chromedriver
(`tools/install-browser`). The terminal's screen is kept by an emulator and drawn by the browser.
"""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from synthgate.render.report_html import html as report_page
from tests.browser import Browser
from tests.pseudo_terminal import PseudoTerminal, styled
from tests.report_fixture import rich

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
FONT = '"DejaVu Sans Mono", monospace'
COLOURS = {
    "default": "#d8dadd", "black": "#16181b", "red": "#f0736b", "green": "#4cc27e",
    "brown": "#e0a63a", "yellow": "#e0a63a", "blue": "#6aaef8", "magenta": "#b493ea",
    "cyan": "#5fc3c9", "white": "#ffffff", "brightblack": "#5b626a",
}  # fmt: skip


def lay(folder: Path) -> None:
    """Draw a sample of model answers to school problems of GSM8K."""
    rows = []
    for line in (ROOT / "fixtures" / "gsm8k" / "solutions.jsonl").read_text().splitlines()[:400]:
        row = json.loads(line)
        answer = row["models"]["175b_verification"]["solution"]
        rows.append(json.dumps({"input": row["input"], "output": answer}))
    (folder / "rows.jsonl").write_text("\n".join(dict.fromkeys(rows)) + "\n")
    tool = [sys.executable, "-m", "synthgate", "audit"]
    draw = [*tool, "draw", "-q", "rows.jsonl", "-o", "sample.jsonl", "--plan", "plan.json"]
    subprocess.run(draw, cwd=folder, check=True)
    review = [*tool, "review", "-q", "sample.jsonl", "--plan", "plan.json", "--reviewer", "ann"]
    subprocess.run([*review, "--html", "review.html"], cwd=folder, check=True)


def as_page(screen: object) -> str:
    """Return a terminal's screen as a page."""
    lines = []
    for cells in styled(screen):
        spans = []
        for text, fore, back, bold, reverse in cells:
            ink, paper = (back, fore) if reverse else (fore, back)
            ink = "black" if reverse and ink == "default" else ink
            style = f"color:{COLOURS.get(ink, '#' + ink)};font-weight:{700 if bold else 400}"
            if reverse or paper != "default":
                style += f";background:{COLOURS.get(paper, '#' + paper)}"
            spans.append(f'<span style="{style}">{html.escape(text)}</span>')
        lines.append("".join(spans))
    body = "\n".join(lines)
    return (
        '<!doctype html><meta charset="utf-8"><b id="place">.</b>'
        "<style>body{margin:0;background:#16181b}#place{display:none}"
        f"pre{{margin:14px;font:15px/1.3 {FONT}}}</style><pre>{body}</pre>"
    )


def report(folder: Path) -> None:
    """Take the first screen of a report, in light and in dark."""
    (folder / "report.html").write_text(report_page(rich()))
    with Browser(folder) as browser:
        for name in ("light", "dark"):
            browser.look(width=1200, dark=name == "dark")
            browser.show(folder / "report.html")
            end = "return document.querySelector('.cards').getBoundingClientRect().bottom + 40"
            clip = {"x": 0, "y": 0, "width": 1200, "height": browser.js(end), "scale": 1}
            options = {"captureBeyondViewport": True, "clip": clip}
            taken = browser.devtools("Page.captureScreenshot", **options)
            (DOCS / f"report-{name}.png").write_bytes(base64.b64decode(taken["data"]))


def reviewers(folder: Path) -> None:
    """Take the reviewer in a terminal and in a browser."""
    lay(folder)
    argv = ["sample.jsonl", "--plan", "plan.json", "--labels", "log.jsonl", "--reviewer", "ann"]
    paths = [folder / each if "." in each else each for each in argv]
    with PseudoTerminal("audit", "review", *paths, size=(110, 32)) as terminal:
        terminal.until("row 1 of 100")
        terminal.type("pppf1pppupp")
        terminal.until("row 11 of 100")
        terminal.type("f")
        terminal.until("why?")
        (folder / "terminal.html").write_text(as_page(terminal.screen))
    with Browser(folder) as browser:
        browser.open(folder / "terminal.html")
        browser.picture(DOCS / "review-terminal.png")
        browser.open(folder / "review.html")
        browser.type("pppf1pppuppf")
        browser.picture(DOCS / "review-browser.png")


def main() -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as name:
        report(Path(name))
        if "report" not in sys.argv[1:]:
            reviewers(Path(name))


if __name__ == "__main__":
    main()
