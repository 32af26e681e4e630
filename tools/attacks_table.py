"""Run every attack in every tier and write what came of it to `docs/attacks.md`.

`python tools/attacks_table.py` takes some minutes and wants to be run as root on Linux, so that it
can run as a normal user too. The tests run the same programs; this page is for people.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.attacks.catalogue import ATTACKS, CONTROLS, THREATS  # noqa: E402
from tests.attacks.model import Attack  # noqa: E402
from tests.attacks.runner import Report, Result, run_attacks  # noqa: E402

PAGE = ROOT / "docs" / "attacks.md"
# Without a sandbox these end the run itself, so that nothing could be read from it.
ENDS_THE_RUN = (
    "kill_parent", "stop_parent", "kill_harness", "kill_group", "interrupts_the_first",
    "interrupt_socket_owner",
)  # fmt: skip
HEAD = """# Attacks

Programs that want a `pass` they have not earned, more than their share, or what is not theirs; each
run through `synthgate verify --check exec` among honest programs. `tests/attacks/` holds them, and
`tests/test_attacks.py` runs them. This page is written by `tools/attacks_table.py`.

A cell says what the verdicts were over all styles in which the program was tested (`test`, `tests`,
`cases` with arguments, `cases` with stdin), then what else came of it: **forged**, a wrong program
passed; **effect**, it did or got what it should not. A right program that only tries something may
pass. C is what limits alone hold, and is there for comparison; it is never chosen by itself.
"""


def columns() -> dict[str, Report]:
    """Run everything, once for each column."""
    found = {}
    tame = [attack for attack in ATTACKS if attack.name not in ENDS_THE_RUN]
    root = os.geteuid() == 0
    for tier in "AB":
        for user in (False, True) if root else (True,):
            name = f"{tier}, {'user' if user else 'root'}"
            found[name] = run_attacks((*ATTACKS, *CONTROLS), tier, as_user=user)
    found["C, user"] = run_attacks((*tame, *CONTROLS), "C", as_user=True, brief=True)
    return found


def cell(results: Iterable[Result]) -> str:
    """What came of one program in one column."""
    every = list(results)
    if not every:
        return "not run"
    words = ["/".join(sorted({each.verdict for each in every}))]
    if any(each.forged and each.attack.kind in ("forge", "wrong") for each in every):
        words.append("**forged**")
    if any(each.effect for each in every):
        words.append("**effect**")
    return ", ".join(words)


def counts(report: Report, attacks: Iterable[Attack]) -> str:
    """How many programs of a class forged or had an effect."""
    names = {attack.name for attack in attacks}
    forged = {each.attack.name for each in report.forged} & names
    harmful = {each.attack.name for each in report.harmful} & names
    return f"{len(forged | harmful)}"


def page(found: dict[str, Report]) -> str:
    """The page."""
    heads = list(found)
    rule = "|---" * (len(heads) + 1) + "|"
    parts = [HEAD, "## How many worked\n"]
    lines = [f"| class | programs | {' | '.join(heads)} |", "|---" + rule]
    for threat in THREATS:
        mine = [attack for attack in ATTACKS if attack.threat == threat]
        cells = " | ".join(counts(report, mine) for report in found.values())
        lines.append(f"| {threat} | {len(mine)} | {cells} |")
    parts.append("\n".join(lines) + "\n")
    for threat in (*THREATS, "control"):
        title = "controls: right and wrong programs" if threat == "control" else threat
        parts.append(f"## {title}\n")
        lines = [f"| program | what it does | {' | '.join(heads)} |", "|---" + rule]
        for attack in (each for each in (*ATTACKS, *CONTROLS) if each.threat == threat):
            cells = " | ".join(
                cell(r for r in report.results if r.attack.name == attack.name)
                for report in found.values()
            )
            lines.append(f"| `{attack.name}` | {attack.what} | {cells} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def main() -> int:
    """Write the page; end with 1 where tier A let anything through."""
    found = columns()
    PAGE.write_text(page(found))
    held = [report for name, report in found.items() if name.startswith("A")]
    return int(any(report.forged or report.harmful or report.wronged for report in held))


if __name__ == "__main__":
    sys.exit(main())
