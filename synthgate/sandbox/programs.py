"""What is run in boxes and what comes back: tests against a candidate, and whole scripts.

Nothing that a candidate sends is a verdict. Tests run in a second box and call across; a script is
judged by the caller from what it printed. The wall clock is the harness's.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, Literal

from synthgate.sandbox.box import Box, Broken, Plan
from synthgate.sandbox.inside.values import BadFrame, Unencodable, receive, send

FLOOD = 1 << 20  # bytes of output; more is no answer
_TAIL = 2000  # bytes of stderr that are kept
_BLOCK = 1 << 16
_LOOK = 0.05  # seconds between two looks at what a program stores


@dataclass(frozen=True)
class Found:
    """What tests said of a candidate; `vacuous` names a stand-in that passes them too.

    `calls` counts the answers that crossed, `shared` says that nothing had to cross.
    """

    outcome: Literal["pass", "fail", "abstain"]
    reason: str = ""
    calls: int = 0
    vacuous: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Ran:
    """What a program printed and how it ended: its exit code, minus a signal; `why` it was cut."""

    stdout: bytes
    stderr: bytes
    status: int
    why: str = ""


class Rigs:
    """Pairs of boxes, candidate and oracle, lent to one thread at a time and made on demand."""

    def __init__(self, plan: Plan, seconds: float) -> None:
        self._plan, self._seconds = plan, seconds
        self._idle: SimpleQueue[Rig] = SimpleQueue()
        self._made: list[Rig] = []

    @contextmanager
    def lend(self) -> Iterator[Rig]:
        """Lend a rig for the time of a `with` block."""
        try:
            rig = self._idle.get_nowait()
        except Empty:
            rig = Rig(self._plan, self._seconds, 2 * len(self._made))
            self._made.append(rig)
        try:
            yield rig
        finally:
            self._idle.put(rig)

    def close(self) -> None:
        """End every box."""
        for rig in self._made:
            rig.close()


class Rig:
    """A box for candidates and a box for their tests. Boxes that broke are made anew."""

    def __init__(self, plan: Plan, seconds: float, slot: int) -> None:
        # Tests run once against the candidate and once more against the stand-ins.
        self._plans = plan, replace(plan, cpu=2 * plan.cpu)
        self._seconds, self._slot = seconds, slot
        self._boxes: list[Box | None] = [None, None]
        self._closed = False

    def _box(self, which: int) -> Box:
        box = self._boxes[which]
        if box is None or not box.alive:
            box = self._boxes[which] = Box(self._plans[which], self._slot + which)
        if self._closed:  # while this thread was making one
            box.close()
            raise Broken("the run has ended")
        return box

    def close(self) -> None:
        """End both boxes."""
        self._closed = True
        for box in self._boxes:
            if box is not None:
                box.close()

    def judge(self, task: dict[str, Any]) -> Found:
        """Return what the tests of a task say of its candidate.

        Raises `Broken` where no box can be had. A candidate that breaks a box twice has failed.
        """
        for _ in range(2):
            boxes = self._box(0), self._box(1)
            with suppress(Broken):
                return self._judged(*boxes, task)
        return Found("fail", "broke the sandbox")

    def _judged(self, candidate: Box, oracle: Box, task: dict[str, Any]) -> Found:
        home, theirs = socket.socketpair()
        ours, link = socket.socketpair()
        with home, theirs, ours, link:
            candidate.start("candidate", [link.fileno()])
            link.close()
            try:
                oracle.start("oracle", [theirs.fileno(), ours.fileno()])
                theirs.close()
                ours.close()
                return self._heard(home, task, candidate)
            finally:
                _ended(candidate, oracle)

    def _heard(self, home: socket.socket, task: dict[str, Any], candidate: Box) -> Found:
        """Return the verdict that comes from the tests' process; no verdict is a fail."""
        line: Any = _Timed(home, self._seconds, candidate)
        try:
            send(line, task)
            said = receive(line)
        except TimeoutError as error:
            return Found("fail", str(error) or "timeout")
        except Unencodable:
            return Found("abstain", "too large")
        except (OSError, EOFError, BadFrame):
            return Found("fail", "no verdict")
        if not _is_verdict(said):
            return Found("fail", "no verdict")
        reason = said["reason"].encode("utf-8", "backslashreplace").decode()  # it is hostile text
        found = Found(said["outcome"], reason, said["calls"], shared="shared" in said)
        if found.outcome != "pass" or not task["stand_ins"]:
            return found
        try:
            line.extend(self._seconds)
            return replace(found, vacuous=str(receive(line).get("vacuous", ""))[:100])
        except (OSError, EOFError, BadFrame):
            return found  # the stand-ins took too long: not shown to be vacuous

    def run(self, text: str, stdin: bytes, seed: int) -> Ran:
        """Return what a script prints for some input; raises `Broken` as `judge` does."""
        for _ in range(2):
            box = self._box(0)
            with suppress(Broken):
                return self._ran(box, text, stdin, seed)
        return Ran(b"", b"", 1, "broke the sandbox")

    def _ran(self, box: Box, text: str, stdin: bytes, seed: int) -> Ran:
        ours, link = socket.socketpair()
        with ours, link, Pipes() as pipes:
            box.start("program", [*pipes.theirs, link.fileno()], stdio=3)
            link.close()
            pipes.passed()
            why = "stopped"
            try:
                task = {"text": text, "seed": seed}
                why = pipes.hand_over(ours, task, stdin, self._seconds, box)
            finally:
                box.end(gone=not why)
                status = box.ended()
            return Ran(bytes(pipes.stdout), bytes(pipes.stderr), status, why)


def _is_verdict(said: Any) -> bool:
    return (
        type(said) is dict
        and said.get("outcome") in ("pass", "fail", "abstain")
        and type(said.get("reason")) is str
        and type(said.get("calls")) is int
    )


def _ended(*boxes: Box) -> None:
    """End the programs of all boxes, side by side, also where one of them is gone."""
    lost: list[Broken] = []
    for step in (Box.end, Box.ended):
        for box in boxes:
            if box.alive:
                try:
                    step(box)
                except Broken as error:
                    lost.append(error)
    if lost:
        raise lost[0]


class _Timed:
    """A socket under one deadline for everything, however slowly the other side drips.

    While it waits it looks at what the candidate stores, where the file system has no limit.
    """

    def __init__(self, link: socket.socket, seconds: float, candidate: Box) -> None:
        self._link, self._until, self._candidate = link, time.monotonic() + seconds, candidate
        self._step = _LOOK if candidate.plan.tier != "A" else seconds

    def extend(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def recv(self, size: int) -> bytes:
        while True:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._link.settimeout(min(left, self._step))
            with suppress(TimeoutError):
                return self._link.recv(size)
            _refuse_hoard(self._candidate)

    def sendall(self, data: bytes) -> None:
        self._link.settimeout(max(0.01, self._until - time.monotonic()))
        self._link.sendall(data)


def _refuse_hoard(box: Box) -> None:
    if box.stored() > box.plan.disk:
        raise TimeoutError("too much on disk")


class Pipes:
    """The standard streams of a program: what goes in, and a bounded part of what comes out."""

    def __init__(self) -> None:
        pairs = [os.pipe(), os.pipe(), os.pipe()]
        self._in, self._out, self._err = pairs[0][1], pairs[1][0], pairs[2][0]
        self.theirs = [pairs[0][0], pairs[1][1], pairs[2][1]]
        self._open = {handle for pair in pairs for handle in pair}
        self.stdout, self.stderr = bytearray(), bytearray()

    def __enter__(self) -> Pipes:
        return self

    def __exit__(self, *_error: object) -> None:
        for handle in list(self._open):
            self._close(handle)

    def _close(self, handle: int) -> None:
        if handle in self._open:
            self._open.remove(handle)
            os.close(handle)

    def passed(self) -> None:
        """Close what the program holds now."""
        for handle in self.theirs:
            self._close(handle)

    def hand_over(
        self, link: socket.socket, task: dict[str, Any], stdin: bytes, seconds: float, box: Box
    ) -> str:
        """Give a program its text and its input; return why it was cut off, "" if it ended."""
        until = time.monotonic() + seconds
        try:
            link.settimeout(seconds)
            send(link, task)
        except Unencodable:
            return "too large"
        except OSError:
            pass  # it is gone already: what it printed will show why
        link.setblocking(False)
        with selectors.DefaultSelector() as watched:
            for handle in (self._in, self._out, self._err):
                os.set_blocking(handle, False)
            watched.register(link, selectors.EVENT_READ, self._until_gone(link))
            watched.register(self._out, selectors.EVENT_READ, self._reader(self.stdout))
            watched.register(self._err, selectors.EVENT_READ, self._reader(self.stderr))
            watched.register(self._in, selectors.EVENT_WRITE, self._writer(stdin))
            try:
                return self._pump(watched, until, box)
            except TimeoutError as error:
                return str(error) or "timeout"

    def _pump(self, watched: selectors.BaseSelector, until: float, box: Box) -> str:
        """Move bytes until the program is gone; never waits for the end of a stream."""
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            gone = False
            if not (ready := watched.select(left if box.plan.tier == "A" else min(left, _LOOK))):
                _refuse_hoard(box)
            for key, _ in ready:
                step: Callable[[int], bool | None] = key.data
                more = step(key.fd)
                if more is False:
                    watched.unregister(key.fileobj)
                gone = gone or more is None
            if len(self.stdout) > FLOOD:
                return "too much output"
            del self.stderr[:-_TAIL]
            if gone:
                self._drain()
                return "too much output" if len(self.stdout) > FLOOD else ""

    def _drain(self) -> None:
        """Read what is still in the pipes of a program that has ended."""
        for handle, into in ((self._out, self.stdout), (self._err, self.stderr)):
            read = self._reader(into)
            while handle in self._open and len(into) <= FLOOD and read(handle):
                pass

    def _until_gone(self, link: socket.socket) -> Callable[[int], bool | None]:
        def step(_handle: int) -> bool | None:
            try:
                return True if link.recv(_BLOCK) else None
            except OSError:
                return None

        return step

    def _reader(self, into: bytearray) -> Callable[[int], bool]:
        def step(handle: int) -> bool:
            try:
                data = os.read(handle, _BLOCK)
            except OSError:
                return False
            into.extend(data)
            return bool(data)

        return step

    def _writer(self, data: bytes) -> Callable[[int], bool]:
        left = memoryview(data)

        def step(handle: int) -> bool:
            nonlocal left
            try:
                left = left[os.write(handle, left[:_BLOCK]) :] if left else left
            except BlockingIOError:
                return True
            except OSError:
                left = left[:0]
            if left:
                return True
            self._close(handle)
            return False

        return step
