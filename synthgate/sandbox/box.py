"""One zygote and the programs that it forks, one at a time, as the harness sees them.

Memory: about 15 MiB for a box, and what its program may use.
"""

from __future__ import annotations

import array
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from synthgate.sandbox.inside.jail import Config
from synthgate.sandbox.inside.values import BadFrame, receive, send

KILLED = 256  # the exit code of a program that had to be ended
_START = 30.0  # seconds
_END = 10.0
_UIDS = 0x70000000  # users that own nothing
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[2]); import synthgate.sandbox.inside.zygote as z; "
    "sys.path.remove(sys.argv[2]); z.start()"
)
# What programs commonly import: loaded once, in the zygote, before it drops what it may read.
PRELOAD = """
abc array ast base64 binascii bisect calendar cmath collections collections.abc contextlib copy
csv dataclasses datetime decimal difflib encodings.ascii encodings.idna encodings.latin_1 enum
fractions functools graphlib hashlib heapq html inspect io ipaddress itertools json keyword
locale logging math numbers operator os pprint queue random re secrets statistics string struct
sys tempfile textwrap threading time tokenize traceback types typing unicodedata unittest
unittest.mock urllib.parse uuid weakref zlib
"""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_PROGRAMS = ("/usr", "/bin", "/sbin", "/etc/alternatives", "/opt")


class Broken(Exception):
    """A box that could not be set up or that does not answer; says why."""


@dataclass(frozen=True)
class Plan:
    """What a box is to be. Sizes are bytes, times seconds; `read` names more paths to show.

    `starts` lets programs start other programs, at most `processes` at a time.
    """

    tier: str
    memory: int = 1 << 30
    cpu: int = 10
    disk: int = 64 << 20
    python: str = ""
    read: tuple[str, ...] = ()
    starts: bool = False
    processes: int = 0


class Box:
    """A running zygote; `with` it, or call `close`."""

    def __init__(self, plan: Plan, slot: int = 0) -> None:
        self.plan = plan
        self._folder = tempfile.mkdtemp(prefix="synthgate-")
        self.alive = True
        self._control, theirs = socket.socketpair()
        try:
            self._process = self._spawn(theirs.fileno())
            theirs.close()
            self._control.settimeout(_START)
            send(self._control, asdict(self._config(slot)))
            said = receive(self._control)
        except (OSError, EOFError, BadFrame) as error:
            theirs.close()
            self.close()
            raise Broken(f"the sandbox did not start: {error or 'no answer'}") from None
        if "failed" in said:
            self.close()
            raise Broken(str(said["failed"]))
        self._control.settimeout(_END)

    def _spawn(self, handle: int) -> subprocess.Popen[bytes]:
        python = self.plan.python or sys.executable
        flags = ["-s", "-P", "-B", "-X", "utf8", *([] if self.plan.python else ["-S"])]
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        work = "/tmp" if self.plan.tier == "A" else self._work
        return subprocess.Popen(
            [python, *flags, "-c", _BOOT, str(handle), package],
            pass_fds=[handle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={
                "PYTHONHASHSEED": "0",
                "LANG": "C.UTF-8",
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": work,
                "TMPDIR": work,
            },
        )

    @property
    def _work(self) -> str:
        return os.path.join(self._folder, "work")

    def _config(self, slot: int) -> Config:
        plan, uid = self.plan, _UIDS + (os.getpid() & 0xFFFF) * 256 + slot
        os.chmod(self._folder, 0o711)
        root = os.path.join(self._folder, "root")
        os.mkdir(root, 0o755)
        os.mkdir(self._work, 0o700)
        if plan.tier != "A" and os.geteuid() == 0:
            os.chown(self._work, uid, uid)
        return Config(
            tier=plan.tier,
            uid=uid,
            root=root,
            work=self._work,
            read=_readable(plan),
            memory=plan.memory,
            cpu=plan.cpu,
            disk=plan.disk,
            starts=plan.starts,
            processes=plan.processes,
            preload=PRELOAD.split(),
        )

    def start(self, run: str, handles: Sequence[int], *, stdio: int = 0, **asked: Any) -> None:
        """Fork a program: `stdio` of the handles become its first descriptors, the others 3, 4.

        Raises `Broken` where the box is gone. The caller closes its own copies of the handles.
        """
        data = json.dumps({"run": run, "stdio": stdio, **asked}).encode()
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", handles))]
        try:
            message = struct.pack("!I", len(data)) + data
            sent = self._control.sendmsg([message], passed)
            self._control.sendall(message[sent:])
        except OSError as error:
            raise self._lost(error) from None

    def end(self, *, gone: bool = False) -> None:
        """Have the program and all that it started killed; `ended` waits for that.

        One that is known to be `gone` is given a moment to leave its exit code.
        """
        try:
            self._control.sendall(b"w" if gone else b"x")
        except OSError as error:
            raise self._lost(error) from None

    def ended(self) -> int:
        """Return how the program ended: its exit code, minus a signal, or `KILLED`."""
        try:
            data = self._control.recv(4)
        except OSError as error:
            raise self._lost(error) from None
        if len(data) != 4:
            raise self._lost(EOFError("it is gone"))
        (status,) = struct.unpack("!i", data)
        return int(status)

    def _lost(self, error: Exception) -> Broken:
        self.close()
        return Broken(f"the sandbox does not answer: {error}")

    def close(self) -> None:
        """End the zygote and everything in it."""
        if not self.alive:
            return
        self.alive = False
        self._control.close()
        if hasattr(self, "_process"):
            try:
                self._process.wait(2)  # it ends by itself where nobody is there to ask it
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        with suppress(OSError):
            shutil.rmtree(self._folder)

    def __enter__(self) -> Box:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def _readable(plan: Plan) -> list[str]:
    """Return the paths that a program may read: the standard library and what it is linked to."""
    if plan.python:
        asked = "import sys; print(sys.prefix); print(sys.base_prefix)"
        found = subprocess.run(
            [plan.python, "-c", asked], capture_output=True, text=True, timeout=_START, check=False
        )
        paths = found.stdout.split("\n")[:2]
    else:
        base, exact = sys.base_prefix, sys.base_exec_prefix
        places = {"base": base, "installed_base": base, "platbase": exact}
        paths = [sysconfig.get_path(name, vars=places) for name in ("stdlib", "platstdlib")]
        paths.append(sysconfig.get_config_var("LIBDIR") or "")
    more = _PROGRAMS if plan.starts else ()
    wanted = [*_LIBRARIES, *more, *paths, *plan.read]
    return sorted({path for path in wanted if path and path != "/"}, key=len)
