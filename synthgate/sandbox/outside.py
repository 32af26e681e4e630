"""Boxes seen from outside: what their processes hold, and what killed runs left of them."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache


def children(pid: int) -> list[int]:
    """Return the children of a process."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(each) for each in file.read().split()]
    except OSError:
        return []


def held(pid: int) -> int:
    """Return the memory of a process that it does not share with a file, in bytes."""
    with suppress(OSError), open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file if line.startswith(("RssAnon", "RssShm")))
        return sum(int(value.split()[0]) for value in lines.values()) << 10
    return 0


@cache
def sweep(prefix: str) -> None:
    """Remove folders of runs that were killed: once, before the first box of this one."""
    for path in glob.glob(os.path.join(tempfile.gettempdir(), f"{prefix}*")):
        pid = os.path.basename(path).removeprefix(prefix).partition("-")[0]
        with suppress(OSError):
            if pid.isdigit() and os.stat(path).st_uid == os.geteuid() and not _runs(int(pid)):
                shutil.rmtree(path)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
