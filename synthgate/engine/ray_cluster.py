"""A Ray cluster as this program uses it: tasks over items, in order, a bounded number in flight.

Ray Core and nothing above it. A task that is lost with its node is run again by Ray, and so are the
tasks whose results it needs and that were lost too; tasks are pure, so that it gives the same.
No task waits for another: it begins when all that it needs is there. One that asked for it while it
ran kept its processor, and on the last node left nobody could make again what was lost.
Memory of this process: what `run` has fetched and not yet handed on, and what Ray keeps of each
task and object (docs/scale.md).
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from synthgate.errors import BadLine, InputError, SynthgateError, Unreachable, UsageError
from synthgate.version import __version__

INSTALL = "uv pip install 'synthgate[ray]'"
RETRIES = 5  # how often a task is started again when its node is gone
AHEAD = 2  # tasks in flight for each processor of the cluster
_STAYS, _NOTHING = 104 << 10, 1 << 10  # bytes
_TICK = 0.2  # seconds that a signal may wait
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SECONDS = 5.0  # for the head to answer at all
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}  # the second one only keeps a warning away
Ref = Any


@dataclass(frozen=True)
class Failed:
    """What a task returns instead of raising what a user can act on: Ray must not try it again."""

    error: SynthgateError


def _carried(error: SynthgateError) -> SynthgateError:
    """Return an error that can be sent: a bad line has more than its text."""
    return InputError(str(error)) if isinstance(error, BadLine) else error


def guarded(work: Callable[..., Any], left: int) -> Callable[..., Any]:
    """Return a task: what the work returns is (what is told, `left` things that stay there).

    A task is given the arguments of the work as `lifted` leaves them, and what was lifted out.
    """

    def task(args: list[Any], *lifted: Any) -> Any:
        try:
            found = work(*_filled(args, lifted))
        except SynthgateError as error:
            failed = Failed(_carried(error))
            return (failed, *[None] * left) if left else failed
        return (found[0], *map(staying, found[1:])) if left else found

    return task


@dataclass(frozen=True)
class Stays:
    """Something that a task leaves, made so large that Ray leaves it where it is.

    Ray sends what is below 100 KiB to the driver, which would hold it for every part of the input.
    """

    value: Any
    weight: bytes


def staying(value: Any) -> Stays:
    """Return what a task leaves; next to nothing (an empty share) is not worth a place."""
    buffers: list[pickle.PickleBuffer] = []
    size = len(pickle.dumps(value, 5, buffer_callback=buffers.append))
    size += sum(buffer.raw().nbytes for buffer in buffers)
    return Stays(value, bytes(max(0, _STAYS - size)) if size > _NOTHING else b"")


@dataclass(frozen=True)
class _Slot:
    """Where in the arguments of a task a value goes that it waits for."""

    number: int


def lifted(args: Any, kind: type, out: list[Any]) -> Any:
    """Return arguments with a slot for each reference in their lists and tuples; fill `out`."""
    if isinstance(args, kind):
        out.append(args)
        return _Slot(len(out) - 1)
    if type(args) in (list, tuple):
        return type(args)(lifted(each, kind, out) for each in args)
    return args


def _filled(args: Any, values: tuple[Any, ...]) -> Any:
    if isinstance(args, _Slot):
        value = values[args.number]
        return value.value if isinstance(value, Stays) else value
    if type(args) in (list, tuple):
        return type(args)(_filled(each, values) for each in args)
    return args


class Cluster:
    """A connection to a Ray cluster, closed at the end of a `with` block."""

    def __init__(self, address: str) -> None:
        self._ray = _imported()
        with _undisturbed():
            _connect(self._ray, address)
        try:
            self.nodes = self._roll_call()
        except BaseException:  # Ctrl-C too: no connection stays behind
            self._ray.shutdown()
            raise
        self.processors = max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        sizes = [node["Resources"].get("CPU", 1) for node in self._ray.nodes() if node["Alive"]]
        self._largest = max(1, int(max(sizes, default=1)))
        self.tasks = 0

    def _roll_call(self) -> int:
        """Return the number of nodes; each of them must have this version of this program."""
        ray = self._ray
        alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        ask = ray.remote(num_cpus=0, max_retries=1)(_present)
        asked = [
            ask.options(scheduling_strategy=strategy(node, soft=True)).remote() for node in alive
        ]
        ours = _present()[1:]
        for host, *theirs in self._waited(asked, "a node cannot run synthgate"):
            if tuple(theirs) != ours:
                known = "synthgate {} on Python {}"
                raise Unreachable(
                    f"ray: {host} has {known.format(*theirs)}, this is {known.format(*ours)}"
                )
        return len(alive)

    def _waited(self, refs: Any, what: str) -> Any:
        """Return results; whatever breaks in Ray itself is one plain error."""
        errors = self._ray.exceptions
        some = refs if isinstance(refs, list) else [refs]
        try:
            missing = some
            while missing:
                with _undisturbed():
                    _, missing = self._ray.wait(missing, num_returns=len(missing), timeout=_TICK)
            with _undisturbed():
                return self._ray.get(refs)
        except errors.RayTaskError as error:
            if what:
                raise Unreachable(f"ray: {what}: {_last(error)}") from None
            raise
        except (errors.RayError, ConnectionError) as error:
            raise Unreachable(f"ray: {_last(error)}") from None

    def put(self, value: Any) -> Ref:
        """Return a reference to a value that many tasks are given; it is sent to a node once."""
        with _undisturbed():
            return self._ray.put(value)

    def run(
        self,
        work: Callable[..., Any],
        items: Iterable[Any],
        *shared: Any,
        left: int = 0,
        alone: bool = False,
    ) -> Iterator[Any]:
        """Yield what `work(item, *shared)` returns, in the order of the items.

        References in lists and tuples of the arguments become what they refer to.
        With `left`, work returns a tuple of so many things more; they stay where they are, and what
        is yielded is (the first thing, references to the others). So many tasks are in flight as
        keep all processors busy, results that wait for their turn included. `alone` gives a task
        all processors of a node.
        """
        options = {
            "num_cpus": self._largest if alone else 1,
            "max_retries": RETRIES,
            "num_returns": 1 + left,
            "name": work.__name__.strip("_"),
        }
        task = self._ray.remote(**options, scheduling_strategy="SPREAD")(guarded(work, left))
        flying: deque[Any] = deque()
        for item in items:
            if len(flying) >= AHEAD * self.processors:
                yield self._landed(flying.popleft())
            with _undisturbed():
                needs: list[Ref] = []
                args = lifted([item, *shared], self._ray.ObjectRef, needs)
                flying.append(task.remote(args, *needs))
            self.tasks += 1
        while flying:
            yield self._landed(flying.popleft())

    def _landed(self, refs: Any) -> Any:
        several = isinstance(refs, list)
        told = self._waited(refs[0] if several else refs, "")
        if isinstance(told, Failed):
            raise told.error
        return (told, refs[1:]) if several else told

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _undisturbed():
            self._ray.shutdown()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a signal wait until Ray has returned: an exception from a handler would break it.

    Ray's own handlers, which it sets where it is started, are taken away again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {each: signal.getsignal(each) for each in _SIGNALS}
    for each in _SIGNALS:
        if before[each] is not signal.SIG_IGN:
            signal.signal(each, lambda signum, _: came.append(signum))
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for signum in came[:1]:
            signal.raise_signal(signum)


def _present() -> tuple[str, str, str]:
    """Return where this is, and what runs here."""
    return socket.gethostname(), __version__, ".".join(map(str, sys.version_info[:2]))


def _imported() -> Any:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError:
        raise UsageError(f"--engine ray needs an extra; install it with: {INSTALL}") from None
    return ray


def _connect(ray: Any, address: str) -> None:
    if "://" in address:
        raise UsageError(f"--ray-address {address}: give HOST:PORT of the head, auto or local")
    if address not in ("auto", "local"):
        _knock(address)
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    more = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, **quiet, **more)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        hint = "start one with ray start --head, or say --ray-address local"
        raise Unreachable(f"--ray-address {address}: {_last(error)}; {hint}") from None


def _knock(address: str) -> None:
    """Find out in seconds that nobody is there; Ray itself takes minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "give it as HOST:PORT"
        raise Unreachable(f"--ray-address {address}: {str(reason).lower()}") from None


def _last(error: BaseException) -> str:
    """Return the last line of an error that may be a whole traceback, and not too much of it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
