"""Write what the documentation shows of the program from the program itself.

`python tools/generate_docs.py` rewrites `docs/commands.md` and the generated blocks of
`README.md`; `--check` changes nothing and ends with 1 where they differ.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    "generate", "dedupe", "cluster-cap", "verify", "scan", "audit draw", "audit review",
    "audit export", "audit import", "audit gate",
    "blend", "report", "trace", "run", "init", "demo",
)  # fmt: skip


def run(*argv: str, cwd: Path) -> str:
    """Return what a command prints, both streams in their order."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SYNTHGATE_")}
    done = subprocess.run(
        [sys.executable, "-m", "synthgate", *argv],
        cwd=cwd,
        env={**clean, "COLUMNS": "100", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


def commands() -> str:
    """Return `docs/commands.md`: every command's own help."""
    parts = ["# Commands\n\nGenerated from `--help` by `tools/generate_docs.py`.\n"]
    with tempfile.TemporaryDirectory() as folder:
        for name in COMMANDS:
            text = run(*name.split(), "--help", cwd=Path(folder)).rstrip()
            parts.append(f"## synthgate {name}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def readme(text: str) -> str:
    """Return the README with its generated blocks renewed."""
    with tempfile.TemporaryDirectory() as folder:
        demo = run("demo", cwd=Path(folder)).rstrip()
    makefile = (ROOT / "examples" / "Makefile").read_text().rstrip()
    text = block(text, "demo", f"```text\n{demo}\n```")
    return block(text, "makefile", f"```make\n{makefile}\n```")


def block(text: str, name: str, content: str) -> str:
    """Replace what stands between `<!-- name:begin -->` and `<!-- name:end -->`."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(\n<!-- {name}:end -->)"
    found = re.search(pattern, text, re.DOTALL)
    if not found:
        raise SystemExit(f"README.md has no block {name!r}")
    return text[: found.end(1)] + content + text[found.start(2) :]


def main() -> int:
    """Renew the files, or tell which differ."""
    page, front = ROOT / "docs" / "commands.md", ROOT / "README.md"
    wanted = {page: commands(), front: readme(front.read_text())}
    differ = [
        path for path, text in wanted.items() if not path.exists() or path.read_text() != text
    ]
    for path in differ:
        print(f"{path.relative_to(ROOT)} differs from the program")
        if "--check" not in sys.argv:
            path.write_text(wanted[path])
    return 1 if differ and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
