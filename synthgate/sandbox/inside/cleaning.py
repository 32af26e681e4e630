"""What a program leaves behind, and how it goes: processes, files."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress


def kill_all() -> None:
    """Kill every process of the namespace but this one, its first. The kernel does it in one go."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    _reap()


def kill_group(leader: int) -> None:
    """Kill a program's process group, which the filter does not let it leave, then strays."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for _ in range(1000):
        strays = _children()
        if not strays:
            break
        for pid in strays:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap(os.WNOHANG)
    _reap()


def _children() -> list[int]:
    """Return the children of this process, orphans that it inherited among them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _reap(flags: int = 0) -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, flags)
        except ChildProcessError:
            return
        if pid == 0:
            return


def running(uid: int) -> int:
    """Return how many threads a user has, which its limit counts too."""
    count = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue
    return count


def empty(folder: str) -> None:
    """Remove everything in a folder without following a link out of it."""
    os.chmod(folder, 0o700)
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
