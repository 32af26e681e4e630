"""Commands from a process that has loaded everything: each one runs in a fork of it.

Most of the time of a short command is its imports, and a fork has them already. Otherwise it is
what a shell would start: a process of its own with real descriptors, its own folder, settings,
signal handlers and exit code. What a command is from its very start, `conftest.started`, the
golden cases, the examples of documents and the tests of signals and pipes run.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("httpx", "jinja2", "regex", "rich.console", "scipy.sparse", "wordllama")


class Forks:
    """The process, seen from the tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._env: dict[str, str] = {}

    def run(
        self, argv: list[str], stdin: bytes, cwd: str, env: dict[str, str], timeout: float
    ) -> tuple[int, bytes, bytes] | None:
        """Run one command; return its exit code, stdout and stderr.

        None while another one runs, and where the environment differs in more than settings of
        ours: what else it says may have counted when the process started.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            if self._server is None:
                self._start(env)
            return (
                self._run([argv, cwd, env], stdin, timeout) if _others(env) == self._env else None
            )
        finally:
            self._lock.release()

    def _start(self, env: dict[str, str]) -> None:
        self._env = _others(env)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
                cwd=ROOT, env=env, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        atexit.register(self.stop)

    def _run(self, request: list[Any], stdin: bytes, timeout: float) -> tuple[int, bytes, bytes]:
        (fed, feed), (out, told), (err, said) = os.pipe(), os.pipe(), os.pipe()
        socket.send_fds(self._socket, [json.dumps(request).encode()], [fed, told, said])
        for each in (fed, told, said):
            os.close(each)
        with ThreadPoolExecutor(3) as pool:
            pool.submit(_write, feed, stdin)
            read = [pool.submit(_read, each) for each in (out, err)]
            try:
                stdout, stderr = (each.result(timeout) for each in read)
            except TimeoutError:
                self.stop()
                raise
        return int(self._socket.recv(16)), stdout, stderr

    def stop(self) -> None:
        """End the process, and a command that hangs."""
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._socket.close()
            self._server = None


def _others(env: dict[str, str]) -> dict[str, str]:
    ours = ("SYNTHGATE_", "PYTEST_")
    return {name: value for name, value in env.items() if not name.startswith(ours)}


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


# --- in the process itself --------------------------------------------------------------


def _load() -> None:
    """Import what commands import, so far as it is installed."""
    package = importlib.import_module("synthgate")
    ours = [each.name for each in pkgutil.walk_packages(package.__path__, "synthgate.")]
    for name in (*ours, *LIBRARIES):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()


def _serve(requests: socket.socket) -> list[str]:
    """Fork for each request, one at a time; return the words of a command, in its fork."""
    while True:
        request, given, *_ = socket.recv_fds(requests, 1 << 20, 3)
        if not request:  # the tests are gone
            os._exit(0)
        child = os.fork()
        if not child:
            requests.close()
            return _settle(given, *json.loads(request))
        for each in given:
            os.close(each)
        _, status = os.waitpid(child, 0)
        requests.send(b"%d" % os.waitstatus_to_exitcode(status))


def _settle(given: list[int], argv: list[str], cwd: str, env: dict[str, str]) -> list[str]:
    """Become what was asked for: descriptors, folder, environment."""
    for number, each in enumerate(given):
        os.dup2(each, number)
        os.close(each)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = cwd
    sys.argv = ["synthgate", *argv]
    return argv


def _leave(code: Any) -> None:
    """Exit as Python does, but leave the memory to the kernel: taking it down is half the time."""
    threading._shutdown()
    atexit._run_exitfuncs()
    os._exit(code or 0)


if __name__ == "__main__":
    _load()
    words = _serve(socket.socket(fileno=int(sys.argv[1])))
    from synthgate.cli.app import main

    try:
        main(words)
    except SystemExit as error:
        _leave(error.code)
