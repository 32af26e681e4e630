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

from synthgate.sandbox.inside.jail import WORK, Config
from synthgate.sandbox.inside.values import BadFrame, receive, send
from synthgate.sandbox.outside import children, held, sweep

_PREFIX = "synthgate-box-"
KILLED = 256  # the exit code of a program that had to be ended
_START = 30.0  # seconds
_FILES = 4096  # in a work folder
_END = 10.0
_UIDS = 0x70000000  # users that own nothing
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[2]); import synthgate.sandbox.inside.zygote as z; "
    "sys.path.remove(sys.argv[2]); z.start()"
)
# Loaded once, in the zygote: what programs commonly import, and where the zygote drops the right to
# read its own library, whatever else they may. Each fork pays for the size of its zygote.
_COMMON = """
bisect collections copy datetime decimal fractions functools hashlib heapq itertools json math
operator random re statistics string time typing
"""
_WHOLE = """
abc argparse array ast asyncio base64 binascii bz2 calendar cmath codecs collections.abc
concurrent.futures concurrent.futures.thread contextlib contextvars csv dataclasses difflib dis
encodings.ascii encodings.idna encodings.latin_1 enum errno fileinput fnmatch getpass gettext
glob graphlib gzip hmac html importlib importlib.util inspect io ipaddress keyword linecache
locale logging lzma marshal mmap multiprocessing multiprocessing.pool numbers optparse os.path
pathlib pickle pickletools pkgutil platform posixpath pprint queue quopri reprlib runpy sched
secrets select selectors shelve shlex shutil signal socket stat stringprep struct subprocess
symtable sysconfig tarfile tempfile textwrap threading timeit token trace traceback tracemalloc
types unicodedata unittest unittest.mock urllib.error urllib.parse uuid weakref
xml.etree.ElementTree zipfile zlib zoneinfo
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
        self.alive = True
        sweep(_PREFIX)
        try:
            self._folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
        except OSError as error:
            raise Broken(f"the sandbox needs a temporary folder: {error}") from None
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
        if plan.tier == "A":
            self._tidy()  # it has a root of its own now

    def _spawn(self, handle: int) -> subprocess.Popen[bytes]:
        python = self.plan.python or sys.executable
        flags = ["-s", "-P", "-B", "-X", "utf8", *([] if self.plan.python else ["-S"])]
        package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        work = WORK if self.plan.tier == "A" else self._work
        return subprocess.Popen(
            [python, *flags, "-c", _BOOT, str(handle), package],
            pass_fds=[handle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
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
        plan, uid = self.plan, _nobody(slot)
        os.chmod(self._folder, 0o711)
        root = os.path.join(self._folder, "root")
        os.mkdir(root, 0o755)
        os.mkdir(self._work, 0o700)
        if plan.tier != "A" and uid >= 0:
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
            preload=(_COMMON if plan.tier == "A" else _COMMON + _WHOLE).split(),
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
        return self._number()

    def is_over(self) -> bool:
        """Tell whether the program has ended by itself."""
        try:
            self._control.sendall(b"?")
        except OSError as error:
            raise self._lost(error) from None
        return self._number() == 1

    def _number(self) -> int:
        try:
            data = self._control.recv(4)
        except OSError as error:
            raise self._lost(error) from None
        if len(data) != 4:
            raise self._lost(EOFError("it is gone"))
        (number,) = struct.unpack("!i", data)
        return int(number)

    def memory(self) -> int:
        """Return how many bytes the program and all that it started hold; 0 where none can tell.

        Read from outside: per-process limits say nothing about the sum.
        """
        pending, total = children(self._process.pid), 0
        while pending:
            pid = pending.pop()
            pending += children(pid)
            total += held(pid)
        return total

    def stored(self) -> int:
        """Return how many bytes lie in the work folder, where the file system has no limit."""
        if self.plan.tier == "A":
            return 0
        total, left = 0, _FILES
        for folder, _, names in os.walk(self._work):
            for name in names:
                left -= 1
                with suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            if left < 0:
                return sys.maxsize
        return total

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
        self._tidy()

    def _tidy(self) -> None:
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


def _nobody(slot: int) -> int:
    """Return a user that owns nothing, another one for each box; -1 where none can be had.

    Only root can become another user, and in a container only one that is mapped there.
    """
    if os.geteuid() != 0:
        return -1
    wanted = (_UIDS + (os.getpid() & 0xFFFF) * 256 + slot, 65534)
    try:
        with open("/proc/self/uid_map") as file:
            ranges = [tuple(map(int, line.split())) for line in file]
    except OSError:
        ranges = [(0, 0, 1 << 32)]
    mapped = (uid for uid in wanted for start, _, size in ranges if start <= uid < start + size)
    return next(mapped, -1)
