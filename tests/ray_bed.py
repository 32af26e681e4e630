"""Ray nodes as processes of this machine, for tests and benchmarks; only these are ever ended.

Each cluster has ports and folders of its own, small object stores, and no dashboard.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

STORE = 80 << 20  # bytes of a node's object store
_WATCHFUL = {  # a dead node is missed within seconds
    "health_check_initial_delay_ms": 2000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 10_000,
    "health_check_failure_threshold": 3,
}
# Ray would let its tasks wait behind whatever else this machine does.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_worker_niceness": "0",
}


class Bed:
    """A cluster of nodes, each of one processor; the first is its head."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.address = f"127.0.0.1:{_free_port()}"

    def start(self, store: int = STORE) -> None:
        """Start one more node and wait until the cluster knows it.

        Ray gives a node half a minute for that, which a busy machine may not: then once more.
        """
        for again in (True, True, False):
            said = self._try(store)
            if b"runtime started" in said:
                return
            self.kill(-1)
            self.nodes.pop()
            if not again:
                raise RuntimeError(f"the Ray node did not start: {said.decode()}")

    def _try(self, store: int) -> bytes:
        """Start a node; return what it says until it is known, or all of it if it ends before."""
        host, _, port = self.address.partition(":")
        where = ["--address", self.address]
        if not self.nodes:
            where = ["--head", "--port", port, "--temp-dir", self._folder]
            where += ["--include-dashboard", "false", "--system-config", json.dumps(_WATCHFUL)]
        node = subprocess.Popen(
            [
                sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *where,
                "--node-ip-address", host, "--num-cpus", "1", "--object-store-memory", str(store),
                "--disable-usage-stats",
            ],
            env={**os.environ, **_QUIET}, start_new_session=True, cwd=self._folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.nodes.append(node)
        said = b""
        while b"runtime started" not in said:
            line = node.stdout.readline() if node.stdout else b""
            if not line:
                break
            said += line
        return said

    def tasks(self) -> dict[str, int]:
        """Return the tasks that run now, {name: a process}: Ray gives their names to processes."""
        sessions = {node.pid for node in self.nodes}
        names = {}
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                name = place.read_bytes().rstrip(b"\0")
                if name.startswith(b"ray::") and os.getsid(int(place.parent.name)) in sessions:
                    names[name.removeprefix(b"ray::").decode()] = int(place.parent.name)
        return names

    def kill(self, number: int) -> None:
        """End a node as a power cut does."""
        node = self.nodes[number]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, signal.SIGKILL)
        node.wait()
        if node.stdout is not None:
            node.stdout.close()

    def stop(self) -> None:
        """End all nodes."""
        for number in reversed(range(len(self.nodes))):
            self.kill(number)


@contextlib.contextmanager
def bed(nodes: int, store: int = STORE) -> Iterator[Bed]:
    """Start a cluster for the time of a `with` block."""
    folder = tempfile.mkdtemp(prefix="sg-ray-", dir="/tmp")  # a socket's name has 107 bytes
    made = Bed(folder)
    try:
        for _ in range(nodes):
            made.start(store)
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":  # python -m tests.ray_bed NODES: a cluster until Enter
    with bed(int(sys.argv[1])) as running:
        print(running.address, flush=True)
        sys.stdin.readline()
