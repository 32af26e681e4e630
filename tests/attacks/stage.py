"""What attacks are after, laid out for one run: secrets, listeners, victims; what became of it."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import itertools
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

TOKEN = re.compile(rb"sg[0-9a-f]{9}")
NOBODY = 65534
ROOT = Path(__file__).resolve().parents[2]


def canary() -> str:
    """A secret whose look the programs know: `cnry` and 16 hexadecimal digits."""
    return "cnry" + secrets.token_hex(8)


class Listeners:
    """Sockets of every kind that a program could reach; `heard` holds the tokens that came in."""

    def __init__(self, folder: Path) -> None:
        self.heard: set[str] = set()
        self.abstract = "sgstage" + secrets.token_hex(4)
        self.path = str(folder / "socket")
        self._sockets = [
            self._bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            self._bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            *(
                self._bound(socket.AF_UNIX, kind, name + tail)
                for kind, tail in ((socket.SOCK_STREAM, ""), (socket.SOCK_DGRAM, ".dgram"))
                for name in (self.path, "\0" + self.abstract)
            ),
        ]
        self.tcp, self.udp = (each.getsockname()[1] for each in self._sockets[:2])
        for name in (self.path, self.path + ".dgram"):
            os.chmod(name, 0o777)
        if socket.has_ipv6:
            with contextlib.suppress(OSError):
                address = ("::1", self.tcp)
                self._sockets.append(self._bound(socket.AF_INET6, socket.SOCK_STREAM, address))
        for each in self._sockets:
            threading.Thread(target=self._listen, args=(each,), daemon=True).start()

    def _bound(self, family: int, kind: int, address: object) -> socket.socket:
        bound = socket.socket(family, kind)
        bound.bind(address)  # type: ignore[arg-type]
        if kind == socket.SOCK_STREAM:
            bound.listen(50)
        return bound

    def _listen(self, bound: socket.socket) -> None:
        while True:
            try:
                if bound.type == socket.SOCK_STREAM:
                    caller, _ = bound.accept()
                    with caller:
                        caller.settimeout(1)
                        self._hear(caller.recv(4096))
                else:
                    self._hear(bound.recv(4096))
            except TimeoutError:
                continue
            except OSError:
                return

    def _hear(self, data: bytes) -> None:
        self.heard |= {found.decode() for found in TOKEN.findall(data)} or {"?"}

    def close(self) -> None:
        """Stop listening."""
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class Victim:
    """A process of the same user that holds a secret, and how it was when it started."""

    def __init__(self, user: int | None) -> None:
        self.process = subprocess.Popen(
            ["/bin/sleep", "300"],
            env={"SECRET": canary()},
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self.process.pid
        self._before = self._looks()

    def _looks(self) -> tuple[object, ...]:
        base = f"/proc/{self.pid}/"
        with contextlib.suppress(OSError):
            fields = Path(base + "stat").read_text().rpartition(")")[2].split()
            limits = Path(base + "limits").read_text()
            badness = Path(base + "oom_score_adj").read_text()
            state = "stopped" if fields[0] in "TtZX" else "alive"
            affinity = tuple(os.sched_getaffinity(self.pid))
            policy = os.sched_getscheduler(self.pid)
            return state, fields[2], fields[16], limits, badness, affinity, policy
        return ("gone",)

    def hurt(self) -> bool:
        """Whether it was killed, stopped or changed."""
        return self.process.poll() is not None or self._looks() != self._before

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


class Bait:
    """A file that everybody may write, and how it was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("as it was")
        path.chmod(0o666)
        self._before = self._looks()

    def _looks(self) -> tuple[object, ...]:
        try:
            found = self.path.stat()
            names = tuple(os.listxattr(self.path))
            return found.st_mode, found.st_uid, found.st_mtime_ns, self.path.read_text(), names
        except OSError:
            return ()

    def hurt(self) -> bool:
        """Whether it is gone or changed."""
        return self._looks() != self._before


class Stage:
    """A folder with everything in it, for one run; `with` it."""

    def __init__(self, user: int | None) -> None:
        self.user = user
        self.folder = Path(tempfile.mkdtemp(prefix="sgstage"))
        self.outside = Path(tempfile.mkdtemp(prefix="sgstage", dir="/var/tmp"))
        # Every name of this run begins with its mark: what a killed run left behind, or one that
        # goes on beside it writes, is not of this run.
        mark = "sg" + secrets.token_hex(2)
        self.run = mark + "fffff"
        self._mark = mark
        self._mine = re.compile(mark.encode() + rb"[0-9a-f]{5}")
        self._numbers = itertools.count()
        self.folder.chmod(0o755)
        self.outside.chmod(0o755)
        for name, mode in (("home", 0o700), ("cwd", 0o777), ("place", 0o777), ("tmp", 0o1777),
                           ("bait", 0o777), ("out", 0o777)):  # fmt: skip
            (self.folder / name).mkdir()
            (self.folder / name).chmod(mode)
        if user is not None:
            os.chown(self.folder / "home", user, user)
        self.home_secret = self._secret(self.folder / "home" / "secret", 0o600)
        self.open_secret = self._secret(self.outside / "secret", 0o644)
        self.listeners = Listeners(self.folder)
        self.victims: dict[str, Victim] = {}
        self.baits: dict[str, Bait] = {}
        self.rows = self.folder / "rows.jsonl"
        self._rows_digest = ""

    def _secret(self, path: Path, mode: int) -> Path:
        path.write_text(canary())
        path.chmod(mode)
        if self.user is not None and mode == 0o600:
            os.chown(path, self.user, self.user)
        return path

    @property
    def places(self) -> list[str]:
        """Folders into which nothing must be written."""
        own = [self.folder / name for name in ("place", "home", "cwd", "tmp", "out")]
        package = ROOT / "synthgate"
        return [*map(str, own), str(self.outside), "/tmp", "/var/tmp", "/dev/shm", str(package)]

    def places_of(self, source: str) -> dict[str, str]:
        """What is filled into one program; victims are made for those that ask for them."""
        token = f"{self._mark}{next(self._numbers):05x}"
        filled = {
            "TOKEN": token,
            "RUN": self.run,
            "PLACES": ":".join(self.places),
            "STAGE": str(self.folder),
            "ROWS": str(self.rows),
            "TMPDIR": str(self.folder / "tmp"),
            "SECRET_HOME": str(self.home_secret),
            "SECRET_OPEN": str(self.open_secret),
            "TCP": str(self.listeners.tcp),
            "UDP": str(self.listeners.udp),
            "UNIX": self.listeners.path,
            "ABSTRACT": self.listeners.abstract,
        }
        if "@VICTIM@" in source:
            self.victims[token] = Victim(self.user)
            filled["VICTIM"] = str(self.victims[token].pid)
        if "@VICTIM_FILE@" in source:
            self.baits[token] = Bait(self.folder / "bait" / token)
            filled["VICTIM_FILE"] = str(self.baits[token].path)
        return filled

    def seal(self) -> None:
        """Remember the rows as they were written."""
        self.rows.chmod(0o644)
        self._rows_digest = _digest(self.rows)

    def effects(self) -> dict[str, set[str]]:
        """Return {token: what its program did}, "" for what no program can be named for."""
        found: dict[str, set[str]] = {}

        def add(token: str, what: str) -> None:
            found.setdefault(token, set()).add(what)

        for token in self.listeners.heard:
            add(token, "network")
        for token, victim in self.victims.items():
            if victim.hurt():
                add(token, "victim")
        for token, bait in self.baits.items():
            if bait.hurt():
                add(token, "file spoiled")
        for token in survivors(self._mine, {victim.pid for victim in self.victims.values()}):
            add(token, "process left")
        for path in self._written():
            known = self._mine.match(os.fsencode(path.name))
            add(known[0].decode() if known else "", f"file written: {path}")
        if self._rows_digest != _digest(self.rows):
            add("", "rows changed")
        return found

    def _written(self) -> list[Path]:
        found = [path for path in (self.folder / "tmp").iterdir() if not _is_ours(path)]
        for place in self.places:
            with contextlib.suppress(OSError):
                names = [name for name in os.listdir(place) if self._mine.match(os.fsencode(name))]
                found += [Path(place) / name for name in names]
        return found

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_error: object) -> None:
        self.listeners.close()
        for victim in self.victims.values():
            victim.close()
        for path in self._written():
            _remove(path)
        _forget(int(self.run[2:9], 16))
        for folder in (self.folder, self.outside):
            _remove(folder)


def _is_ours(path: Path) -> bool:
    return path.name.startswith("sgstage")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _forget(key: int) -> None:
    """Remove the System V objects of a key, should a program have left them."""
    libc = ctypes.CDLL(None)
    libc.shmctl(libc.shmget(key, 0, 0), 0, None)
    libc.msgctl(libc.msgget(key, 0), 0, None)
    libc.semctl(libc.semget(key, 0, 0), 0, 0)


def survivors(mine: re.Pattern[bytes], known: set[int]) -> set[str]:
    """Return the tokens of processes that still run and bear one in their name or arguments."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        if int(name) in known:
            continue
        for file in ("comm", "cmdline"):
            with contextlib.suppress(OSError):
                data = Path(f"/proc/{name}/{file}").read_bytes()
                found |= {each.decode() for each in mine.findall(data) if b"python" not in data}
    return found
