"""A real model writes invoices and sums on this machine; the checks say what they are worth.

Twenty prompts, no key, no hub. The model has 135 million parameters: expect that most of what it
writes is rejected, because that is the point of a gate. Everything lies in `synthgate-live`; a
second run asks nothing again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path("synthgate-live")
NAMES = ("pump", "lamp", "chair", "cable", "paper")


def main() -> None:
    """Play both parts and show what came of them."""
    FOLDER.mkdir(exist_ok=True)
    invoices = [
        {"target": {"invoice": f"A-{n}", "item": NAMES[n % 5], "count": n + 1, "total": 15 * n}}
        for n in range(10)
    ]
    part("invoices", invoices, ["--strategy", "schema", "--max-tokens", "120"], "schema:@gold")
    sums = [
        {"prompt": f"Anna has {n} apples and buys {2 * n + 1} more. How many has she now? "
         "Show the sum as an equation."}
        for n in range(10, 20)
    ]  # fmt: skip
    part("sums", sums, ["--max-tokens", "120"], "arithmetic")


def part(name: str, rows: list[dict[str, object]], flags: list[str], check: str) -> None:
    """Generate and verify one kind of rows, and show one reject and its reason."""
    (FOLDER / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    say("generate", f"{name}.jsonl", "--generator", "local", "--samples", "1", "-o",
        f"{name}.raw.jsonl", "--rejects", f"{name}.failed.jsonl", "--journal", "journal.jsonl",
        "--timeout", "1800", "--force", *flags)  # fmt: skip
    say("verify", f"{name}.raw.jsonl", "--check", check, "-o", f"{name}.verified.jsonl",
        "--rejects", f"{name}.rejected.jsonl", "--force")  # fmt: skip
    for line in (FOLDER / f"{name}.rejected.jsonl").read_text().splitlines()[:2]:
        row = json.loads(line)
        print(f"  rejected ({row['_reject']['reason']}): {row['output'][:100]!r}", flush=True)


def say(*argv: str) -> None:
    """Show a command and run it."""
    print("$ synthgate " + " ".join(argv), flush=True)
    done = subprocess.run([sys.executable, "-m", "synthgate", *argv], cwd=FOLDER, check=False)
    if done.returncode not in (0, 7):  # 7: not one usable answer, which may happen here
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
