"""The sandbox holds, says when it does not, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthgate.sandbox import tiers
from synthgate.sandbox.box import Box, Broken, Plan
from synthgate.sandbox.inside import kernel, seccomp
from synthgate.sandbox.programs import Found, Rig, Rigs
from tests.conftest import ROOT

TASK: dict[str, Any] = {
    "prompt": "def f(x):\n    '''.'''\n", "entry": "f", "tests": [], "cases": [], "seed": 1,
    "test": "def check(c):\n    assert c(1) == 7\n    assert c(2) == 8\n",
    "stand_ins": False, "shared": False,
}  # fmt: skip
RIGHT = "    return x + 6\n"


@pytest.fixture(params=["A", "B"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A pair of boxes in a tier that isolates."""
    rigs = Rigs(Plan(request.param, memory=512 << 20, cpu=3), 4.0)
    with rigs.lend() as lent:
        yield lent
    rigs.close()


def run(rig: Rig, body: str) -> Found:
    """What the tests say of a function with this body."""
    return rig.judge({**TASK, "text": body})


@pytest.mark.parametrize("tier", ["A", "B"])
def test_a_tier_withstands_its_self_test(tier: str) -> None:
    """On a machine that can isolate, no attempt of the self-test gets out."""
    assert tiers.test(Plan(tier)) == ""


def test_the_self_test_can_fail() -> None:
    """Limits alone let attempts through, and the self-test says which."""
    said = tiers.test(Plan("C"))
    for word in ("write outside", "read a secret", "connect", "start a process"):
        assert word in said


def test_auto_is_the_best_tier_that_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A if it holds, else B, else a refusal that names both; never C."""
    held = {"A": "", "B": ""}
    monkeypatch.setattr(tiers, "test", lambda plan: held[plan.tier])
    assert tiers.choose("auto", Plan("A")).name == "A"
    held["A"] = "a test program could connect"
    assert tiers.choose("auto", Plan("A")).name == "B"
    held["B"] = "no Landlock"
    with pytest.raises(tiers.Refused, match=r"tier A: .*connect; tier B: no Landlock"):
        tiers.choose("auto", Plan("A"))
    with pytest.raises(tiers.Refused):
        tiers.choose("A", Plan("A"))
    assert tiers.choose("C", Plan("A")).name == "C"


@pytest.mark.parametrize(
    "attempt",
    [
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "subprocess.run(['true'])",
        "os.kill(os.getppid(), 9)",
        "os.kill(-1, 9)",
        "socket.socket()",
        "open('/etc/passwd').read()",
        "open('/proc/self/maps').read()",
        "os.listdir('/root')",
        "os.listdir('/home')",
        "open('/usr/synthgate-test', 'w')",
        "os.setsid()",
        "os.nice(-1)",
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
        "os.setuid(0)",
        "os.memfd_create('x')",
        "os.mkfifo('/dev/x')",
        "call(libc.unshare(0x10000000))",
        "call(libc.ptrace(16, os.getppid(), 0, 0))",
        "call(libc.mount(b'none', b'/', b'tmpfs', 0, None))",
        "call(libc.chroot(b'/'))",
        "call(libc.personality(0x40000))",
        "call(libc.syscall(425, 1, 0))",
        "call(libc.syscall(250, 0, -3, 0))",
        "call(libc.syscall(435, 0, 0))",
        "call(libc.shmget(7, 4096, 0o1666))",
        "call(libc.prctl(1, 0))",
    ],
)
def test_what_a_program_may_not_do_fails(rig: Rig, attempt: str) -> None:
    """Every call that reaches out is refused with an error that the program itself sees."""
    body = (
        "    import ctypes, os, resource, socket, subprocess\n"
        "    libc = ctypes.CDLL(None, use_errno=True)\n"
        "    def call(result):\n        if result == -1: raise OSError(ctypes.get_errno(), 'no')\n"
        f"    try:\n        {attempt}\n"
        "    except (OSError, subprocess.SubprocessError, ValueError):\n        return x + 6\n"
        "    return 'it worked'\n"
    )
    assert run(rig, body) == Found("pass", calls=2)


def test_nothing_of_a_program_stays(rig: Rig) -> None:
    """A file in the work folder and a changed interpreter are gone for the next program."""
    leaves = (
        "    import builtins, os, tempfile\n    builtins.residue = 1\n"
        "    os.makedirs(tempfile.gettempdir() + '/a/b')\n"
        "    open(tempfile.gettempdir() + '/a/b/left', 'w').write('x')\n    return x + 6\n"
    )
    finds = (
        "    import builtins, os\n"
        "    clean = not os.listdir('.') and not hasattr(builtins, 'residue')\n"
        "    return x + 6 if clean else 'not clean'\n"
    )
    # The same work folder serves both calls of one program, so the first writes and then passes.
    once = leaves.replace("    os.makedirs", "    if x == 1: os.makedirs")
    assert run(rig, once).outcome == "pass"
    assert run(rig, finds).outcome == "pass"


def test_what_a_program_stores_is_limited(rig: Rig) -> None:
    """Many files that each keep to the limit do not get past it in sum."""
    body = (
        "    n = 0\n    while True:\n        with open(str(n), 'wb') as file:\n"
        "            file.write(bytes(1 << 20))\n        n += 1\n"
    )
    found = run(rig, body)
    assert found.outcome == "fail"
    assert "disk" in found.reason or "No space" in found.reason
    assert run(rig, RIGHT).outcome == "pass"


def test_a_program_that_breaks_its_zygote_fails_alone(rig: Rig) -> None:
    """A box that was killed is made anew, and the next program is judged in it."""
    assert run(rig, RIGHT).outcome == "pass"
    box = rig._boxes[0]
    assert box is not None
    box._process.kill()
    assert run(rig, RIGHT).outcome == "pass"


def test_a_program_cannot_answer_in_advance(rig: Rig) -> None:
    """Frames that nobody asked for are answers to the next questions, and tests see them so."""
    body = (
        "    import os, struct, json\n"
        "    for answer in (7, 8, 9):\n"
        "        data = json.dumps({'value': answer}).encode()\n"
        "        for fd in range(3, 64):\n"
        "            try: os.write(fd, struct.pack('!I', len(data)) + data)\n"
        "            except OSError: pass\n"
        "    return 0\n"
    )
    found = run(rig, body)
    # It may say any value it likes, but only where that is the right one does it pass; here it
    # knows the right ones. What it cannot do is to make a verdict of them.
    assert found.calls == 2
    wrong = run(rig, body.replace("(7, 8, 9)", "(8, 7, 7)"))
    assert wrong.outcome == "fail"


def test_a_killed_harness_leaves_no_process(tmp_path: Path) -> None:
    """After kill -9 of the harness, zygotes and programs are gone within seconds."""
    script = (
        "import sys\nfrom synthgate.sandbox.box import Plan\n"
        "from synthgate.sandbox.programs import Rigs\n"
        "task = {'prompt': '', 'entry': 'f', 'tests': [], 'cases': [], 'seed': 1, 'shared': False,"
        " 'test': 'def check(c):\\n    c(1)', 'stand_ins': False,"
        " 'text': 'def f(x):\\n    while True: pass'}\n"
        "with Rigs(Plan(sys.argv[1]), 60).lend() as rig:\n    print('go', flush=True)\n"
        "    rig.judge(task)\n"
    )
    for tier in ("A", "B"):
        marker = f"SYNTHGATE_MARKER_{tier}_{os.getpid()}"
        harness = subprocess.Popen(
            [sys.executable, "-c", script, tier, marker], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"go\n"
        deadline = time.monotonic() + 120
        while len(_descendants(harness.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        started = _descendants(harness.pid)
        assert len(started) >= 2
        harness.send_signal(signal.SIGKILL)
        harness.wait()
        harness.stdout.close()
        while any(map(_lives, started)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(_lives, started))


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_box_that_cannot_start_says_why(tmp_path: Path) -> None:
    """An interpreter that is none is a broken box, not a crash, and no folder is left."""
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    ours = f"synthgate-box-{os.getpid()}-*"  # other runs on this machine have theirs
    before = set(Path("/tmp").glob(ours))
    with pytest.raises(Broken):
        Box(Plan("A", python=str(fake)))
    assert set(Path("/tmp").glob(ours)) <= before


def test_without_namespaces_the_next_tier_is_taken() -> None:
    """Where no namespace may be made, tier A says why it does not hold, and `auto` is tier B."""
    script = (
        "import sys\nfrom synthgate.sandbox import tiers\nfrom synthgate.sandbox.box import Plan\n"
        "open('/proc/sys/user/max_user_namespaces', 'w').write('0')\n"
        "print(tiers.choose('auto', Plan('A')).name, tiers.test(Plan('A')))\n"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    if "unshare failed" in done.stderr:
        pytest.skip("SKIPPED: this user may make no namespace in which to forbid them")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("B [Errno ")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("starts", [True, False])
@pytest.mark.parametrize("own_tree", [True, False])
def test_filters_are_whole_programs(machine: str, starts: bool, own_tree: bool) -> None:
    """Every jump of a filter lands inside it, every path ends, and it fits the kernel's limit."""
    code = seccomp.program(machine, starts=starts, own_tree=own_tree)
    steps = [code[at : at + 8] for at in range(0, len(code), 8)]
    assert len(steps) < 4096
    for at, step in enumerate(steps):
        kind, then, otherwise = int.from_bytes(step[:2], "little"), step[2], step[3]
        if kind & 7 == 5:
            assert at + 1 + max(then, otherwise) < len(steps)
    assert int.from_bytes(steps[-1][:2], "little") == 6


def test_numbers_of_calls_are_the_kernels() -> None:
    """The table of system calls agrees with the headers of this machine, where they are there."""
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("SKIPPED: no kernel headers here")
    known = dict(
        line.split()[1:3] for line in header.read_text().splitlines() if "define __NR_" in line
    )
    checked = 0
    for table in (seccomp._NUMBERS, seccomp._ATTRIBUTES, seccomp._STARTING):
        for name, (number, _) in table.items():
            if f"__NR_{name}" in known:
                assert int(known[f"__NR_{name}"]) == number
                checked += 1
    assert checked > 80


def test_this_machine_is_known() -> None:
    """The tests run on a machine whose system calls the sandbox knows."""
    assert kernel.MACHINE in kernel.MACHINES


def test_plans_are_values() -> None:
    """A plan can be changed into another one, and boxes do not share it."""
    plan = Plan("A")
    assert replace(plan, tier="B") != plan
