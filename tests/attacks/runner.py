"""Send programs through the real command and tell what came of each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.attacks.model import Attack, Style
from tests.attacks.rows import row_of
from tests.attacks.stage import NOBODY, ROOT, Stage, canary

Planned = tuple[Attack, Style, str]
SECONDS = 2.0
MEMORY = 256
RIGHT = "def add(a, b):\n    return a + b\n"
NEIGHBOUR = Attack("neighbour", "an honest program among the others", RIGHT, "honest")


@dataclass(frozen=True)
class Result:
    """What one program came to, in one style."""

    attack: Attack
    style: Style
    verdict: str
    reason: str
    effects: tuple[str, ...] = ()

    @property
    def forged(self) -> bool:
        """Whether a wrong program passed."""
        return self.verdict == "pass" and not self.attack.may_pass

    @property
    def effect(self) -> bool:
        """Whether it did or got what it should not; a teller passes only then."""
        return bool(self.effects) or (self.attack.kind in ("tell", "hunt") and self.forged)


@dataclass(frozen=True)
class Report:
    """A whole run: every program, the honest neighbours among them, and how the command ended."""

    results: list[Result]
    neighbours: list[Result]
    code: int
    stderr: str
    loose: tuple[str, ...] = ()
    peak: int = 0
    """MiB of the largest process of the run."""
    evidence: list[dict[str, Any]] = field(default_factory=list)

    @property
    def forged(self) -> list[Result]:
        """Wrong programs that passed."""
        return [each for each in self.results if each.forged]

    @property
    def dodged(self) -> list[Result]:
        """Wrong programs that got a could-not-tell, which takes no part in the decision."""
        return [r for r in self.results if r.verdict == "abstain" and not r.attack.may_pass]

    @property
    def wronged(self) -> list[Result]:
        """Right programs that did not pass, those among the attacks' neighbours too."""
        every = (*self.results, *self.neighbours)
        return [each for each in every if each.attack.must_pass and each.verdict != "pass"]

    @property
    def broken(self) -> list[Result]:
        """Programs for which the rig said `error`, or nothing."""
        return [r for r in (*self.results, *self.neighbours) if r.verdict in ("error", "none")]

    @property
    def harmful(self) -> list[Result]:
        """Programs that had an effect."""
        return [each for each in self.results if each.effect]


def run_attacks(
    attacks: Iterable[Attack],
    tier: str,
    *,
    as_user: bool = False,
    brief: bool = False,
    workers: int = 4,
    options: Sequence[str] = (),
) -> Report:
    """Run programs in one call of `synthgate verify --check exec --sandbox TIER`.

    `brief` takes two styles of each, one with a function and one with a script.
    """
    user = NOBODY if as_user and os.geteuid() == 0 else None
    with Stage(user) as stage:
        planned = _write(stage, attacks, brief)
        done, out = _verify(stage, tier, user, ["--workers", str(workers), *options])
        effects = stage.effects()
        evidence = _lines(out / "evidence")
    by_line = {each["line"]: each for each in evidence}
    results = [
        _result(attack, style, by_line.get(line), tuple(sorted(effects.pop(token, ()))))
        for line, (attack, style, token) in enumerate(planned, 1)
    ]
    loose = tuple(sorted(f"{token} {each}" for token, many in effects.items() for each in many))
    return Report(
        results=[each for each in results if each.attack is not NEIGHBOUR],
        neighbours=[each for each in results if each.attack is NEIGHBOUR],
        code=done.code,
        stderr=done.stderr,
        loose=loose,
        peak=done.peak,
        evidence=evidence,
    )


def _write(stage: Stage, attacks: Iterable[Attack], brief: bool) -> list[Planned]:
    """Write the file of rows, an honest program after every twelve, searchers last."""
    wanted = [(attack, style) for attack in attacks for style in styles_of(attack, brief)]
    wanted.sort(key=lambda pair: pair[0].name.startswith("find_"))
    planned: list[Planned] = []
    with stage.rows.open("w") as file:
        for number, (attack, style) in enumerate(wanted):
            many = [(attack, style)]
            if number % 12 == 11:
                many.append((NEIGHBOUR, ("humaneval", "asserts", "io", "stdio")[number // 12 % 4]))
            for each, how in many:
                places = stage.places_of(each.program)
                file.write(json.dumps(row_of(each, how, places)) + "\n")
                planned.append((each, how, places["TOKEN"]))
    stage.seal()
    return planned


def styles_of(attack: Attack, brief: bool) -> list[Style]:
    """The styles to run: all, or one with a function and the script."""
    if not brief:
        return list(attack.styles)
    functions = [style for style in ("io", "asserts", "humaneval") if style in attack.styles]
    return [*functions[:1], *(style for style in attack.styles if style == "stdio")]


@dataclass(frozen=True)
class _Done:
    code: int
    stderr: str
    peak: int


def _verify(
    stage: Stage, tier: str, user: int | None, options: Sequence[str]
) -> tuple[_Done, Path]:
    out = stage.folder / "out"
    python, env = interpreter(user)
    argv = [*python, "-m", "synthgate", "verify", str(stage.rows), "--prompt-field", "prompt"]
    argv += ["--response-field", "output", "--check", "exec", "--sandbox", tier, "-q"]
    argv += ["--exec-timeout", str(SECONDS), "--exec-memory", str(MEMORY), *options]
    argv += ["-o", str(out / "kept"), "--rejects", str(out / "rejects")]
    argv += ["--evidence", str(out / "evidence"), "--summary", str(out / f"summary-{canary()}")]
    process = subprocess.Popen(
        argv,
        cwd=stage.folder / "cwd",
        env={**env, "HOME": str(stage.folder / "home"), "TMPDIR": str(stage.folder / "tmp"),
             "SECRET_KEY": canary(), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        user=user,
        group=user,
        extra_groups=[] if user is not None else None,
        start_new_session=True,
    )  # fmt: skip
    timer = signal_later(process, 280)
    said = process.stderr.read().decode(errors="replace") if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stderr:
        process.stderr.close()
    return _Done(process.returncode, said, usage.ru_maxrss // 1024), out


def signal_later(process: subprocess.Popen[bytes], seconds: float) -> Any:
    """End a run that hangs."""
    import threading

    timer = threading.Timer(seconds, lambda: process.send_signal(signal.SIGKILL))
    timer.start()
    return timer


@cache
def interpreter(user: int | None) -> tuple[list[str], dict[str, str]]:
    """Return how to start Python with synthgate, as this user or another one.

    An interpreter below a home folder cannot be read by another user; the system's own of the same
    version then runs the same packages. Raises `LookupError` where there is none.
    """
    if user is None:
        return [sys.executable], {k: v for k, v in os.environ.items() if k == "PYTHONPATH"}
    first = os.environ.get("PYTHONPATH", str(ROOT))
    packages = [first, *(path for path in sys.path if path.endswith("site-packages"))]
    env = {"PYTHONPATH": ":".join(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        argv = [python, "-m", "synthgate", "--version"]
        try:
            done = subprocess.run(
                argv, env=env, cwd="/", user=user, group=user, capture_output=True, check=False
            )
        except OSError:
            continue
        if done.returncode == 0:
            return [python], env
    raise LookupError(f"no Python {version} that user {user} can run")


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        found.append(json.loads(line))
    return found


def _result(
    attack: Attack, style: Style, said: dict[str, Any] | None, effects: tuple[str, ...]
) -> Result:
    if said is None:
        return Result(attack, style, "none", "no evidence", effects)
    why = "; ".join(str(check.get("reason", "")) for check in said.get("checks", ()))
    return Result(attack, style, said["verdict"], why, effects)


def show(report: Report) -> str:
    """Return what a person wants to know of a run, a line each."""
    lines = [f"exit {report.code}, {len(report.results)} programs, largest {report.peak} MiB"]
    if not report.evidence:
        return "\n".join([*lines, "no evidence", report.stderr[-2000:]])
    for word, found in (
        ("FORGED", report.forged), ("DODGED", report.dodged), ("WRONGED", report.wronged),
        ("BROKEN", report.broken),
    ):  # fmt: skip
        lines += [f"{word} {each.attack.name} [{each.style}]: {each.reason}" for each in found]
    lines += [f"EFFECT {r.attack.name} [{r.style}]: {', '.join(r.effects)}" for r in report.harmful]
    lines += [f"LOOSE {each}" for each in report.loose]
    return "\n".join([*lines, report.stderr[-2000:]] if report.code else lines)


if __name__ == "__main__":
    from tests.attacks.catalogue import ATTACKS, CONTROLS

    words = set(sys.argv[3:])
    chosen = [
        each
        for each in (*ATTACKS, *CONTROLS)
        if not words or each.name in words or each.threat in words
    ]
    print(show(run_attacks(chosen, sys.argv[1], as_user=sys.argv[2] == "user")))
