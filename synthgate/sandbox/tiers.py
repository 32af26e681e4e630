"""What this machine can hold back, found out by trying to break out.

Tier A is namespaces, Landlock, a filter of system calls and limits; tier B the same without
namespaces; tier C limits only. `auto` is A, else B, else a refusal: C is for those who name it.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from synthgate.sandbox.box import Box, Broken, Plan
from synthgate.sandbox.inside.values import BadFrame, pack, receive, send, unpack

IN_WORDS = {
    "A": "namespaces, Landlock, seccomp, limits",
    "B": "Landlock, seccomp, limits; no namespaces",
    "C": "limits only: nothing keeps a program from your files and your network",
}
_SECONDS = 10.0
# Each attempt returns True where it got out. Run as a candidate is, in the full jail.
_ATTEMPTS = """
import ctypes, os, socket, time

def write_outside(at):
    open(os.path.join(at["folder"], "written"), "w").close()
    return True

def read_a_secret(at):
    return open(os.path.join(at["folder"], "secret")).read() == at["secret"]

def connect(at):
    socket.create_connection(("127.0.0.1", at["port"]), 1).close()
    return True

def signal_the_harness(at):
    os.kill(at["pid"], 0)
    return True

def take_too_much_memory(at):
    held = bytearray(at["memory"])
    return len(held) > 0

def start_a_process(at):
    if os.fork() == 0:
        try:
            os.setsid()
        finally:
            time.sleep(60)
            os._exit(0)
    return True

def become_root_of_a_namespace(at):
    return ctypes.CDLL(None).unshare(0x10000000) == 0

def probe(at):
    out = []
    for attempt in (write_outside, read_a_secret, connect, signal_the_harness,
                    take_too_much_memory, start_a_process, become_root_of_a_namespace):
        try:
            if attempt(at):
                out.append(attempt.__name__)
        except BaseException:  # whatever it raises, the attempt did not get through
            pass
    return out
"""


class Refused(Exception):
    """No tier that was asked for holds on this machine; says why for each."""


@dataclass(frozen=True)
class Tier:
    """A tier that held, and what it is made of."""

    name: str

    def __str__(self) -> str:
        return f"tier {self.name} ({IN_WORDS[self.name]})"


def choose(wanted: str, plan: Plan) -> Tier:
    """Return the tier to use: the one that was named, or with `auto` the best one that holds.

    Raises `Refused` where none does, or where the named one lets an attempt through.
    """
    if wanted == "C":
        return Tier("C")
    failures = []
    for name in ("A", "B") if wanted == "auto" else (wanted,):
        why = test(replace(plan, tier=name))
        if not why:
            return Tier(name)
        failures.append(f"tier {name}: {why}")
    raise Refused("; ".join(failures))


def test(plan: Plan) -> str:
    """Return what is wrong with a tier on this machine, "" where it held against every attempt."""
    try:
        with Box(plan) as box, _bait() as bait:
            escaped = _attack(box, {**bait, "memory": 2 * plan.memory}, plan.starts)
    except Broken as error:
        return str(error)
    except (OSError, EOFError, BadFrame) as error:
        return f"the self-test did not run: {error or type(error).__name__}"
    return f"a test program could {', '.join(escaped)}".replace("_", " ") if escaped else ""


def _attack(box: Box, at: dict[str, object], starts: bool) -> list[str]:
    """Return the attempts that got out, the one to outlive the program among them."""
    ours, link = socket.socketpair()
    with ours, link:
        ours.settimeout(_SECONDS)
        box.start("candidate", [link.fileno()])
        link.close()
        send(ours, {"prompt": "", "text": _ATTEMPTS, "seed": 0, "entries": ["probe"]})
        if "ready" not in receive(ours):
            raise BadFrame("the self-test did not load")
        question = {"call": "probe", "args": pack([at]), "kwargs": pack({}), "back": False}
        send(ours, question)
        escaped = unpack(receive(ours)["value"])
        box.end()
        box.ended()
        if _survives(ours):
            escaped.append("outlive its end")
    if starts and "start_a_process" in escaped:
        escaped.remove("start_a_process")
    return [str(name) for name in escaped]


def _survives(link: socket.socket) -> bool:
    """Tell whether anybody still holds the other end: a program that was not killed does."""
    link.settimeout(2)
    try:
        while link.recv(1 << 16):
            pass
        return False
    except ConnectionError:
        return False
    except TimeoutError:
        return True


@contextmanager
def _bait() -> Iterator[dict[str, object]]:
    """Lay out, for the time of a `with` block, what a program must not reach."""
    secret = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="synthgate-bait-") as folder, socket.socket() as door:
        os.chmod(folder, 0o777)
        with open(os.path.join(folder, "secret"), "w") as file:
            file.write(secret)
        os.chmod(os.path.join(folder, "secret"), 0o644)
        with suppress(OSError):
            door.bind(("127.0.0.1", 0))
            door.listen()
        port = door.getsockname()[1]
        yield {"folder": folder, "secret": secret, "port": port, "pid": os.getpid()}
