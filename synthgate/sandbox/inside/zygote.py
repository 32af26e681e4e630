"""The zygote: a clean interpreter that forks one jailed process for each program.

It is executed afresh and is told what to fork, never what to run: code, arguments and tests go
from the harness to the forked process, over a descriptor that the zygote passes on. One program at
a time; what it leaves behind is gone before the next one starts.
"""

from __future__ import annotations

import array
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

from synthgate.sandbox.inside import candidate, kernel, oracle
from synthgate.sandbox.inside.jail import Jail, configured
from synthgate.sandbox.inside.values import receive, send

_MOST_FDS = 8
_FIRST_FD = 3
_LEAVING = 0.5  # seconds between the end of its streams and the end of a process
_PARK = 200  # above every descriptor that is in use


def main(handle: int) -> None:
    """Set the jail up, say so, and fork on request until the harness goes away."""
    control = socket.socket(fileno=handle)
    config = configured(receive(control))
    for name in config.preload:
        with suppress(ImportError):
            importlib.import_module(name)
    jail = Jail(config)
    try:
        jail.enter()
    except OSError as error:
        send(control, {"failed": str(error)})
        os._exit(1)
    gc.collect()
    gc.freeze()
    send(control, {"ready": True})
    while True:
        _serve_one(control, jail)


def _serve_one(control: socket.socket, jail: Jail) -> None:
    """Fork one program, wait for the word that it is over, leave nothing of it behind."""
    asked, fds = _request(control, jail)
    child = os.fork()
    if child == 0:
        _become_program(asked, fds, jail)
    if jail.config.tier != "A":
        with suppress(OSError):
            os.setpgid(child, child)
    for handle in fds:
        os.close(handle)
    word = control.recv(1)
    while word == b"?":
        over = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        control.sendall(struct.pack("!i", over))
        word = control.recv(1)
    if not word:
        with suppress(OSError):
            jail.clean(child)
        jail.leave()
    status = _ended(child, _LEAVING if word == b"w" else 0.0)
    jail.clean(child)
    control.sendall(struct.pack("!i", status))


def _request(control: socket.socket, jail: Jail) -> tuple[dict[str, Any], list[int]]:
    """Return what to fork and the descriptors for it; ends the process where nobody asks."""
    room = socket.CMSG_SPACE(_MOST_FDS * array.array("i").itemsize)
    data, ancillary, _, _ = control.recvmsg(4096, room)
    if not data:
        jail.leave()
    handles = array.array("i")
    for level, kind, held in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            handles.frombytes(held[: len(held) - len(held) % handles.itemsize])
    (length,) = struct.unpack("!I", data[:4])
    while len(data) < 4 + length:
        data += control.recv(4096)
    return json.loads(data[4:]), list(handles)


def _ended(child: int, patience: float) -> int:
    """Return how a program ended: its exit code, minus a signal, or 256 if it has to be killed."""
    until = time.monotonic() + patience
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return 256
        time.sleep(0.0005)


def _become_program(asked: dict[str, Any], fds: list[int], jail: Jail) -> NoReturn:
    """Lock this process in and run what was asked for; never returns."""
    try:
        if jail.config.tier != "A":
            os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _arrange(fds, asked["stdio"], jail)
        _PROGRAMS[asked["run"]](asked, len(fds) - asked["stdio"])
    except BaseException:  # a forked child must never go on as its zygote
        os._exit(1)
    os._exit(0)


def _arrange(fds: list[int], stdio: int, jail: Jail) -> None:
    """Put the descriptors where they belong, close every other one, and lock in."""
    null = os.open("/dev/null", os.O_RDWR)
    parked = [os.dup2(handle, _PARK + at, inheritable=False) for at, handle in enumerate(fds)]
    rules = os.dup2(jail.rules, _PARK + _MOST_FDS) if jail.rules >= 0 else -1
    for at in range(3):
        os.dup2(parked[at] if at < stdio else null, at)
    for at, handle in enumerate(parked[stdio:]):
        os.dup2(handle, _FIRST_FD + at, inheritable=False)
    last = _FIRST_FD + len(fds) - stdio
    if rules >= 0:
        rules = os.dup2(rules, last, inheritable=False)
        last += 1
    kernel.close_from(last)
    jail.lock(rules)


def _candidate(_asked: dict[str, Any], _handles: int) -> None:
    candidate.serve(_FIRST_FD)


def _program(_asked: dict[str, Any], _handles: int) -> None:
    candidate.run_program(_FIRST_FD)


def _oracle(_asked: dict[str, Any], _handles: int) -> None:
    oracle.judge(_FIRST_FD, _FIRST_FD + 1)


def _execute(asked: dict[str, Any], handles: int) -> None:
    """Become another program; a fourth descriptor stays open for it."""
    if handles:
        os.set_inheritable(_FIRST_FD, True)
    try:
        os.execve(asked["argv"][0], asked["argv"], asked["env"])
    except OSError as error:
        os.write(2, f"{asked['argv'][0]}: {error.strerror}".encode())
        os._exit(126)


_PROGRAMS = {
    "candidate": _candidate,
    "program": _program,
    "oracle": _oracle,
    "execute": _execute,
}


def start() -> None:
    """Run from the command line: the one argument is the control descriptor."""
    main(int(sys.argv[1]))
